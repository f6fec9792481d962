import { CLOSE, reconnectDelay } from "./model/reconnect.js";

/** How often the connection is tried for life, and how long its answer may take. */
const PING_EVERY_MS = 25_000;
const ANSWER_WITHIN_MS = 10_000;

/** A connection that stood this long had its chance: the next failure counts as the first. */
const STEADY_MS = 5_000;

/**
 * The WebSocket to the server, opened again whenever it is lost, until stopped.
 *
 * Events: "frame" {detail: a frame of the server}; "state" after each change of `state`;
 * "unauthenticated" when the server says that nobody is logged in; "unopened" when a connection ended
 * before it was established, of which a browser tells no reason.
 */
export class Connection extends EventTarget {
  /** "stopped", "connecting", "online" (welcomed) or "waiting" (for the next attempt). */
  state = "stopped";
  /** Whether the server announced that it restarts. */
  restarting = false;

  #open;
  #random;
  #hello;
  #socket = null;
  #established = false;
  #onlineSince = null;
  #attempt = 0;
  #retryAfter = null;
  #timer = null;

  /** open() makes a WebSocket; hello() makes the first frame of each connection. */
  constructor({ open, hello, random = Math.random }) {
    super();
    this.#open = open;
    this.#hello = hello;
    this.#random = random;
  }

  start() {
    this.#connect();
  }

  stop() {
    this.#abandon();
    this.#become("stopped");
  }

  /** Sends a frame if the connection is online, and says whether it did. */
  send(frame) {
    if (this.state !== "online") {
      return false;
    }
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  /** Something speaks for a better connection (network back, page visible): tries at once. */
  wake() {
    if (this.state === "waiting") {
      this.#connect();
    } else if (this.state === "online") {
      this.#ping();
    }
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#become("connecting");
    const socket = this.#open();
    this.#socket = socket;
    this.#established = false;
    this.#retryAfter = null;
    const whileCurrent = (react) => (event) => socket === this.#socket && react(event);
    socket.addEventListener("open", whileCurrent(() => this.#greet()));
    socket.addEventListener("message", whileCurrent((event) => this.#receive(JSON.parse(event.data))));
    socket.addEventListener("close", whileCurrent((event) => this.#lost(event.code)));
    this.#expectAnswer();
  }

  #greet() {
    this.#established = true;
    this.#socket.send(JSON.stringify(this.#hello()));
  }

  #receive(frame) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ping(), PING_EVERY_MS);
    if (frame.type === "welcome") {
      this.restarting = false;
      this.#onlineSince = Date.now();
      this.#become("online");
    }
    if (frame.type === "goodbye") {
      this.restarting = true;
      this.#retryAfter = frame.retry_after ?? null;
    }
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  #ping() {
    this.#socket.send(JSON.stringify({ type: "ping" }));
    this.#expectAnswer();
  }

  #expectAnswer() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#abandon();
      this.#lost(null);
    }, ANSWER_WITHIN_MS);
  }

  /** Lets go of the socket without waiting for its close, which takes long on a dead network. */
  #abandon() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #lost(code) {
    clearTimeout(this.#timer);
    this.#socket = null;
    if (code === CLOSE.notLoggedIn) {
      this.#become("stopped");
      this.dispatchEvent(new Event("unauthenticated"));
      return;
    }
    if (this.#onlineSince !== null && Date.now() - this.#onlineSince >= STEADY_MS) {
      this.#attempt = 0;
    }
    this.#onlineSince = null;
    this.restarting ||= code === CLOSE.serviceRestart;
    const delay = reconnectDelay({
      attempt: this.#attempt,
      code,
      retryAfter: this.#retryAfter,
      random: this.#random(),
    });
    this.#attempt += 1;
    this.#timer = setTimeout(() => this.#connect(), delay);
    this.#become("waiting");
    if (!this.#established) {
      this.dispatchEvent(new Event("unopened"));
    }
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
