import { el, icon } from "../dom.js";
import { fullDate } from "../model/dates.js";
import { messageBody } from "./message-body.js";
import { messageFiles } from "./message-files.js";

const kinds = {
  pins: { title: "Pinned messages", none: "Nothing is pinned in this channel yet.", read: (api, channelId) => api.pins(channelId) },
  saved: { title: "Saved for later", none: "You have saved nothing yet. Only you see what you save.", read: (api) => api.saved() },
  mentions: { title: "Mentions", none: "Messages that name you, or everybody by @channel or @here, come here.", read: (api) => api.mentions() },
  threads: { title: "Threads", none: "Threads that you start, reply in or are mentioned in come here.", read: (api) => api.threads() },
};

/** A list of messages from here and there. Events (bubbling), with detail {message}: "message-thread" of threads, "show-message" of the others. */
export class MessageCollection extends HTMLElement {
  #workspace;
  #title = el("h2", { id: "collection-title" });
  #list = el("ul", { class: "collection-list" });
  #dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": "collection-title", onclick: (event) => event.target === this.#dialog && this.#dialog.close() },
    el(
      "div",
      { class: "dialog-body" },
      el(
        "header",
        { class: "dialog-head" },
        el("div", {}, this.#title),
        el("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.#dialog.close() }, icon("close")),
      ),
      this.#list,
    ),
  );

  show(workspace) {
    this.#workspace = workspace;
    this.append(this.#dialog);
  }

  /** Opens a kind of list: "pins" of a channel, "mentions", "saved" or "threads". */
  async open(kind, channelId) {
    const { title, none, read } = kinds[kind];
    this.#title.textContent = title;
    this.#list.replaceChildren(el("li", {}, "Loading…"));
    this.#dialog.showModal();
    await this.#workspace.perform(async (api) => {
      const items = await read(api, channelId);
      this.#list.replaceChildren(
        ...(items.length > 0 ? items.map((item) => this.#item(kind, item)) : [el("li", { class: "collection-none" }, none)]),
      );
    });
  }

  #item(kind, { message, unread }) {
    const show = () => {
      this.#dialog.close();
      const type = kind === "threads" ? "message-thread" : "show-message";
      this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail: { message } }));
    };
    const remove = async (event) => {
      const item = event.currentTarget.closest("li");
      if (await this.#workspace.perform((api) => (kind === "pins" ? api.unpin(message.id) : api.unsave(message.id)))) {
        item.remove();
      }
    };
    return el(
      "li",
      {},
      el("p", {}, el("strong", {}, message.author.display_name), " ", el("span", { class: "message-time" }, fullDate(new Date(message.created_at)))),
      messageBody(message, this.#workspace),
      messageFiles(message.files),
      el("button", { type: "button", class: "text-button", onclick: show }, unread > 0 ? `Open, ${unread === true ? "" : `${unread} `}unread` : "Open"),
      ["threads", "mentions"].includes(kind) ? null : el("button", { type: "button", class: "text-button", onclick: remove }, kind === "pins" ? "Unpin" : "Remove"),
    );
  }
}

customElements.define("message-collection", MessageCollection);
