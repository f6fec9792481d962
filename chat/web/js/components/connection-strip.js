import { el } from "../dom.js";
import { connectionNotice } from "../model/connection-notice.js";

/** Trouble shorter than this is not worth a word. */
const PATIENCE_MS = 800;

/** How long a notice of the server is shown. */
const NOTICE_MS = 6_000;

/** A quiet line that says when the connection is away and what becomes of the messages, or something went wrong. */
export class ConnectionStrip extends HTMLElement {
  #workspace;
  #timer = null;
  #notice = "";

  show(workspace) {
    this.#workspace = workspace;
    this.setAttribute("role", "status");
    workspace.addEventListener("connection", () => this.#renderLater());
    workspace.addEventListener("outbox", () => this.#renderLater());
    workspace.addEventListener("notice", (event) => this.#showNotice(event.detail.message));
    window.addEventListener("online", () => this.#renderLater());
    window.addEventListener("offline", () => this.#renderLater());
    this.#renderLater();
  }

  #renderLater() {
    if (this.#workspace.connection.state === "online") {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.#render();
    } else {
      this.#timer ??= setTimeout(() => this.#render(), PATIENCE_MS);
    }
  }

  #showNotice(message) {
    this.#notice = message;
    this.#render();
    setTimeout(() => {
      this.#notice = "";
      this.#render();
    }, NOTICE_MS);
  }

  #render() {
    this.#timer = null;
    const { connection, outbox } = this.#workspace;
    const connected = connectionNotice({
      connection: connection.state,
      restarting: connection.restarting,
      networkUp: navigator.onLine,
      unsent: outbox.unsent,
    });
    const text = connected || this.#notice;
    if (this.textContent !== text) {
      this.replaceChildren(...(text ? [el("span", { class: "connection-strip-dot" }), el("span", {}, text)] : []));
    }
  }
}

customElements.define("connection-strip", ConnectionStrip);
