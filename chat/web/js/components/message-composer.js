import { el, icon, setAttribute } from "../dom.js";
import { loadDraft, saveDraft } from "../session-memory.js";
import { channelTitle } from "./channel-names.js";

/** The server's limit for a message. */
const LONGEST_BODY = 10_000;

/** On a phone's keyboard Enter makes a new line, and the button sends. */
const touchKeyboard = window.matchMedia("(hover: none) and (pointer: coarse)");

let composers = 0;

/**
 * Where messages are written, and edited. Events: "write" with detail {body}; "edited" with detail {message, body};
 * "edit-last" when the arrow up asks for it; "typing".
 */
export class MessageComposer extends HTMLElement {
  #draftId = null;
  #editing = null;
  #problemId = `composer-problem-${(composers += 1)}`;
  #copy = el("div", { class: "composer-copy", "aria-hidden": "true" });
  #text = el("textarea", { rows: 1, enterkeyhint: "enter", "aria-describedby": this.#problemId });
  #problem = el("p", { id: this.#problemId, class: "composer-problem", role: "alert", hidden: true });
  #note = el(
    "p",
    { class: "composer-note", role: "status", hidden: true },
    "You are editing a message. ",
    el("button", { type: "button", class: "text-button", onclick: () => this.#endEditing() }, "Cancel"),
  );

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
    this.append(this.#note, form, this.#problem);
  }

  /** Writes to another channel from now on; what was begun there is taken up again. */
  open(channel) {
    this.begin(channel.id, `Message ${channelTitle(channel)}`);
  }

  /** Writes under a label; what was begun under the id is taken up again. */
  begin(draftId, label) {
    this.#draftId = draftId;
    this.#editing = null;
    this.#note.hidden = true;
    this.#text.setAttribute("aria-label", label);
    this.#text.placeholder = label;
    this.#setText(loadDraft(draftId));
  }

  /** Edits a message; what was being written waits. */
  edit(message) {
    this.#editing = message;
    this.#note.hidden = false;
    this.#setText(message.body);
    this.focus();
  }

  #endEditing() {
    this.#editing = null;
    this.#note.hidden = true;
    this.#setText(loadDraft(this.#draftId));
    this.focus();
  }

  focus() {
    this.#text.focus();
  }

  #key(event, form) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !touchKeyboard.matches) {
      event.preventDefault();
      form.requestSubmit();
    } else if (event.key === "ArrowUp" && this.#text.value === "" && !this.#editing) {
      event.preventDefault();
      this.dispatchEvent(new Event("edit-last"));
    } else if (event.key === "Escape" && this.#editing) {
      event.stopPropagation();
      this.#endEditing();
    }
  }

  #submit(event) {
    event.preventDefault();
    const body = this.#text.value.trim();
    const length = Array.from(body).length;
    if (length > LONGEST_BODY) {
      this.#showProblem(`A message holds up to ${LONGEST_BODY.toLocaleString()} characters; this one has ${length.toLocaleString()}.`);
    } else if (body && this.#editing) {
      this.dispatchEvent(new CustomEvent("edited", { detail: { message: this.#editing, body } }));
      this.#endEditing();
    } else if (body) {
      this.#setText("");
      this.dispatchEvent(new CustomEvent("write", { detail: { body } }));
    }
    this.focus();
  }

  #changed() {
    this.#grow();
    this.#showProblem("");
    this.#keepDraft();
    if (this.#text.value.trim() && !this.#editing) {
      this.dispatchEvent(new Event("typing"));
    }
  }

  #setText(text) {
    this.#text.value = text;
    this.#grow();
    this.#showProblem("");
    this.#keepDraft();
  }

  #keepDraft() {
    if (!this.#editing) {
      saveDraft(this.#draftId, this.#text.value);
    }
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
