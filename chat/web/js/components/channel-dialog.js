import { el } from "../dom.js";
import { manages } from "../model/channels.js";
import { avatar } from "./avatar.js";
import { ChannelHooks } from "./channel-hooks.js";
import { channelTitle } from "./channel-names.js";
import { ChannelSettings } from "./channel-settings.js";
import { modal, problemPlace } from "./dialog.js";
import { formField } from "./form-field.js";

const levels = [["all", "Every message"], ["mentions", "Only what names me"], ["none", "Nothing: mute it"]];

/** What a channel is about and who is in it; brings people in and takes them out. */
export class ChannelDialog extends HTMLElement {
  #workspace;
  #api;
  #channel;
  #topic = formField({ name: "about-topic", label: "Topic", maxlength: 250, required: false, autocomplete: "off" });
  #notify = el("select", { id: "about-notify", onchange: () => this.#setNotify() }, ...levels.map(([value, text]) => el("option", { value }, text)));
  #person = el("select", { id: "about-person" });
  #bring = el("form", { class: "dialog-row", onsubmit: (event) => this.#bringIn(event) });
  #members = el("ul", { class: "dialog-list" });
  #more = el("button", { type: "button", class: "button button-quiet", hidden: true, onclick: () => this.#read() }, "Show more");
  #leave = el("button", { type: "button", class: "button button-quiet", onclick: () => this.#leaveChannel() }, "Leave the channel");
  #hooks = new ChannelHooks();
  #settings = new ChannelSettings();
  #problem = problemPlace();
  #last = "";
  #present = new Set();
  #dialog;
  #heading;

  show(workspace, api) {
    this.#workspace = workspace;
    this.#api = api;
    this.#bring.append(
      el("div", { class: "field" }, el("label", { for: "about-person" }, "Bring somebody in"), this.#person),
      el("button", { type: "submit", class: "button button-quiet" }, "Bring in"),
    );
    const { dialog, heading } = modal(
      { id: "about", title: "" },
      el(
        "form",
        { class: "dialog-row", onsubmit: (event) => this.#setTopic(event) },
        this.#topic.element,
        el("button", { type: "submit", class: "button button-quiet" }, "Save"),
      ),
      el("div", { class: "field" }, el("label", { for: "about-notify" }, "Tell me of"), this.#notify),
      this.#bring,
      this.#problem.element,
      el("section", { "aria-label": "Members" }, this.#members, this.#more),
      this.#hooks,
      this.#settings,
      this.#leave,
    );
    this.#hooks.show(workspace, api);
    this.#settings.show(workspace, api);
    this.addEventListener("channel-deleted", () => this.#dialog.close());
    this.#dialog = dialog;
    this.#heading = heading;
    this.append(dialog);
  }

  async open(channel) {
    this.#channel = channel;
    this.#heading.textContent = channelTitle(channel);
    this.#topic.input.value = channel.topic;
    this.#notify.value = channel.notify;
    this.#leave.hidden = channel.general;
    this.#settings.open(channel);
    this.#dialog.showModal();
    await Promise.all([this.#readAnew(), this.#hooks.open(channel)]);
  }

  async #readAnew() {
    this.#members.replaceChildren();
    this.#present.clear();
    this.#last = "";
    await this.#read();
  }

  async #read() {
    await this.#problem.attempt(async () => {
      const { members, has_more: more } = await this.#api.members(this.#channel.id, this.#last);
      members.forEach((user) => this.#present.add(user.id));
      this.#members.append(...members.map((user) => this.#item(user)));
      this.#last = members.at(-1)?.username ?? this.#last;
      this.#more.hidden = !more;
      this.#offerOthers();
    });
  }

  #offerOthers() {
    const others = Array.from(this.#workspace.users.values()).filter((user) => user.active && !this.#present.has(user.id));
    others.sort((a, b) => a.display_name.localeCompare(b.display_name));
    this.#person.replaceChildren(...others.map((user) => el("option", { value: user.id }, `${user.display_name} (@${user.username})`)));
    this.#bring.hidden = others.length === 0 || this.#workspace.me.role === "guest";
  }

  #item(user) {
    const { me } = this.#workspace;
    const mayTakeOut = user.id !== me.id && manages(this.#channel, me) && (!this.#channel.general || user.role === "guest");
    const name = user.display_name;
    const takeOut = el("button", { type: "button", class: "text-button", "aria-label": `Take ${name} out`, onclick: () => this.#takeOut(user) }, "Take out");
    return el(
      "li",
      {},
      avatar(user, this.#workspace.colourOf(user.id), { small: true }),
      el("div", { class: "dialog-item" }, el("strong", {}, user.id === me.id ? `${name} (you)` : name), el("span", {}, `@${user.username}`)),
      mayTakeOut ? takeOut : null,
    );
  }

  async #setTopic(event) {
    event.preventDefault();
    await this.#problem.attempt(async () => this.#put(await this.#api.updateChannel(this.#channel.id, { topic: this.#topic.input.value.trim() })));
  }

  async #setNotify() {
    await this.#problem.attempt(async () => this.#put(await this.#api.setNotify(this.#channel.id, this.#notify.value)));
  }

  async #bringIn(event) {
    event.preventDefault();
    const done = await this.#problem.attempt(async () => this.#put(await this.#api.addMember(this.#channel.id, this.#person.value)));
    if (done) {
      await this.#readAnew();
      this.#dialog.querySelector(".dialog-head .icon-button").focus();
    }
  }

  async #takeOut(user) {
    if (await this.#problem.attempt(() => this.#api.removeMember(this.#channel.id, user.id))) {
      await this.#readAnew();
      this.#dialog.querySelector(".dialog-head .icon-button").focus();
    }
  }

  async #leaveChannel() {
    if (await this.#problem.attempt(() => this.#api.leaveChannel(this.#channel.id))) {
      this.#dialog.close();
      this.#workspace.removeChannel(this.#channel.id);
    }
  }

  #put(channel) {
    this.#channel = channel;
    this.#workspace.putChannel(channel);
  }
}

customElements.define("channel-dialog", ChannelDialog);
