import { api, patiently } from "./api.js";
import { routeOf } from "./model/route.js";
import { Workspace } from "./model/workspace.js";
import { invitePage } from "./pages/invite-page.js";
import { loginPage } from "./pages/login-page.js";
import { openingPage } from "./pages/opening-page.js";
import { setupPage } from "./pages/setup-page.js";
import { WorkspacePage } from "./pages/workspace-page.js";
import { forgetSession, outboxMemory } from "./session-memory.js";
import { Connection } from "./socket.js";

const app = document.getElementById("app");
let workspace = null;
let workspacePage = null;

/** Shows what the address says, as far as the person may see it. */
function show() {
  const route = routeOf(location.pathname) ?? { page: "workspace", channelId: null };
  if (route.page === "invite") {
    leaveWorkspace();
    showInvite(route.code);
  } else if (workspacePage) {
    workspacePage.open(route.channelId);
  } else {
    enter(route.channelId);
  }
}

function mount(page) {
  app.replaceChildren(page);
  page.querySelector("input")?.focus();
}

function showInvite(code) {
  const register = async (form) => {
    await api.register({ ...form, invite: code });
    history.replaceState(null, "", "/");
    show();
  };
  mount(invitePage(register));
}

function showSetup() {
  mount(setupPage(async (form) => {
    await api.setUp(form);
    show();
  }));
}

function showLogin() {
  leaveWorkspace();
  mount(loginPage(async (form) => {
    await api.login(form);
    show();
  }));
}

/** Opens the workspace, or the page that has to come before it. */
async function enter(channelId) {
  const opening = openingPage();
  mount(opening.page);
  const patience = (read) => patiently(read, () => opening.say("Snug is waking up. One moment…"));
  try {
    const setup = await patience(api.setupState);
    if (setup.needed) {
      showSetup();
    } else {
      await openWorkspace(await patience(api.me), setup.workspace || "Snug", channelId);
    }
  } catch (error) {
    if (error.code === "unauthenticated") {
      showLogin();
    } else {
      opening.say(error.message);
    }
  }
}

async function openWorkspace(me, name, channelId) {
  workspace = new Workspace({
    me,
    name,
    api,
    patiently,
    storage: outboxMemory(me.id),
    connect: (hello) => new Connection({ hello, open: () => new WebSocket(socketUrl()) }),
  });
  workspace.addEventListener("ended", showLogin);
  await workspace.start();
  workspacePage = new WorkspacePage();
  mount(workspacePage);
  workspacePage.addEventListener("leave", logOut);
  workspacePage.show(workspace, api);
  workspacePage.open(channelId);
}

function leaveWorkspace() {
  workspace?.stop();
  workspace = null;
  workspacePage = null;
}

async function logOut() {
  workspace.stop();
  try {
    await api.logout();
  } catch (error) {
    if (error.code !== "unauthenticated") {
      workspace.connection.start();
      workspace.notice(`You are still logged in. ${error.message}`);
      return;
    }
  }
  leaveWorkspace();
  forgetSession();
  history.pushState(null, "", "/");
  showLogin();
}

function socketUrl() {
  const url = new URL("/api/ws", location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/** Links within the client are followed without loading a page. */
function followLink(event) {
  const link = event.target.closest("a[href]");
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.origin !== location.origin) {
    return;
  }
  if (link.classList.contains("skip-link")) {
    event.preventDefault();
    document.getElementById("content").focus();
  } else if (routeOf(link.pathname)) {
    event.preventDefault();
    history.pushState(null, "", link.pathname);
    show();
  }
}

document.addEventListener("click", followLink);
window.addEventListener("popstate", show);
window.addEventListener("online", () => workspace?.connection.wake());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") {
    workspace?.connection.wake();
  }
});
show();
