import { el } from "../dom.js";
import { AccountSecurity } from "./account-security.js";
import { avatar } from "./avatar.js";
import { modal, problemPlace } from "./dialog.js";
import { formField } from "./form-field.js";

/** What others see of oneself: the picture, the name, what one does and what one is at. */
export class ProfileDialog extends HTMLElement {
  #workspace;
  #api;
  #picture = el("div", { class: "profile-picture" });
  #file = el("input", { type: "file", accept: "image/png,image/jpeg,image/gif,image/webp", hidden: true, onchange: () => this.#setPicture() });
  #choose = el("button", { type: "button", class: "button button-quiet", onclick: () => this.#file.click() }, "Choose a picture");
  #remove = el("button", { type: "button", class: "text-button", onclick: () => this.#removePicture() }, "Remove it");
  #name = formField({ name: "profile-name", label: "Name", maxlength: 80, autocomplete: "name" });
  #title = formField({ name: "profile-title", label: "What you do", maxlength: 80, required: false, autocomplete: "organization-title" });
  #emoji = formField({ name: "profile-emoji", label: "Emoji", maxlength: 64, required: false, autocomplete: "off" });
  #status = formField({ name: "profile-status", label: "What you are at", maxlength: 100, required: false, autocomplete: "off" });
  #security = new AccountSecurity();
  #problem = problemPlace();
  #dialog;

  show(workspace, api) {
    this.#workspace = workspace;
    this.#api = api;
    const { dialog } = modal(
      { id: "profile", title: "Your profile", hint: "This is what others see of you." },
      el("div", { class: "profile-row" }, this.#picture, el("div", { class: "profile-choices" }, this.#choose, this.#remove, this.#file)),
      el(
        "form",
        { class: "dialog-form", onsubmit: (event) => this.#save(event) },
        this.#name.element,
        this.#title.element,
        el("div", { class: "profile-status" }, this.#emoji.element, this.#status.element),
        this.#problem.element,
        el("button", { type: "submit", class: "button button-primary" }, "Save"),
      ),
      this.#security,
    );
    this.#security.show(api);
    this.#dialog = dialog;
    this.append(dialog);
  }

  open() {
    const { me } = this.#workspace;
    this.#name.input.value = me.display_name;
    this.#title.input.value = me.title;
    this.#emoji.input.value = me.status_emoji;
    this.#status.input.value = me.status_text;
    this.#renderPicture();
    this.#security.close();
    this.#dialog.showModal();
  }

  #renderPicture() {
    const { me } = this.#workspace;
    this.#picture.replaceChildren(avatar(me, this.#workspace.colourOf(me.id), { large: true }));
    this.#remove.hidden = !me.avatar_url;
  }

  async #setPicture() {
    const [file] = this.#file.files;
    this.#file.value = "";
    if (file) {
      this.#choose.setAttribute("aria-busy", "true");
      await this.#problem.attempt(async () => this.#put(await this.#api.setAvatar(file).done));
      this.#choose.removeAttribute("aria-busy");
    }
  }

  async #removePicture() {
    await this.#problem.attempt(async () => this.#put(await this.#api.deleteAvatar()));
    this.#choose.focus();
  }

  async #save(event) {
    event.preventDefault();
    const form = {
      display_name: this.#name.input.value.trim(),
      title: this.#title.input.value.trim(),
      status_emoji: this.#emoji.input.value.trim(),
      status_text: this.#status.input.value.trim(),
    };
    if (await this.#problem.attempt(async () => this.#put(await this.#api.updateMe(form)))) {
      this.#dialog.close();
    }
  }

  #put(user) {
    this.#workspace.putUser(user);
    this.#renderPicture();
  }
}

customElements.define("profile-dialog", ProfileDialog);
