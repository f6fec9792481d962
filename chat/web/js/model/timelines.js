import { Timeline } from "./timeline.js";

const PAGE_SIZE = 50;
export const LARGEST_PAGE_SIZE = 200;

/** How many messages are read above the first unread one, so that it has company. */
const READ_BEFORE_UNREAD = 20;

/** With more than this missing, the newest page is read instead of all that was missed. */
const CATCH_UP_LIMIT = 400;

/** What a live frame is given to fill a gap by itself before the messages are read over HTTP. */
const GAP_PATIENCE_MS = 300;

/**
 * The timelines of the channels that were looked at, and the reading of what they lack.
 *
 * Events: "change" with detail {channelId}.
 */
export class Timelines extends EventTarget {
  #readPage;
  #unreadIn;
  #held = new Map();
  #catchingUp = new Set();

  /** readPage(channelId, page) resolves to null when the page cannot be read; unreadIn(channelId) is a number. */
  constructor({ readPage, unreadIn }) {
    super();
    this.#readPage = readPage;
    this.#unreadIn = unreadIn;
  }

  /** The timeline of a channel; reading it begins with the first call. */
  of(channelId) {
    let timeline = this.#held.get(channelId);
    if (!timeline) {
      timeline = new Timeline();
      this.#held.set(channelId, timeline);
      this.#begin(channelId, timeline);
    }
    return timeline;
  }

  forget(channelId) {
    this.#held.delete(channelId);
  }

  /** The seq up to which a channel is held; Infinity when it was not looked at, and nothing waits to be shown there. */
  heldUpTo(channelId) {
    return this.#held.get(channelId)?.last ?? Infinity;
  }

  /** The seq up to which a channel is followed; undefined when it is not, or what is held is in the past. */
  followedUpTo(channelId) {
    const timeline = this.#held.get(channelId);
    return timeline?.loaded && !timeline.past ? timeline.last : undefined;
  }

  /** The message held under an id, if there is one. */
  find(channelId, messageId) {
    return this.#held.get(channelId)?.find(messageId);
  }

  async #begin(channelId, timeline) {
    const limit = Math.min(Math.max(this.#unreadIn(channelId) + READ_BEFORE_UNREAD, PAGE_SIZE), LARGEST_PAGE_SIZE);
    const page = await this.#readPage(channelId, { limit });
    if (page) {
      timeline.begin(page);
      this.#changed(channelId);
    }
  }

  /** Reads a page of older messages in front of those held. */
  async loadOlder(channelId) {
    const timeline = this.of(channelId);
    const before = timeline.messages[0]?.seq;
    if (!timeline.hasOlder || before === undefined) {
      return;
    }
    const page = await this.#readPage(channelId, { before, limit: PAGE_SIZE });
    if (page && timeline.messages[0]?.seq === before) {
      timeline.prepend(page);
      this.#changed(channelId);
    }
  }

  /** Reads a page of newer messages behind those held of the past. */
  async loadNewer(channelId) {
    const timeline = this.of(channelId);
    const after = timeline.last;
    const page = timeline.past && (await this.#readPage(channelId, { after, limit: PAGE_SIZE }));
    if (page && timeline.past && timeline.last === after) {
      timeline.append(page);
      this.#changed(channelId);
    }
  }

  /** Reads the messages around one, which may be far in the past. */
  async visit(channelId, seq) {
    const timeline = this.of(channelId);
    if (timeline.loaded && timeline.messages.some((message) => message.seq === seq)) {
      this.#changed(channelId);
      return;
    }
    const page = await this.#readPage(channelId, { around: seq, limit: PAGE_SIZE });
    if (page) {
      timeline.beginInPast(page);
      await this.loadNewer(channelId);
      this.#changed(channelId);
    }
  }

  /** Goes from the past to the newest messages. */
  async returnToNewest(channelId) {
    await this.#begin(channelId, this.of(channelId));
  }

  /** Takes a message that came live, or as the acknowledgement of a send. */
  receive(message) {
    const timeline = this.#held.get(message.channel_id);
    const changed = timeline?.receive(message);
    if (changed || !timeline) {
      this.#changed(message.channel_id);
    }
    this.#fillLater(message.channel_id);
  }

  /** Takes an edited or deleted message. */
  update(message) {
    if (this.#held.get(message.channel_id)?.update(message)) {
      this.#changed(message.channel_id);
    }
  }

  /** Notes that a channel goes up to `seq`, and reads what is missing. */
  promise(channelId, seq) {
    this.#held.get(channelId)?.promise(seq);
    this.#fillLater(channelId);
  }

  /** These messages were not sent: new ones are read as what is missing, and among older ones some have changed. */
  gap(channelId, from, to) {
    const timeline = this.#held.get(channelId);
    if (timeline?.loaded && from <= timeline.last) {
      this.#begin(channelId, timeline);
    } else {
      this.promise(channelId, to);
    }
  }

  #fillLater(channelId) {
    const timeline = this.#held.get(channelId);
    if (timeline?.loaded && timeline.missing > 0 && !this.#catchingUp.has(channelId)) {
      this.#catchingUp.add(channelId);
      setTimeout(() => this.#fill(channelId, timeline), GAP_PATIENCE_MS);
    }
  }

  async #fill(channelId, timeline) {
    if (timeline.missing > CATCH_UP_LIMIT) {
      await this.#begin(channelId, timeline);
    } else if (timeline.missing > 0) {
      const page = await this.#readPage(channelId, { after: timeline.last, limit: LARGEST_PAGE_SIZE });
      if (page) {
        timeline.append(page);
        this.#changed(channelId);
      }
    }
    this.#catchingUp.delete(channelId);
    this.#fillLater(channelId);
  }

  #changed(channelId) {
    this.dispatchEvent(new CustomEvent("change", { detail: { channelId } }));
  }
}
