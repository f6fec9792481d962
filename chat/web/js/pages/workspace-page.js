import { el } from "../dom.js";
import { ChannelDialog } from "../components/channel-dialog.js";
import { ChannelHeader } from "../components/channel-header.js";
import { ChannelSidebar } from "../components/channel-sidebar.js";
import { ChannelsDialog } from "../components/channels-dialog.js";
import { ConnectionStrip } from "../components/connection-strip.js";
import { InviteDialog } from "../components/invite-dialog.js";
import { MessageCollection } from "../components/message-collection.js";
import { MessageComposer } from "../components/message-composer.js";
import { MessageList } from "../components/message-list.js";
import { MessageMenu } from "../components/message-menu.js";
import { ProfileDialog } from "../components/profile-dialog.js";
import { SearchDialog } from "../components/search-dialog.js";
import { ThreadPanel } from "../components/thread-panel.js";
import { TypingIndicator } from "../components/typing-indicator.js";
import { isShownInChannel } from "../model/thread.js";
import { channelTitle } from "../components/channel-names.js";

const phone = window.matchMedia("(width <= 48rem)");

/** The workspace: sidebar, and the conversation of one channel. Events (bubbling): "leave"; "open-channel" with detail {id}. */
export class WorkspacePage extends HTMLElement {
  #workspace;
  #api;
  #channelId = null;
  #sidebar = new ChannelSidebar();
  #header = new ChannelHeader();
  #strip = new ConnectionStrip();
  #list = new MessageList();
  #typing = new TypingIndicator();
  #composer = new MessageComposer();
  #invite = new InviteDialog();
  #thread = new ThreadPanel();
  #menu = new MessageMenu();
  #collection = new MessageCollection();
  #search = new SearchDialog();
  #channels = new ChannelsDialog();
  #about = new ChannelDialog();
  #profile = new ProfileDialog();
  #conversation = el(
    "main",
    { class: "conversation", id: "content", tabindex: "-1" },
    this.#header,
    this.#strip,
    this.#list,
    this.#typing,
    this.#composer,
  );

  show(workspace, api) {
    this.#workspace = workspace;
    this.#api = api;
    const veil = el("button", { type: "button", class: "sidebar-veil", tabindex: "-1", "aria-hidden": "true" });
    veil.addEventListener("click", () => this.#openSidebar(false));
    this.append(this.#sidebar, veil, this.#conversation, this.#thread, this.#invite, this.#menu, this.#collection, this.#search, this.#channels, this.#about, this.#profile);
    this.#sidebar.show(workspace);
    this.#strip.show(workspace);
    this.#list.show(workspace);
    this.#invite.show(api);
    this.#thread.show(workspace, api);
    this.#composer.upload = api.upload;
    this.#collection.show(workspace);
    this.#search.show(workspace);
    this.#channels.show(workspace, api);
    this.#about.show(workspace, api);
    this.#profile.show(workspace, api);
    this.#listen();
    this.#listenToMessages();
    this.#openSidebar(false);
  }

  /** Shows a channel; null, and one that is not there, show the first. */
  open(channelId) {
    const { channels } = this.#workspace;
    const channel = channels.get(channelId) ?? channels.values().next().value;
    if (channel && channel.id !== this.#channelId) {
      this.#channelId = channel.id;
      this.#openThread(null);
      this.#sidebar.current = channel.id;
      this.#typing.show(this.#workspace, channel.id);
      this.#composer.open(channel);
      this.#list.open(channel.id);
      this.#renderHeader();
    }
    this.#openSidebar(false);
    if (!phone.matches) {
      this.#composer.focus();
    }
  }

  #listen() {
    this.#workspace.addEventListener("channels", () => this.#channelsChanged());
    this.#workspace.addEventListener("people", () => this.#renderHeader());
    this.#composer.addEventListener("write", (event) => {
      this.#workspace.send(this.#channelId, event.detail.body, null, event.detail.files);
      this.#list.written();
    });
    this.#composer.addEventListener("typing", () => this.#workspace.tellTyping(this.#channelId));
    this.addEventListener("compose", () => this.#composer.focus());
    this.addEventListener("invite", () => {
      this.#openSidebar(false);
      this.#invite.open();
    });
    this.addEventListener("profile", () => {
      this.#openSidebar(false);
      this.#profile.open();
    });
    this.addEventListener("browse", () => {
      this.#openSidebar(false);
      this.#channels.open();
    });
    this.addEventListener("about", () => this.#about.open(this.#workspace.channels.get(this.#channelId)));
    this.addEventListener("direct", (event) => this.#writeTo(event.detail.userId));
    this.addEventListener("search", () => {
      this.#openSidebar(false);
      this.#search.open();
    });
    this.addEventListener("show-message", (event) => this.#showMessage(event.detail.message));
    this.addEventListener("open-sidebar", () => this.#openSidebar(true));
    this.addEventListener("close-sidebar", () => this.#openSidebar(false));
    this.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.dataset.sidebar === "open") {
        this.#openSidebar(false);
      }
    });
    phone.addEventListener("change", () => this.#openSidebar(false));
  }

  /** What is done to single messages, wherever they are shown. */
  #listenToMessages() {
    const workspace = this.#workspace;
    const on = (type, act) => this.addEventListener(type, (event) => act(event.detail, event));
    on("message-menu", ({ message }, event) => {
      const mine = message.author.id === workspace.me.id;
      const moderates = ["owner", "admin"].includes(workspace.me.role);
      this.#menu.open(message, event.target, { mine, mayDelete: mine || moderates, unread: isShownInChannel(message) });
    });
    on("message-thread", ({ message }) => this.#openThread(message));
    on("close-thread", () => this.#openThread(null));
    on("message-edit", ({ message }) => (this.#thread.shows(message) ? this.#thread.composer : this.#composer).edit(message));
    on("message-delete", ({ message }) => workspace.perform((api) => api.deleteMessage(message.id)));
    on("message-pin", ({ message }) => workspace.perform((api) => (message.pinned ? api.unpin(message.id) : api.pin(message.id))));
    on("message-unread", ({ message }) => workspace.markUnread(message));
    on("message-save", ({ message }) => workspace.perform((api) => api.save(message.id)));
    on("message-react", ({ message, emoji }) => workspace.react(message, emoji));
    on("collection", ({ kind }) => this.#collection.open(kind, this.#channelId));
    this.#composer.addEventListener("edit-last", () => {
      const mine = workspace.timelines.of(this.#channelId).messages.findLast((message) => message.author.id === workspace.me.id && !message.deleted_at);
      if (mine) {
        this.#composer.edit(mine);
      }
    });
    for (const composer of [this.#composer, this.#thread.composer]) {
      composer.addEventListener("edited", ({ detail: { message, body } }) => workspace.perform((api) => api.editMessage(message.id, body)));
    }
  }

  /** Shows a message where it was said: in its channel, and if it was said in a thread alone, there. */
  async #showMessage(message) {
    const id = message.channel_id;
    if (!this.#workspace.channels.has(id)) {
      this.#openThread(message); // of a channel that one is not in, which can be read all the same
      return;
    }
    if (id !== this.#channelId) {
      this.#leadTo(id);
    }
    if (isShownInChannel(message)) {
      await this.#list.visit(message.seq);
    } else {
      this.#openThread(message);
    }
  }

  /** "/" and Ctrl-K search, the former only where nothing is written. */
  shortcut(event) {
    const writing = event.target.closest?.("input, textarea, select, [contenteditable]");
    const slash = event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey;
    const controlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if ((slash || controlK) && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      this.#search.open();
    }
  }

  #openThread(message) {
    this.dataset.thread = message ? "open" : "closed";
    this.#workspace.openThread(message);
    if (!message && !phone.matches) {
      this.#composer.focus();
    }
  }

  /** Who is out of the channel that is shown is brought to another. */
  #channelsChanged() {
    if (this.#channelId && !this.#workspace.channels.has(this.#channelId)) {
      this.#channelId = null;
      this.#leadTo(this.#workspace.channels.keys().next().value);
    } else {
      this.#renderHeader();
    }
  }

  async #writeTo(userId) {
    try {
      const channel = await this.#api.openDirect([userId]);
      this.#workspace.putChannel(channel);
      this.#leadTo(channel.id);
    } catch (error) {
      this.#workspace.notice(error.message);
    }
  }

  #leadTo(id) {
    this.dispatchEvent(new CustomEvent("open-channel", { bubbles: true, detail: { id } }));
  }

  /** On a phone either the sidebar or the conversation is in reach; elsewhere both are. */
  #openSidebar(open) {
    const wasOpen = this.dataset.sidebar === "open";
    this.dataset.sidebar = open ? "open" : "closed";
    this.#header.sidebarOpen = open;
    this.#sidebar.inert = phone.matches && !open;
    this.#conversation.inert = phone.matches && open;
    if (open) {
      this.#sidebar.querySelector(".sidebar-close").focus();
    } else if (wasOpen) {
      this.#header.focusMenu();
    }
  }

  #renderHeader() {
    const { channels, unread, name } = this.#workspace;
    const channel = channels.get(this.#channelId);
    if (channel) {
      this.#header.render({ channel, unreadElsewhere: unread > channel.unread });
      document.title = `${unread > 0 ? `(${unread}) ` : ""}${channelTitle(channel)} · ${name} – Snug`;
    }
  }
}

customElements.define("workspace-page", WorkspacePage);
