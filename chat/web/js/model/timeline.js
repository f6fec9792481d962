/**
 * The messages of one channel as far as they are loaded: a stretch in rising `seq` without a gap.
 * What arrives twice is dropped; what arrives too early waits until its predecessors are there.
 */
export class Timeline {
  /** Rising in seq, without a gap. Replaced, never changed in place. */
  messages = [];
  loaded = false;
  hasOlder = false;
  /** What is held is somewhere in the past: there are newer messages that are not held, and live ones are passed over. */
  past = false;

  #last = 0;
  #promised = 0;
  #early = new Map();

  /** The seq of the newest message held without a gap; 0 when there is none. */
  get last() {
    return this.#last;
  }

  /** How many messages are known to exist after `last` and are not held yet. */
  get missing() {
    if (this.past) {
      return 0;
    }
    return Math.max(this.#last, this.#promised, ...this.#early.keys()) - this.#last;
  }

  /** Begins anew from the newest page of the channel: {messages, has_more}. */
  begin(page) {
    this.past = false;
    this.messages = page.messages;
    this.#last = page.messages.at(-1)?.seq ?? 0;
    this.#promised = Math.max(this.#promised, this.#last);
    this.hasOlder = page.has_more;
    this.loaded = true;
    this.#takeEarly();
  }

  /** Begins anew from a page somewhere in the past. */
  beginInPast(page) {
    this.messages = page.messages;
    this.#last = page.messages.at(-1)?.seq ?? 0;
    this.hasOlder = page.messages[0]?.seq > 1;
    this.loaded = true;
    this.past = true;
    this.#early.clear();
  }

  /** Puts a page of older messages in front. */
  prepend(page) {
    const first = this.messages[0]?.seq ?? Infinity;
    this.messages = [...page.messages.filter((message) => message.seq < first), ...this.messages];
    this.hasOlder = page.has_more;
  }

  /**
   * Puts a page read with `after=last` behind. The server is the authority on what follows `last`,
   * so the page is taken as it is.
   */
  append(page) {
    const fresh = page.messages.filter((message) => message.seq > this.#last);
    this.messages = [...this.messages, ...fresh];
    this.#last = fresh.at(-1)?.seq ?? this.#last;
    if (!page.has_more) {
      this.#promised = this.#last;
      this.past = false;
    }
    this.#takeEarly();
  }

  /** Takes one live message. Says whether the visible messages changed. */
  receive(message) {
    if (this.loaded && (this.past || message.seq <= this.#last)) {
      return false;
    }
    this.#early.set(message.seq, message);
    return this.loaded && this.#takeEarly();
  }

  /** Notes that the channel goes at least up to `seq`. */
  promise(seq) {
    this.#promised = Math.max(this.#promised, seq);
  }

  /** Replaces a message that was edited or deleted. Says whether it was held. */
  update(message) {
    const index = this.messages.findIndex((held) => held.id === message.id);
    if (index < 0) {
      return false;
    }
    this.messages = this.messages.with(index, message);
    return true;
  }

  /** The message held under an id, if there is one. */
  find(id) {
    return this.messages.find((message) => message.id === id);
  }

  #takeEarly() {
    const taken = [];
    for (const seq of this.#early.keys()) {
      if (seq <= this.#last) {
        this.#early.delete(seq);
      }
    }
    while (this.#early.has(this.#last + 1)) {
      this.#last += 1;
      taken.push(this.#early.get(this.#last));
      this.#early.delete(this.#last);
    }
    if (taken.length > 0) {
      this.messages = [...this.messages, ...taken];
    }
    return taken.length > 0;
  }
}
