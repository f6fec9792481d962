import { el } from "../dom.js";
import { suggestChannelName } from "../model/channels.js";
import { channelMark } from "./channel-names.js";
import { modal, problemPlace } from "./dialog.js";
import { formField } from "./form-field.js";

/** Shows the channels that can be joined, and makes new ones. Event (bubbling): "open-channel" with detail {id}. */
export class ChannelsDialog extends HTMLElement {
  #workspace;
  #api;
  #list = el("ul", { class: "dialog-list" });
  #empty = el("p", { class: "dialog-empty", hidden: true }, "There is no other channel to join. Make one below.");
  #more = el("button", { type: "button", class: "button button-quiet", hidden: true, onclick: () => this.#read() }, "Show more");
  #name = formField({ name: "channel-name", label: "Name", hint: "like team-lunch", maxlength: 80, autocomplete: "off" });
  #topic = formField({ name: "channel-topic", label: "Topic", hint: "if you like", maxlength: 250, required: false, autocomplete: "off" });
  #private = el("input", { type: "checkbox", id: "channel-private" });
  #problem = problemPlace();
  #last = "";
  #dialog;

  show(workspace, api) {
    this.#workspace = workspace;
    this.#api = api;
    const { dialog } = modal(
      { id: "channels", title: "Channels", hint: "Join a conversation, or begin one." },
      this.#empty,
      this.#list,
      this.#more,
      this.#form(),
      this.#problem.element,
    );
    this.#dialog = dialog;
    this.append(dialog);
  }

  async open() {
    this.#list.replaceChildren();
    this.#last = "";
    this.#dialog.showModal();
    await this.#read();
  }

  async #read() {
    await this.#problem.attempt(async () => {
      const { channels, has_more: more } = await this.#api.browseChannels(this.#last);
      this.#list.append(...channels.map((channel) => this.#item(channel)));
      this.#last = channels.at(-1)?.name ?? this.#last;
      this.#more.hidden = !more;
      this.#empty.hidden = this.#list.children.length > 0;
    });
  }

  #item(channel) {
    const people = channel.members === 1 ? "1 person" : `${channel.members} people`;
    const about = [channel.archived ? "archived" : people, channel.topic].filter(Boolean).join(" · ");
    const join = el("button", { type: "button", class: "button button-quiet", "aria-label": `Join #${channel.name}`, onclick: () => this.#join(channel) }, "Join");
    return el(
      "li",
      {},
      channelMark(channel),
      el("div", { class: "dialog-item" }, el("strong", {}, channel.name), el("span", {}, about)),
      channel.archived ? null : join,
    );
  }

  async #join(channel) {
    await this.#problem.attempt(async () => this.#enter(await this.#api.joinChannel(channel.id)));
  }

  #form() {
    return el(
      "form",
      { class: "dialog-form", onsubmit: (event) => this.#create(event) },
      el("h3", {}, "Make a channel"),
      this.#name.element,
      this.#topic.element,
      el("label", { class: "dialog-choice" }, this.#private, "Private: only who is brought in can see it"),
      el("button", { type: "submit", class: "button button-primary" }, "Make the channel"),
    );
  }

  async #create(event) {
    event.preventDefault();
    const wish = { name: suggestChannelName(this.#name.input.value), topic: this.#topic.input.value.trim(), private: this.#private.checked };
    const made = await this.#problem.attempt(async () => this.#enter(await this.#api.createChannel(wish)));
    if (made) {
      event.target.reset();
    }
  }

  #enter(channel) {
    this.#workspace.putChannel(channel);
    this.#dialog.close();
    this.dispatchEvent(new CustomEvent("open-channel", { bubbles: true, detail: { id: channel.id } }));
  }
}

customElements.define("channels-dialog", ChannelsDialog);
