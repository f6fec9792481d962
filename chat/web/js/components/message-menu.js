import { el, icon } from "../dom.js";

const QUICK_EMOJI = ["👍", "❤️", "😂", "🎉", "👀", "✅"];

/**
 * What can be done to a message. Events (bubbling), each with detail {message}: "message-react" with {emoji},
 * "message-thread", "message-unread", "message-edit", "message-delete", "message-pin", "message-save".
 */
export class MessageMenu extends HTMLElement {
  #menu = el("div", { class: "message-menu", role: "menu", popover: "auto", "aria-label": "Message" });
  #anchor = null;

  connectedCallback() {
    this.append(this.#menu);
    this.#menu.addEventListener("keydown", (event) => this.#key(event));
    this.#menu.addEventListener("toggle", (event) => event.newState === "closed" && this.#anchor?.focus());
  }

  /** Opens beside a button. mayDelete, mine, unread: what is offered. */
  open(message, anchor, { mine, mayDelete, unread }) {
    this.#anchor = anchor;
    const choose = (type, detail = {}) => () => {
      this.#menu.hidePopover();
      this.dispatchEvent(new CustomEvent(type, { bubbles: true, detail: { message, ...detail } }));
    };
    const item = (name, text, type) =>
      el("button", { type: "button", class: "message-menu-item", role: "menuitem", tabindex: "-1", onclick: choose(type) }, icon(name), text);
    this.#menu.replaceChildren(
      el(
        "div",
        { class: "message-menu-emoji", role: "group", "aria-label": "React" },
        ...QUICK_EMOJI.map((emoji) =>
          el("button", { type: "button", role: "menuitem", tabindex: "-1", "aria-label": `React with ${emoji}`, onclick: choose("message-react", { emoji }) }, emoji),
        ),
      ),
      item("reply", "Reply in thread", "message-thread"),
      item("pin", message.pinned ? "Unpin" : "Pin to channel", "message-pin"),
      item("save", "Save for later", "message-save"),
      ...(unread ? [item("unread", "Mark as unread", "message-unread")] : []),
      ...(mine ? [item("edit", "Edit", "message-edit")] : []),
      ...(mayDelete ? [this.#deletion(choose("message-delete"))] : []),
    );
    this.#menu.showPopover();
    this.#place(anchor.getBoundingClientRect());
    this.#items[0].focus();
  }

  /** Deleting takes two presses, as it cannot be undone. */
  #deletion(remove) {
    const button = el("button", { type: "button", class: "message-menu-item", role: "menuitem", tabindex: "-1" }, icon("delete"), "Delete");
    const ask = () => {
      button.replaceChildren(icon("delete"), "Really delete?");
      button.classList.add("message-menu-danger");
      button.addEventListener("click", remove, { once: true });
    };
    button.addEventListener("click", ask, { once: true });
    return button;
  }

  get #items() {
    return Array.from(this.#menu.querySelectorAll("[role=menuitem]"));
  }

  #place(anchor) {
    const { width, height } = this.#menu.getBoundingClientRect();
    const below = anchor.bottom + height < window.innerHeight - 8;
    this.#menu.style.left = `${Math.max(8, anchor.right - width)}px`;
    this.#menu.style.top = `${Math.max(8, below ? anchor.bottom : anchor.top - height)}px`;
  }

  #key(event) {
    const items = this.#items;
    const at = items.indexOf(document.activeElement);
    const to = {
      ArrowDown: at < QUICK_EMOJI.length ? QUICK_EMOJI.length : at + 1,
      ArrowUp: at <= QUICK_EMOJI.length ? 0 : at - 1,
      ArrowRight: at + 1,
      ArrowLeft: at - 1,
      Home: 0,
      End: items.length - 1,
      Tab: at + (event.shiftKey ? -1 : 1),
    }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      items[(to + items.length) % items.length].focus();
    }
  }
}

customElements.define("message-menu", MessageMenu);
