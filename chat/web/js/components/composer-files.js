import { el, icon, renderKeyed, setAttribute } from "../dom.js";
import { readableSize } from "../model/sizes.js";

/** The files that go with the next message, with how far each is uploaded, and a button that takes it out. */
export class ComposerFiles extends HTMLElement {
  #attachments = null;
  #list = el("ul", { "aria-label": "Files of the message" });
  #render = () => this.#renderItems();

  connectedCallback() {
    this.append(this.#list);
    this.hidden = !this.#attachments?.items.length;
  }

  /** Shows these from now on. */
  show(attachments) {
    this.#attachments?.removeEventListener("change", this.#render);
    this.#attachments = attachments;
    this.#list.replaceChildren();
    attachments.addEventListener("change", this.#render);
    this.#renderItems();
  }

  #renderItems() {
    const { items } = this.#attachments;
    this.hidden = items.length === 0;
    renderKeyed(this.#list, items, {
      key: (item) => item.key,
      make: (item) => update(this.#make(item), item),
      update,
    });
  }

  #make({ key, name }) {
    return el(
      "li",
      { class: "file-chip" },
      icon("file"),
      el("span", { class: "file-chip-name" }, name),
      el("span", { class: "file-chip-size", role: "status" }),
      el("progress", { max: 1, "aria-label": `Upload of ${name}` }),
      el("button", { type: "button", class: "icon-button", "aria-label": `Remove ${name}`, onclick: () => this.#attachments.remove(key) }, icon("close")),
    );
  }
}

function update(element, { size, state, progress, error }) {
  const [, , note, bar] = element.children;
  const text = state === "failed" ? error : readableSize(size);
  if (note.textContent !== text) {
    note.textContent = text;
  }
  bar.value = progress;
  bar.hidden = state === "stored" || state === "failed";
  setAttribute(element, "data-failed", state === "failed");
  return element;
}

customElements.define("composer-files", ComposerFiles);
