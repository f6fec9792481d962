/** What was said in a thread alone is shown there, and not in the channel. */
export function isShownInChannel(message) {
  return !message.parent_id || Boolean(message.also_to_channel);
}

/** The thread about one message: that, and its replies in rising `seq`. */
export class Thread {
  id;
  channelId;
  /** What the thread is about; null until it is read. */
  message = null;
  /** Rising in seq. Replaced, never changed in place. */
  replies = [];
  /** Whether all there is has been read. What comes meanwhile waits. */
  loaded = false;
  /** Up to which seq the server was told that it is read. */
  read = 0;

  #early = [];

  constructor(id, channelId) {
    this.id = id;
    this.channelId = channelId;
  }

  /** The seq of the last reply; 0 when there is none. */
  get last() {
    return this.replies.at(-1)?.seq ?? 0;
  }

  /** Puts a page read with `after=last` behind: {message, replies, has_more}. */
  append(page) {
    this.message = page.message;
    this.replies = [...this.replies, ...page.replies];
    this.loaded = !page.has_more;
    if (this.loaded) {
      this.#early.splice(0).forEach((message) => this.receive(message));
    }
  }

  /** Takes a message that came live. Says whether it belongs here. */
  receive(message) {
    if (message.parent_id !== this.id) {
      return false;
    }
    if (!this.loaded) {
      this.#early.push(message);
      return false;
    }
    if (message.seq <= this.last) {
      return false;
    }
    this.replies = [...this.replies, message];
    return true;
  }

  /** Replaces a message that has changed. Says whether it was held. */
  update(message) {
    if (message.id === this.id && this.message) {
      this.message = message;
      return true;
    }
    const index = this.replies.findIndex((held) => held.id === message.id);
    if (index < 0) {
      return false;
    }
    this.replies = this.replies.with(index, message);
    return true;
  }

  find(id) {
    return id === this.message?.id ? this.message : this.replies.find((reply) => reply.id === id);
  }
}
