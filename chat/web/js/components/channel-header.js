import { el, icon, setAttribute } from "../dom.js";
import { channelTitle } from "./channel-names.js";

const collections = { mentions: ["mention", "Mentions"], threads: ["reply", "Threads"], pins: ["pin", "Pinned messages"], saved: ["save", "Saved for later"] };

/**
 * The name and topic of the channel, and how many people are here. Events (bubbling): "open-sidebar", "about"; "collection"
 * with detail {kind}.
 */
export class ChannelHeader extends HTMLElement {
  #title = el("h2");
  #topic = el("p");
  #members = el("span");
  #about = el("button", { type: "button", class: "channel-header-members", onclick: () => this.#ask("about") }, icon("members"), this.#members);
  #menu = el(
    "button",
    { type: "button", class: "icon-button channel-header-menu", "aria-label": "Channels and people", "aria-expanded": "false" },
    icon("menu"),
  );

  connectedCallback() {
    this.#menu.addEventListener("click", () => this.#ask("open-sidebar"));
    this.append(
      this.#menu,
      el("div", { class: "channel-header-text" }, this.#title, this.#topic),
      ...Object.entries(collections).map(([kind, [name, label]]) => this.#collection(kind, name, label)),
      this.#about,
    );
  }

  #collection(kind, name, label) {
    const open = () => this.dispatchEvent(new CustomEvent("collection", { bubbles: true, detail: { kind } }));
    return el("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick: open }, icon(name));
  }

  #ask(event) {
    this.dispatchEvent(new CustomEvent(event, { bubbles: true }));
  }

  /** unreadElsewhere: whether other channels have something to read, which the phone's menu button shows. */
  render({ channel, unreadElsewhere }) {
    this.#title.textContent = channelTitle(channel);
    this.#topic.textContent = channel.topic;
    this.#topic.hidden = !channel.topic;
    this.#members.textContent = channel.members === 1 ? "1 person" : `${channel.members} people`;
    this.#about.setAttribute("aria-label", `About ${channelTitle(channel)}: ${this.#members.textContent}`);
    this.#about.hidden = channel.kind === "direct";
    setAttribute(this.#menu, "data-unread", unreadElsewhere);
    this.#menu.setAttribute("aria-label", unreadElsewhere ? "Channels and people, unread messages" : "Channels and people");
  }

  set sidebarOpen(open) {
    this.#menu.setAttribute("aria-expanded", String(open));
  }

  focusMenu() {
    this.#menu.focus();
  }
}

customElements.define("channel-header", ChannelHeader);
