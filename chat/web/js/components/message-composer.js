import { el, icon, setAttribute } from "../dom.js";
import { Attachments, MOST_FILES } from "../model/attachments.js";
import { loadDraft, saveDraft } from "../session-memory.js";
import { channelTitle } from "./channel-names.js";
import { ComposerFiles } from "./composer-files.js";

/** The server's limit for a message. */
const LONGEST_BODY = 10_000;

/** On a phone's keyboard Enter makes a new line, and the button sends. */
const touchKeyboard = window.matchMedia("(hover: none) and (pointer: coarse)");

let composers = 0;

/**
 * Where messages are written, with files, and edited. Events: "write" with detail {body, files}; "edited" with detail {message, body};
 * "edit-last" when the arrow up asks for it; "typing".
 */
export class MessageComposer extends HTMLElement {
  #draftId = null;
  #editing = null;
  #upload = null;
  #attachments = new Map(); // by the draft that they belong to
  #sendWhenThere = false;
  #files = new ComposerFiles();
  #choose = el("input", { type: "file", multiple: true, hidden: true, onchange: () => this.#attachChosen() });
  #attach = el("button", { type: "button", class: "icon-button composer-attach", "aria-label": "Attach files", title: "Attach files", onclick: () => this.#choose.click() }, icon("attach"));
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
      this.#attach,
      this.#choose,
      el("div", { class: "composer-field" }, this.#text, this.#copy),
      el("button", { type: "submit", class: "composer-send", "aria-label": "Send message", title: "Send" }, icon("send")),
    );
    form.addEventListener("submit", (event) => this.#submit(event));
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => this.#key(event, form));
    this.#text.addEventListener("paste", (event) => this.#attachFrom(event, event.clipboardData));
    this.#takeDrops(this.parentElement);
    this.append(this.#note, this.#files, form, this.#problem);
  }

  /** Files are uploaded by this from now on: upload(file, onProgress), as in the API. */
  set upload(upload) {
    this.#upload = upload;
  }

  /** Writes to another channel from now on; what was begun there is taken up again. */
  open(channel) {
    this.begin(channel.id, `Message ${channelTitle(channel)}`);
  }

  /** Writes under a label; what was begun under the id is taken up again. */
  begin(draftId, label) {
    this.#draftId = draftId;
    this.#sendWhenThere = false;
    if (!this.#attachments.has(draftId)) {
      const attachments = new Attachments((file, onProgress) => this.#upload(file, onProgress));
      attachments.addEventListener("change", () => draftId === this.#draftId && this.#filesChanged());
      this.#attachments.set(draftId, attachments);
    }
    this.#files.show(this.#attached);
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

  get #attached() {
    return this.#attachments.get(this.#draftId);
  }

  /** What is dropped anywhere on the element goes with the message. */
  #takeDrops(element) {
    const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
    const leave = () => setAttribute(element, "data-dropping", null);
    element.addEventListener("dragover", (event) => {
      if (holdsFiles(event)) {
        event.preventDefault();
        setAttribute(element, "data-dropping", true);
      }
    });
    element.addEventListener("dragleave", (event) => !element.contains(event.relatedTarget) && leave());
    element.addEventListener("drop", (event) => {
      leave();
      this.#attachFrom(event, event.dataTransfer);
    });
  }

  #attachFrom(event, data) {
    const files = Array.from(data?.files ?? []);
    if (files.length > 0) {
      event.preventDefault();
      this.#attachFiles(files);
    }
  }

  #attachChosen() {
    this.#attachFiles(Array.from(this.#choose.files));
    this.#choose.value = "";
  }

  #attachFiles(files) {
    if (this.#editing) {
      this.#showProblem("Files go with new messages. Finish editing first.");
      return;
    }
    const tooMany = this.#attached.add(files);
    this.#showProblem(tooMany > 0 ? `A message holds up to ${MOST_FILES} files; ${tooMany} of them had no place.` : "");
    this.focus();
  }

  #filesChanged() {
    if (this.#sendWhenThere && !this.#attached.busy) {
      this.#write(this.#text.value.trim());
    }
  }

  /** Hands the message on, as soon as its files are there. */
  #write(body) {
    const { busy, failed, stored: files } = this.#attached;
    this.#sendWhenThere = busy;
    if (busy) {
      this.#showProblem("The message is sent as soon as its files are uploaded.");
    } else if (failed) {
      this.#showProblem("A file could not be uploaded. Remove it, or try again.");
    } else {
      this.#attached.clear();
      this.#setText("");
      this.dispatchEvent(new CustomEvent("write", { detail: { body, files } }));
    }
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
    } else if (!this.#editing && (body || this.#attached.items.length > 0)) {
      this.#write(body);
    }
    this.focus();
  }

  #changed() {
    this.#sendWhenThere = false;
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
