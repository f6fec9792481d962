import { addressOf } from "../address.js";
import { el, icon, renderKeyed, setAttribute } from "../dom.js";
import { channelPath } from "../model/route.js";
import { avatar } from "./avatar.js";
import { channelMark } from "./channel-names.js";

/**
 * The channels with what is unread, the people with their presence, and oneself.
 * Events (bubbling): "search", "browse", "direct" with detail {userId}, "invite", "profile", "leave", "close-sidebar". Links are followed by the router.
 */
export class ChannelSidebar extends HTMLElement {
  #workspace;
  #current = null;
  #channels = el("ul");
  #directs = el("ul");
  #directsHead = el("h2", {}, "Direct conversations");
  #people = el("ul");
  #me = el("button", { type: "button", class: "sidebar-me", title: "Your profile", onclick: () => this.#ask("profile") });

  show(workspace) {
    this.#workspace = workspace;
    this.append(this.#head(), this.#lists(), this.#foot());
    workspace.addEventListener("channels", () => this.#renderChannels());
    workspace.addEventListener("people", () => this.#renderPeople());
    this.#renderChannels();
    this.#renderPeople();
  }

  set current(channelId) {
    this.#current = channelId;
    this.#renderChannels();
  }

  #head() {
    return el(
      "div",
      { class: "sidebar-head" },
      el("img", { src: addressOf("/icons/logo.svg"), alt: "" }),
      el("h1", {}, this.#workspace.name),
      el(
        "button",
        { type: "button", class: "icon-button sidebar-close", "aria-label": "Close the list of channels", onclick: () => this.#ask("close-sidebar") },
        icon("close"),
      ),
    );
  }

  #lists() {
    return el(
      "nav",
      { class: "sidebar-lists", "aria-label": "Channels and people" },
      this.#searchButton(),
      el("h2", {}, "Channels"),
      this.#channels,
      this.#workspace.me.role === "guest" ? null : this.#browseButton(),
      this.#directsHead,
      this.#directs,
      el("h2", {}, "People"),
      this.#people,
      this.#mayInvite() ? this.#inviteButton() : null,
    );
  }

  #mayInvite() {
    return ["owner", "admin"].includes(this.#workspace.me.role);
  }

  #searchButton() {
    return el(
      "button",
      { type: "button", class: "button sidebar-search", "aria-keyshortcuts": "Control+K /", title: "Search messages (Ctrl+K or /)", onclick: () => this.#ask("search") },
      icon("search"),
      "Search messages",
    );
  }

  #browseButton() {
    return el(
      "button",
      { type: "button", class: "button sidebar-browse", onclick: () => this.#ask("browse") },
      icon("menu"),
      "Find or make channels",
    );
  }

  #inviteButton() {
    return el(
      "button",
      { type: "button", class: "button sidebar-invite", onclick: () => this.#ask("invite") },
      icon("invite"),
      "Invite people",
    );
  }

  #foot() {
    return el(
      "div",
      { class: "sidebar-foot" },
      this.#me,
      el(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Log out", title: "Log out", onclick: () => this.#ask("leave") },
        icon("leave"),
      ),
    );
  }

  #ask(event, detail) {
    this.dispatchEvent(new CustomEvent(event, { bubbles: true, detail }));
  }

  #renderChannels() {
    const channels = Array.from(this.#workspace.channels.values()).sort((a, b) => a.label.localeCompare(b.label));
    const directs = channels.filter((channel) => channel.kind === "direct");
    this.#directsHead.hidden = directs.length === 0;
    this.#renderList(this.#channels, channels.filter((channel) => channel.kind !== "direct"));
    this.#renderList(this.#directs, directs);
  }

  #renderList(list, channels) {
    renderKeyed(list, channels, {
      key: (channel) => channel.id,
      make: (channel) => this.#updateChannel(makeChannel(), channel),
      update: (item, channel) => this.#updateChannel(item, channel),
    });
  }

  #updateChannel(item, channel) {
    const link = item.firstElementChild;
    const current = channel.id === this.#current;
    const unread = channel.unread > 0 || channel.mentions > 0;
    link.href = addressOf(channelPath(channel.id));
    setAttribute(link, "aria-current", current && "page");
    setAttribute(link, "data-unread", unread);
    link.replaceChildren(
      channelMark(channel),
      el("span", { class: "sidebar-name" }, channel.name || channel.label),
      ...(unread ? unreadBadge(channel) : []),
    );
    return item;
  }

  #renderMe() {
    const { me } = this.#workspace;
    this.#me.replaceChildren(
      avatar(me, this.#workspace.colourOf(me.id)),
      el("span", { class: "sidebar-me-name" }, el("strong", {}, me.display_name), el("span", {}, statusOf(me) || `@${me.username}`)),
      el("span", { class: "visually-hidden" }, ", your profile"),
    );
  }

  #renderPeople() {
    const { users, online, me } = this.#workspace;
    this.#renderMe();
    const people = Array.from(users.values())
      .filter((user) => user.active)
      .map((user) => ({ user, isOnline: online.has(user.id), isMe: user.id === me.id, colour: this.#workspace.colourOf(user.id) }))
      .sort(onlineFirst);
    renderKeyed(this.#people, people, {
      key: ({ user }) => user.id,
      make: (person) => updatePerson(this.#makePerson(person), person),
      update: updatePerson,
    });
  }

  /** A person, with whom a click begins a direct conversation. */
  #makePerson({ user, colour }) {
    const write = el(
      "button",
      { type: "button", class: "sidebar-person", title: "Write directly", onclick: () => this.#ask("direct", { userId: user.id }) },
      personAvatar(user, colour),
      el("span", { class: "sidebar-name" }),
      el("span", { class: "visually-hidden" }),
    );
    return el("li", {}, write);
  }
}

function makeChannel() {
  return el("li", {}, el("a", { class: "sidebar-channel" }));
}

/** How much is unread; if some of it calls this person, how much of that. */
function unreadBadge({ kind, unread, mentions }) {
  const called = mentions > 0;
  const count = called ? mentions : unread;
  const text = `${called ? "@" : ""}${count > 99 ? "99+" : count}`;
  return [
    el("span", { class: "sidebar-badge", "data-personal": called || kind === "direct", "aria-hidden": "true" }, text),
    el("span", { class: "visually-hidden" }, `, ${unread} unread${called ? `, ${mentions} of them for you` : ""}`),
  ];
}

/** What somebody is at. */
function statusOf(user) {
  return `${user.status_emoji} ${user.status_text}`.trim();
}

function personAvatar(user, colour) {
  const element = avatar(user, colour, { small: true, presence: true });
  element.dataset.looks = `${user.avatar_url} ${user.display_name}`;
  return element;
}

function updatePerson(item, { user, isOnline, isMe, colour }) {
  const [before, name, presence] = item.firstElementChild.children;
  const picture = personAvatar(user, colour);
  if (before.dataset.looks !== picture.dataset.looks) {
    before.replaceWith(picture);
  }
  setAttribute(item.firstElementChild, "data-online", isOnline);
  setAttribute(item.querySelector(".avatar-presence"), "data-online", isOnline);
  setAttribute(item.firstElementChild, "title", statusOf(user) || "Write directly");
  name.textContent = `${user.display_name}${isMe ? " (you)" : ""}${user.status_emoji ? ` ${user.status_emoji}` : ""}`;
  presence.textContent = isOnline ? ", online" : ", away";
  return item;
}

function onlineFirst(a, b) {
  return b.isOnline - a.isOnline || a.user.display_name.localeCompare(b.user.display_name);
}

customElements.define("channel-sidebar", ChannelSidebar);
