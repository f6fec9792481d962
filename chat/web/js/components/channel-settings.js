import { el } from "../dom.js";
import { manages, suggestChannelName } from "../model/channels.js";
import { problemPlace } from "./dialog.js";
import { formField } from "./form-field.js";

/** Renames, describes, archives and deletes a channel. Event (bubbling): "channel-deleted". */
export class ChannelSettings extends HTMLElement {
  #workspace;
  #api;
  #channel;
  #certain = false;
  #problem = problemPlace();
  #name = formField({ name: "settings-name", label: "Name", maxlength: 80, autocomplete: "off" });
  #description = formField({ name: "settings-description", label: "Description", maxlength: 1000, required: false, autocomplete: "off" });
  #archive = el("button", { type: "button", class: "button button-quiet", onclick: () => this.#setArchived() });
  #delete = el("button", { type: "button", class: "button button-quiet", onclick: () => this.#remove() });

  show(workspace, api) {
    this.#workspace = workspace;
    this.#api = api;
    this.append(
      el(
        "details",
        { class: "dialog-more" },
        el("summary", {}, "Settings"),
        el(
          "form",
          { class: "dialog-form", onsubmit: (event) => this.#save(event) },
          this.#name.element,
          this.#description.element,
          el("button", { type: "submit", class: "button button-quiet" }, "Save the settings"),
        ),
        el("div", { class: "dialog-row" }, this.#archive, this.#delete),
        this.#problem.element,
      ),
    );
  }

  /** Shows those of another channel. */
  open(channel) {
    this.firstElementChild.open = false;
    this.#put(channel);
  }

  #put(channel) {
    const { me } = this.#workspace;
    const may = manages(channel, me);
    this.#channel = channel;
    this.#certain = false;
    this.hidden = channel.kind === "direct" || (!may && (channel.archived || !channel.joined));
    this.#name.element.hidden = !may;
    this.#name.input.value = channel.name;
    this.#description.input.value = channel.description;
    this.querySelector("form").hidden = channel.archived;
    this.#archive.textContent = channel.archived ? "Bring the channel back" : "Archive the channel";
    this.#archive.hidden = !may || channel.general;
    this.#delete.textContent = "Delete the channel…";
    this.#delete.hidden = this.#archive.hidden;
  }

  async #save(event) {
    event.preventDefault();
    const change = { description: this.#description.input.value.trim() };
    const name = suggestChannelName(this.#name.input.value);
    if (manages(this.#channel, this.#workspace.me) && name !== this.#channel.name) {
      change.name = name;
    }
    await this.#change(change);
  }

  async #setArchived() {
    await this.#change({ archived: !this.#channel.archived });
    this.#archive.focus();
  }

  async #change(change) {
    await this.#problem.attempt(async () => {
      const channel = await this.#api.updateChannel(this.#channel.id, change);
      this.#workspace.putChannel(channel);
      this.#put(channel);
    });
  }

  /** The first click asks, the second deletes. */
  async #remove() {
    if (!this.#certain) {
      this.#certain = true;
      this.#delete.textContent = "Delete it and all that was said in it";
      return;
    }
    if (await this.#problem.attempt(() => this.#api.deleteChannel(this.#channel.id))) {
      this.dispatchEvent(new Event("channel-deleted", { bubbles: true }));
      this.#workspace.removeChannel(this.#channel.id);
    }
  }
}

customElements.define("channel-settings", ChannelSettings);
