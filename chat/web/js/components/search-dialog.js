import { el } from "../dom.js";
import { fullDate } from "../model/dates.js";
import { channelLabel } from "../model/channels.js";
import { modal } from "./dialog.js";

/** How long the writing must rest before it is searched for. */
const REST_MS = 250;

const HELP = "Filters: in:#channel from:@user has:link has:file before:2026-01-31 after:… and “-” for what must not be.";

/** Searches messages. Event (bubbling): "show-message" with detail {message}. */
export class SearchDialog extends HTMLElement {
  #workspace;
  #dialog;
  #resting = null;
  #query = "";
  #next = "";
  #input = el("input", {
    type: "text", // of a field for searching, Escape would empty it before it closes the dialog
    role: "searchbox",
    inputmode: "search",
    id: "search-query",
    "aria-label": "Search messages",
    "aria-describedby": "search-note",
    placeholder: "Search messages",
    maxlength: "500",
    autocomplete: "off",
    enterkeyhint: "search",
    spellcheck: "false",
  });
  #note = el("p", { class: "search-note", id: "search-note", role: "status" }, HELP);
  #results = el("ul", { class: "collection-list search-results" });
  #more = el("button", { type: "button", class: "button button-quiet", hidden: true, onclick: () => this.#read() }, "Show more");

  show(workspace) {
    this.#workspace = workspace;
    const { dialog } = modal({ id: "search", title: "Search" }, el("div", { class: "field" }, this.#input), this.#note, this.#results, this.#more);
    this.#dialog = dialog;
    this.append(dialog);
    this.#input.addEventListener("input", () => {
      clearTimeout(this.#resting);
      this.#resting = setTimeout(() => this.#search(), REST_MS);
    });
    this.#input.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && this.#search());
    dialog.addEventListener("keydown", (event) => this.#key(event));
  }

  open() {
    if (!this.#dialog.open) {
      this.#dialog.showModal();
    }
    this.#input.focus();
    this.#input.select();
  }

  #search() {
    clearTimeout(this.#resting);
    const query = this.#input.value.trim();
    if (query === this.#query) {
      return;
    }
    this.#query = query;
    this.#next = "";
    if (query) {
      this.#read();
    } else {
      this.#results.replaceChildren();
      this.#more.hidden = true;
      this.#note.textContent = HELP;
    }
  }

  /** Reads the first page, or the next one. An answer that comes when something else is wanted by now is dropped. */
  async #read() {
    const [query, cursor] = [this.#query, this.#next];
    try {
      const page = await this.#workspace.search(query, cursor);
      if (query === this.#query && cursor === this.#next) {
        this.#add(page, cursor === "");
      }
    } catch (error) {
      if (query === this.#query) {
        this.#results.replaceChildren();
        this.#more.hidden = true;
        this.#note.textContent = error.fields?.q ? `Your search ${error.fields.q}.` : error.message;
      }
    }
  }

  #add({ hits, has_more: more, next }, first) {
    const items = hits.map((hit) => this.#item(hit));
    if (first) {
      this.#results.replaceChildren(...items);
    } else {
      this.#results.append(...items);
      items[0]?.firstElementChild.focus();
    }
    this.#next = next ?? "";
    this.#more.hidden = !more;
    const count = this.#results.children.length;
    this.#note.textContent = count === 0 && !more ? "Nothing was found." : `${count === 1 ? "1 message" : `${count} messages`}${more ? ", and perhaps more" : ""}`;
  }

  #item({ channel, message, highlight }) {
    const { users, me } = this.#workspace;
    const text = el("span", { class: "search-hit-text" });
    text.innerHTML = highlight; // made by the server: escaped text and <mark>
    const where = `${message.author.display_name} in ${channelLabel(channel, users, me)} · ${fullDate(new Date(message.created_at))}`;
    const open = () => {
      this.#dialog.close();
      this.dispatchEvent(new CustomEvent("show-message", { bubbles: true, detail: { message } }));
    };
    return el("li", {}, el("button", { type: "button", class: "search-hit", onclick: open }, el("span", { class: "search-hit-where" }, where), text));
  }

  /** The arrows go through the hits. */
  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const stops = [this.#input, ...this.#results.querySelectorAll(".search-hit")];
      const to = stops[stops.indexOf(document.activeElement) + step];
      if (to) {
        event.preventDefault();
        to.focus();
      }
    }
  }
}

customElements.define("search-dialog", SearchDialog);
