import { newUuid } from "./uuid.js";

/** Error codes after which the same send is worth trying again without asking. */
const PASSING = new Set(["unavailable", "rate_limited"]);

/** What to wait, in seconds, when a passing error does not say. */
const DEFAULT_RETRY_AFTER = 2;

/**
 * The messages written here that the server has not yet acknowledged. Each keeps its `client_id` through
 * every retry, so that the server stores it once. Per channel one is under way at a time: they arrive
 * in the order they were written.
 *
 * state of an item: "waiting" to be sent, "sending", "stored" (acknowledged, and shown until the timeline has
 * caught up with it), "failed" (the writer decides).
 */
export class Outbox extends EventTarget {
  #items;
  #transmit;
  #storage;
  #timers = new Map();

  /**
   * transmit(item) sends it if the connection allows and says whether it did;
   * storage.load() and storage.save(items) keep the items over a reload.
   */
  constructor({ transmit, storage }) {
    super();
    this.#transmit = transmit;
    this.#storage = storage;
    this.#items = storage.load().map((item) => (item.state === "failed" ? item : { ...item, state: "waiting" }));
  }

  /** How many are not stored yet and wait for the connection. */
  get unsent() {
    return this.#items.filter((item) => item.state === "waiting" || item.state === "sending").length;
  }

  inChannel(channelId) {
    return this.#items.filter((item) => item.channel_id === channelId);
  }

  /** parentId: of a reply, what its thread is about; files: those that go with it, which are on the server. */
  add(channelId, body, parentId = null, files = []) {
    const item = {
      client_id: newUuid(),
      channel_id: channelId,
      parent_id: parentId,
      body,
      files,
      created_at: new Date().toISOString(),
      state: "waiting",
      error: "",
    };
    this.#items = [...this.#items, item];
    this.#changed(channelId);
    this.flush();
    return item;
  }

  /** Sends what may be sent now: of each channel the first that waits, unless one is under way or resting. */
  flush() {
    const busy = new Set(this.#items.filter((item) => item.state === "sending").map((item) => item.channel_id));
    for (const item of this.#items) {
      if (item.state !== "waiting" || busy.has(item.channel_id)) {
        continue;
      }
      busy.add(item.channel_id);
      if (!this.#timers.has(item.client_id) && this.#transmit(item)) {
        this.#replace(item.client_id, { state: "sending" });
      }
    }
  }

  /** The connection is gone: what was under way has to be sent again. */
  interrupted() {
    for (const item of this.#items.filter((item) => item.state === "sending")) {
      this.#replace(item.client_id, { state: "waiting" });
    }
  }

  /** The server has stored the message as `seq`; the next of its channel may go. */
  acknowledge(clientId, seq) {
    if (this.#find(clientId)) {
      this.#rest(clientId, null);
      this.#replace(clientId, { state: "stored", seq });
      this.flush();
    }
  }

  /** The timeline of a channel holds everything up to `seq`: what is stored up to there leaves the outbox. */
  placed(channelId, seq) {
    const gone = (item) => item.channel_id === channelId && item.state === "stored" && item.seq <= seq;
    this.#keep((item) => !gone(item), channelId);
  }

  /** The server said no: either for a while, and it is tried again, or for good. */
  refuse(clientId, { code, message, retry_after: retryAfter }) {
    const item = this.#find(clientId);
    if (!item) {
      return;
    }
    if (PASSING.has(code)) {
      this.#replace(clientId, { state: "waiting" });
      this.#rest(clientId, retryAfter || DEFAULT_RETRY_AFTER);
    } else {
      this.#replace(clientId, { state: "failed", error: message });
      this.flush();
    }
  }

  /** Sends a failed one again, by the writer's wish. */
  retry(clientId) {
    this.#replace(clientId, { state: "waiting", error: "" });
    this.flush();
  }

  /** Gives up a failed one. */
  discard(clientId) {
    const item = this.#find(clientId);
    this.#keep((other) => other !== item, item.channel_id);
  }

  #find(clientId) {
    return this.#items.find((item) => item.client_id === clientId);
  }

  #replace(clientId, changes) {
    const item = this.#find(clientId);
    if (item) {
      this.#items = this.#items.with(this.#items.indexOf(item), { ...item, ...changes });
      this.#changed(item.channel_id);
    }
  }

  #keep(wanted, channelId) {
    const kept = this.#items.filter(wanted);
    if (kept.length < this.#items.length) {
      this.#items = kept;
      this.#changed(channelId);
    }
  }

  #rest(clientId, seconds) {
    clearTimeout(this.#timers.get(clientId));
    this.#timers.delete(clientId);
    if (seconds !== null) {
      this.#timers.set(clientId, setTimeout(() => {
        this.#timers.delete(clientId);
        this.flush();
      }, seconds * 1000));
    }
  }

  #changed(channelId) {
    this.#storage.save(this.#items);
    this.dispatchEvent(new CustomEvent("change", { detail: { channelId } }));
  }
}
