import { copyFrom } from "../clipboard.js";
import { el, icon } from "../dom.js";
import { manages } from "../model/channels.js";
import { problemPlace } from "./dialog.js";
import { formField } from "./form-field.js";

/** Makes, lists and deletes the webhooks of a channel. */
export class ChannelHooks extends HTMLElement {
  #workspace;
  #api;
  #channel;
  #hooks = [];
  #newest = null;
  #problem = problemPlace();
  #list = el("ul", { class: "dialog-list channel-hooks-list" });
  #name = formField({ name: "hook-name", label: "Name", hint: "of the program, like Backups", maxlength: 80, autocomplete: "off" });

  show(workspace, api) {
    this.#workspace = workspace;
    this.#api = api;
    this.append(
      el(
        "details",
        { class: "dialog-more" },
        el("summary", {}, "Webhooks"),
        el("p", { class: "dialog-empty" }, "Addresses at which programs write to this channel, in the way in which they write to Slack."),
        this.#list,
        el(
          "form",
          { class: "dialog-row", onsubmit: (event) => this.#create(event) },
          this.#name.element,
          el("button", { type: "submit", class: "button button-quiet" }, "Make a webhook"),
        ),
        this.#problem.element,
      ),
    );
  }

  /** Shows those of another channel. */
  async open(channel) {
    this.#channel = channel;
    this.#newest = null;
    this.#hooks = [];
    this.hidden = channel.kind === "direct" || this.#workspace.me.role === "guest";
    this.firstElementChild.open = false;
    if (!this.hidden) {
      await this.#attempt(async () => {
        this.#hooks = await this.#api.hooks(channel.id);
      });
    }
  }

  async #create(event) {
    event.preventDefault();
    const made = await this.#attempt(async () => {
      this.#newest = await this.#api.createHook({ channel_id: this.#channel.id, name: this.#name.input.value.trim() });
      this.#hooks = [this.#newest, ...this.#hooks];
    });
    if (made) {
      event.target.reset();
      this.querySelector(".channel-hooks-link").select();
    }
  }

  async #delete(hook) {
    await this.#attempt(async () => {
      await this.#api.deleteHook(hook.id);
      this.#hooks = this.#hooks.filter((other) => other !== hook);
    });
    this.querySelector("summary").focus();
  }

  async #attempt(action) {
    const done = await this.#problem.attempt(action);
    this.#list.replaceChildren(...this.#hooks.map((hook) => this.#item(hook)));
    return done;
  }

  #item(hook) {
    const { me, users } = this.#workspace;
    const maker = hook.created_by === me.id ? "you" : (users.get(hook.created_by)?.display_name ?? "somebody");
    const mayDelete = hook.created_by === me.id || manages(this.#channel, me);
    const remove = el("button", { type: "button", class: "text-button", "aria-label": `Delete the webhook ${hook.name}`, onclick: () => this.#delete(hook) }, "Delete");
    return el(
      "li",
      {},
      el("div", { class: "dialog-item" }, el("strong", {}, hook.name), el("span", {}, `made by ${maker}`)),
      mayDelete ? remove : null,
      hook === this.#newest ? this.#address(hook) : null,
    );
  }

  /** The address is there once: the server keeps no more than a trace of it. */
  #address(hook) {
    const link = el("input", { class: "channel-hooks-link", readonly: true, value: hook.url, "aria-label": "Address of the webhook" });
    const copy = el("button", { type: "button", class: "button button-quiet", onclick: () => this.#copy(link, copy) }, icon("copy"), "Copy");
    return el(
      "div",
      { class: "channel-hooks-new" },
      el("p", {}, "Copy the address now: it is not shown again. Whoever has it can write here."),
      el("div", { class: "dialog-row" }, link, copy),
    );
  }

  async #copy(link, button) {
    const copied = await copyFrom(link);
    button.replaceChildren(icon(copied ? "check" : "copy"), copied ? "Copied" : "Press Ctrl+C");
    button.focus();
  }
}

customElements.define("channel-hooks", ChannelHooks);
