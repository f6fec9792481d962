import { addressOf, base } from "./address.js";
import { api, patiently } from "./api.js";
import { channelPath, routeOf } from "./model/route.js";
import { Workspace } from "./model/workspace.js";
import { invitePage } from "./pages/invite-page.js";
import { loginPage } from "./pages/login-page.js";
import { openingPage } from "./pages/opening-page.js";
import { resetPage } from "./pages/reset-page.js";
import { setupPage } from "./pages/setup-page.js";
import { WorkspacePage } from "./pages/workspace-page.js";
import { forgetSession, outboxMemory } from "./session-memory.js";
import { Connection } from "./socket.js";

const app = document.getElementById("app");
let workspaceName = "";
let workspace = null;
let workspacePage = null;

/** Shows what the address says, as far as the person may see it. */
function show() {
  const route = routeOf(location.pathname, base) ?? { page: "workspace", channelId: null };
  if (workspacePage && route.page === "workspace") {
    workspacePage.open(route.channelId);
  } else {
    arrive(route);
  }
}

function mount(page) {
  app.replaceChildren(page);
  page.querySelector("input")?.focus();
}

/** Opens the page of a route, or the one that has to come before it. */
async function arrive(route) {
  leaveWorkspace();
  const opening = openingPage();
  mount(opening.page);
  const patience = (read) => patiently(read, () => opening.say("Snug is waking up. One moment…"));
  try {
    const setup = await patience(api.setupState);
    workspaceName = setup.workspace;
    if (setup.needed) {
      showSetup();
    } else if (route.page === "invite") {
      showInvite(route.code);
    } else if (route.page === "reset") {
      showReset(route.code);
    } else {
      await openWorkspace(await patience(api.me), route.channelId);
    }
  } catch (error) {
    if (error.code === "unauthenticated") {
      showLogin();
    } else {
      opening.say(error.message);
    }
  }
}

function showSetup() {
  mount(setupPage(async (form) => {
    await api.setUp(form);
    show();
  }));
}

function showInvite(code) {
  const register = async (form) => {
    await api.register({ ...form, invite: code });
    history.replaceState(null, "", addressOf("/"));
    show();
  };
  mount(invitePage(workspaceName, register));
}

function showReset(code) {
  const choose = async (form) => {
    await api.resetPassword({ ...form, code });
    history.replaceState(null, "", addressOf("/"));
    show();
  };
  mount(resetPage(choose));
}

function showLogin() {
  leaveWorkspace();
  const login = async (form) => {
    await api.login(form);
    show();
  };
  mount(loginPage(workspaceName, login));
}

async function openWorkspace(me, channelId) {
  workspace = new Workspace({
    me,
    name: workspaceName,
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
  workspacePage.addEventListener("open-channel", (event) => openChannel(event.detail.id));
  workspacePage.show(workspace, api);
  workspacePage.open(channelId);
}

function openChannel(id) {
  history.pushState(null, "", addressOf(id ? channelPath(id) : "/"));
  show();
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
  history.pushState(null, "", addressOf("/"));
  showLogin();
}

function socketUrl() {
  const url = new URL(addressOf("/api/ws"), location.href);
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
  } else if (routeOf(link.pathname, base)) {
    event.preventDefault();
    history.pushState(null, "", link.pathname);
    show();
  }
}

document.addEventListener("click", followLink);
document.addEventListener("keydown", (event) => workspacePage?.shortcut(event));
window.addEventListener("popstate", show);
window.addEventListener("online", () => workspace?.connection.wake());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") {
    workspace?.connection.wake();
  }
});
show();
