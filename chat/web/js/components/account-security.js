import { el } from "../dom.js";
import { fullDate } from "../model/dates.js";
import { deviceName } from "../model/devices.js";
import { problemPlace } from "./dialog.js";
import { formField } from "./form-field.js";

/** Changes the password, and lists and ends one's logins. */
export class AccountSecurity extends HTMLElement {
  #api;
  #problem = problemPlace();
  #done = el("p", { role: "status", class: "dialog-empty" });
  #old = formField({ name: "password-old", label: "Password until now", type: "password", maxlength: 200, autocomplete: "current-password" });
  #new = formField({ name: "password-new", label: "New password", hint: "8 characters or more", type: "password", minlength: 8, maxlength: 200, autocomplete: "new-password" });
  #list = el("ul", { class: "dialog-list" });

  show(api) {
    this.#api = api;
    this.append(
      el(
        "details",
        { class: "dialog-more", ontoggle: (event) => event.target.open && this.#read() },
        el("summary", {}, "Password and logins"),
        el(
          "form",
          { class: "dialog-form", onsubmit: (event) => this.#change(event) },
          this.#old.element,
          this.#new.element,
          el("button", { type: "submit", class: "button button-quiet" }, "Change the password"),
        ),
        this.#problem.element,
        this.#done,
        el("section", { "aria-label": "Logins" }, this.#list),
        el("button", { type: "button", class: "button button-quiet", onclick: () => this.#everywhere() }, "Log out everywhere"),
      ),
    );
  }

  close() {
    this.firstElementChild.open = false;
    this.querySelector("form").reset();
    this.#done.textContent = "";
  }

  async #read() {
    await this.#problem.attempt(async () => {
      const sessions = await this.#api.sessions();
      this.#list.replaceChildren(...sessions.map((session) => this.#item(session)));
    });
  }

  #item(session) {
    const used = session.current ? "this one" : `last used ${fullDate(new Date(session.last_used_at))}`;
    const about = [used, session.ip].filter(Boolean).join(" · ");
    const name = deviceName(session.device);
    const end = el("button", { type: "button", class: "text-button", "aria-label": `End the login of ${name}`, onclick: () => this.#end(session) }, "End");
    return el("li", {}, el("div", { class: "dialog-item" }, el("strong", { title: session.device }, name), el("span", {}, about)), session.current ? null : end);
  }

  async #end(session) {
    if (await this.#problem.attempt(() => this.#api.endSession(session.id))) {
      await this.#read();
      this.querySelector("summary").focus();
    }
  }

  async #change(event) {
    event.preventDefault();
    this.#done.textContent = "";
    if (await this.#problem.attempt(() => this.#api.changePassword({ old: this.#old.input.value, new: this.#new.input.value }))) {
      event.target.reset();
      this.#done.textContent = "The password is changed. All other logins have ended.";
      await this.#read();
    }
  }

  /** The server then closes the socket of this page too, which leads to the login. */
  async #everywhere() {
    await this.#problem.attempt(() => this.#api.logoutEverywhere());
  }
}

customElements.define("account-security", AccountSecurity);
