import { copyFrom } from "../clipboard.js";
import { el, icon } from "../dom.js";
import { untilWords } from "../model/dates.js";

const DAY_S = 24 * 60 * 60;

const choices = {
  role: { label: "They become", options: [["member", "Member"], ["guest", "Guest"], ["admin", "Admin"]] },
  max_uses: { label: "Good for", options: [["1", "One person"], ["10", "10 people"], ["", "Any number"]] },
  expires_in: { label: "Ends after", options: [[String(DAY_S), "A day"], [String(7 * DAY_S), "A week"], ["", "Never"]] },
};

/** Makes invite links, and lists and revokes the open ones. */
export class InviteDialog extends HTMLElement {
  #api;
  #invites = [];
  #newest = null;
  #problem = el("p", { class: "problem", role: "alert", hidden: true });
  #list = el("section", { class: "invite-list" });
  #dialog;

  show(api) {
    this.#api = api;
    this.#dialog = el(
      "dialog",
      { class: "dialog", "aria-labelledby": "invite-title", onclick: (event) => this.#closeOutside(event) },
      el("div", { class: "dialog-body" }, this.#head(), this.#form(), this.#problem, this.#list),
    );
    this.append(this.#dialog);
  }

  /** Opens the dialog. The invitation is one click away; those that are open are listed below. */
  async open() {
    this.#newest = null;
    this.#dialog.showModal();
    await this.#attempt(async () => {
      this.#invites = await this.#api.invites();
    });
  }

  #head() {
    return el(
      "header",
      { class: "dialog-head" },
      el(
        "div",
        {},
        el("h2", { id: "invite-title" }, "Invite people"),
        el("p", {}, "Make a link and send it to whoever should come in. No mail needed."),
      ),
      el(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => this.#dialog.close() },
        icon("close"),
      ),
    );
  }

  #form() {
    const fields = Object.entries(choices).map(([name, { label, options }]) =>
      el(
        "div",
        { class: "field" },
        el("label", { for: `invite-${name}` }, label),
        el(
          "select",
          { id: `invite-${name}`, name },
          ...options.map(([value, text]) => el("option", { value, selected: isUsual(name, value) }, text)),
        ),
      ),
    );
    const button = el("button", { type: "submit", class: "button button-primary" }, "Make a link");
    return el("form", { class: "invite-form", onsubmit: (event) => this.#create(event) }, ...fields, button);
  }

  async #create(event) {
    event.preventDefault();
    const wish = Object.fromEntries(new FormData(event.target));
    await this.#attempt(async () => {
      this.#newest = await this.#api.createInvite(inviteOf(wish));
      this.#invites = [this.#newest, ...this.#invites];
    });
    this.#list.querySelector(".invite-link")?.select();
  }

  async #revoke(invite) {
    await this.#attempt(async () => {
      await this.#api.deleteInvite(invite.id);
      this.#invites = this.#invites.filter((other) => other !== invite);
    });
    this.#dialog.querySelector(".invite-form .button").focus();
  }

  async #attempt(action) {
    let problem = "";
    try {
      await action();
    } catch (error) {
      problem = error.message;
    }
    this.#problem.textContent = problem;
    this.#problem.hidden = !problem;
    this.#renderList();
  }

  #renderList() {
    const items = this.#invites.map((invite) => this.#item(invite));
    this.#list.replaceChildren(
      ...(items.length > 0 ? [el("h3", {}, "Open invitations"), el("ul", {}, ...items)] : []),
    );
  }

  #item(invite) {
    const link = el("input", { class: "invite-link", readonly: true, value: invite.url, "aria-label": "Invite link" });
    const copy = el("button", { type: "button", class: "button button-quiet", onclick: () => this.#copy(link, copy) }, icon("copy"), "Copy");
    return el(
      "li",
      { class: invite === this.#newest ? "invite-new" : null },
      link,
      el("p", { class: "invite-terms" }, terms(invite)),
      copy,
      el("button", { type: "button", class: "text-button", onclick: () => this.#revoke(invite) }, "Revoke"),
    );
  }

  async #copy(link, button) {
    const copied = await copyFrom(link);
    button.replaceChildren(icon(copied ? "check" : "copy"), copied ? "Copied" : "Press Ctrl+C");
    button.focus();
  }

  #closeOutside(event) {
    if (event.target === this.#dialog) {
      this.#dialog.close();
    }
  }
}

/** The usual invitation: one link for the whole team, for a week. */
function isUsual(name, value) {
  return { role: "member", max_uses: "", expires_in: String(7 * DAY_S) }[name] === value;
}

function inviteOf({ role, max_uses: maxUses, expires_in: expiresIn }) {
  return {
    role,
    ...(maxUses && { max_uses: Number(maxUses) }),
    ...(expiresIn && { expires_in: Number(expiresIn) }),
  };
}

function terms({ role, uses, max_uses: maxUses, expires_at: expiresAt }) {
  const used = maxUses ? `${uses} of ${maxUses} used` : uses > 0 ? `${uses} joined` : "nobody joined yet";
  const ends = expiresAt ? `ends ${untilWords(new Date(expiresAt), new Date())}` : "does not end";
  return `${role[0].toUpperCase()}${role.slice(1)} · ${used} · ${ends}`;
}

customElements.define("invite-dialog", InviteDialog);
