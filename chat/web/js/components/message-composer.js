import { el, icon, setAttribute } from "../dom.js";
import { loadDraft, saveDraft } from "../session-memory.js";
import { channelTitle } from "./channel-names.js";

/** The server's limit for a message. */
const LONGEST_BODY = 10_000;

/** On a phone's keyboard Enter makes a new line, and the button sends. */
const touchKeyboard = window.matchMedia("(hover: none) and (pointer: coarse)");

/** Where messages are written. Event: "write" with detail {body}; "typing". */
export class MessageComposer extends HTMLElement {
  #channelId = null;
  #copy = el("div", { class: "composer-copy", "aria-hidden": "true" });
  #text = el("textarea", { rows: 1, enterkeyhint: "enter", "aria-describedby": "composer-problem" });
  #problem = el("p", { id: "composer-problem", class: "composer-problem", role: "alert", hidden: true });

  connectedCallback() {
    const form = el(
      "form",
      { class: "composer-box" },
      el("div", { class: "composer-field" }, this.#text, this.#copy),
      el("button", { type: "submit", class: "composer-send", "aria-label": "Send message", title: "Send" }, icon("send")),
    );
    form.addEventListener("submit", (event) => this.#submit(event));
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => this.#key(event, form));
    this.append(form, this.#problem);
  }

  /** Writes to another channel from now on; what was begun there is taken up again. */
  open(channel) {
    this.#channelId = channel.id;
    const label = `Message ${channelTitle(channel)}`;
    this.#text.setAttribute("aria-label", label);
    this.#text.placeholder = label;
    this.#setText(loadDraft(channel.id));
  }

  focus() {
    this.#text.focus();
  }

  #key(event, form) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !touchKeyboard.matches) {
      event.preventDefault();
      form.requestSubmit();
    }
  }

  #submit(event) {
    event.preventDefault();
    const body = this.#text.value.trim();
    const length = Array.from(body).length;
    if (length > LONGEST_BODY) {
      this.#showProblem(`A message holds up to ${LONGEST_BODY.toLocaleString()} characters; this one has ${length.toLocaleString()}.`);
    } else if (body) {
      this.#setText("");
      this.dispatchEvent(new CustomEvent("write", { detail: { body } }));
    }
    this.focus();
  }

  #changed() {
    this.#grow();
    this.#showProblem("");
    saveDraft(this.#channelId, this.#text.value);
    if (this.#text.value.trim()) {
      this.dispatchEvent(new Event("typing"));
    }
  }

  #setText(text) {
    this.#text.value = text;
    this.#grow();
    this.#showProblem("");
    saveDraft(this.#channelId, text);
  }

  #grow() {
    this.#copy.textContent = `${this.#text.value}\n`;
  }

  #showProblem(text) {
    this.#problem.textContent = text;
    this.#problem.hidden = !text;
    setAttribute(this.#text, "aria-invalid", text ? "true" : null);
  }
}

customElements.define("message-composer", MessageComposer);
