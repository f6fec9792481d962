const SHOWN_MS = 5_000;
const TOLD_EVERY_MS = 3_000;

/**
 * Who is writing in which channel.
 *
 * Events: "change" with detail {channelId}.
 */
export class Typing extends EventTarget {
  #writers = new Map();
  #told = new Map();

  /** Somebody else writes, or still does. */
  start(channelId, userId) {
    const inChannel = this.#writers.get(channelId) ?? new Map();
    this.#writers.set(channelId, inChannel);
    clearTimeout(inChannel.get(userId));
    inChannel.set(userId, setTimeout(() => this.stop(channelId, userId), SHOWN_MS));
    this.#changed(channelId);
  }

  stop(channelId, userId) {
    const inChannel = this.#writers.get(channelId);
    if (inChannel?.has(userId)) {
      clearTimeout(inChannel.get(userId));
      inChannel.delete(userId);
      this.#changed(channelId);
    }
  }

  forget(channelId) {
    this.#writers.delete(channelId);
  }

  /** The ids of those who write in a channel. */
  writersIn(channelId) {
    return Array.from(this.#writers.get(channelId)?.keys() ?? []);
  }

  /** Whether the others should be told now that this person writes: not more often than needed. */
  isDue(channelId) {
    const now = Date.now();
    const due = now - (this.#told.get(channelId) ?? 0) >= TOLD_EVERY_MS;
    if (due) {
      this.#told.set(channelId, now);
    }
    return due;
  }

  /** This person has sent what was being written: what comes next is told of at once. */
  sent(channelId) {
    this.#told.delete(channelId);
  }

  #changed(channelId) {
    this.dispatchEvent(new CustomEvent("change", { detail: { channelId } }));
  }
}
