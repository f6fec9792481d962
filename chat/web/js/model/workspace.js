import { channelLabel } from "./channels.js";
import { applyFrame } from "./frames.js";
import { calls } from "./mentions.js";
import { Outbox } from "./outbox.js";
import { avatarColours } from "./people.js";
import { isShownInChannel, Thread } from "./thread.js";
import { Timeline } from "./timeline.js";

const PAGE_SIZE = 50;
const LARGEST_PAGE_SIZE = 200;

/** How many messages are read above the first unread one, so that it has company. */
const READ_BEFORE_UNREAD = 20;

/** With more than this missing, the newest page is read instead of all that was missed. */
const CATCH_UP_LIMIT = 400;

/** What a live frame is given to fill a gap by itself before the messages are read over HTTP. */
const GAP_PATIENCE_MS = 300;

const TYPING_SHOWN_MS = 5_000;
const TYPING_TOLD_EVERY_MS = 3_000;

/**
 * All that the client knows of the workspace, kept true by HTTP and the connection; without DOM.
 *
 * Events: "channels", "people", "connection"; "timeline", "typing" and "outbox" with detail {channelId}; "thread";
 * "notice" with detail {message}; "ended" when the login is no longer valid.
 */
export class Workspace extends EventTarget {
  me;
  name;
  users = new Map();
  channels = new Map();
  online = new Set();
  outbox;
  connection;

  #api;
  #patiently;
  #colours = new Map();
  #meeting = false;
  #timelines = new Map();
  #thread = null;
  #typing = new Map();
  #typingTold = new Map();
  #catchingUp = new Set();
  #keptUnread = new Set();

  /** connect(hello) makes the Connection; patiently(read) repeats a read until it is answered. */
  constructor({ me, name, api, patiently, connect, storage }) {
    super();
    this.me = me;
    this.name = name;
    this.#api = api;
    this.#patiently = patiently;
    this.outbox = new Outbox({ storage, transmit: (item) => this.#transmit(item) });
    this.outbox.addEventListener("change", (event) => this.#tell("outbox", event.detail));
    this.connection = connect(() => this.#hello());
    this.connection.addEventListener("frame", (event) => applyFrame(this, event.detail));
    this.connection.addEventListener("state", () => this.#connectionChanged());
    this.connection.addEventListener("unauthenticated", () => this.#tell("ended"));
    this.connection.addEventListener("unopened", () => this.#checkLogin());
  }

  /** Reads people and channels, and connects. */
  async start() {
    const [users, channels] = await Promise.all([
      this.#patiently(this.#api.users),
      this.#patiently(this.#api.channels),
    ]);
    this.setUsers(users);
    this.setChannels(channels);
    this.connection.start();
  }

  stop() {
    this.connection.stop();
  }

  // Channels and people.

  setChannels(channels) {
    this.channels = new Map(channels.map((channel) => [channel.id, this.#labelled(channel)]));
    this.#tell("channels");
  }

  /** Takes what is said of a channel: what is left out is as it was. */
  putChannel(channel) {
    this.channels.set(channel.id, this.#labelled({ ...this.channels.get(channel.id), ...channel }));
    this.#tell("channels");
  }

  /** Forgets a channel that is none of this person's any more. */
  removeChannel(channelId) {
    this.#timelines.delete(channelId);
    this.#typing.delete(channelId);
    if (this.channels.delete(channelId)) {
      this.#tell("channels");
    }
  }

  /** Notes that so many more people are in a channel. */
  countMember(channelId, difference) {
    const channel = this.channels.get(channelId);
    if (channel?.members !== undefined) {
      this.putChannel({ id: channelId, members: channel.members + difference });
    }
  }

  #labelled(channel) {
    return { ...channel, label: channelLabel(channel, this.users, this.me) };
  }

  async #refreshChannels() {
    const channels = await this.#read(this.#api.channels);
    if (channels) {
      this.setChannels(channels);
    }
  }

  setUsers(users) {
    this.users = new Map(users.map((user) => [user.id, user]));
    this.#colours = avatarColours(users);
    this.setChannels(Array.from(this.channels.values()));
    this.#tell("people");
  }

  putUser(user) {
    if (user.id === this.me.id) {
      this.me = user;
    }
    this.setUsers(Array.from(new Map(this.users).set(user.id, user).values()));
  }

  /** Reads the people anew when somebody turns up who came while the connection was away. */
  async #meet(userId) {
    if (!this.users.has(userId) && !this.#meeting) {
      this.#meeting = true;
      const users = await this.#read(this.#api.users);
      this.#meeting = false;
      if (users) {
        this.setUsers(users);
      }
    }
  }

  /** The avatar colour of a person, 1 to 8. */
  colourOf(userId) {
    return this.#colours.get(userId) ?? 1;
  }

  setOnline(userIds) {
    this.online = new Set(userIds);
    userIds.forEach((userId) => this.#meet(userId));
    this.#tell("people");
  }

  setPresence(userId, online) {
    if (online) {
      this.#meet(userId);
      this.online.add(userId);
    } else {
      this.online.delete(userId);
    }
    this.#tell("people");
  }

  /** How many unread messages in all channels call this person. */
  get mentions() {
    return Array.from(this.channels.values()).reduce((sum, channel) => sum + channel.mentions, 0);
  }

  /** How many messages in all channels wait to be read. */
  get unread() {
    return Array.from(this.channels.values()).reduce((sum, channel) => sum + channel.unread, 0);
  }

  // Messages.

  /** The timeline of a channel; reading it begins with the first call. */
  timeline(channelId) {
    let timeline = this.#timelines.get(channelId);
    if (!timeline) {
      timeline = new Timeline();
      this.#timelines.set(channelId, timeline);
      this.#begin(channelId, timeline);
    }
    return timeline;
  }

  async #begin(channelId, timeline) {
    const wanted = (this.channels.get(channelId)?.unread ?? 0) + READ_BEFORE_UNREAD;
    const limit = Math.min(Math.max(wanted, PAGE_SIZE), LARGEST_PAGE_SIZE);
    const page = await this.#page(channelId, { limit });
    if (page) {
      timeline.begin(page);
      this.#timelineChanged(channelId);
    }
  }

  /** Reads a page of older messages in front of those held. */
  async loadOlder(channelId) {
    const timeline = this.timeline(channelId);
    const before = timeline.messages[0]?.seq;
    if (!timeline.hasOlder || before === undefined) {
      return;
    }
    const page = await this.#page(channelId, { before, limit: PAGE_SIZE });
    if (page && timeline.messages[0]?.seq === before) {
      timeline.prepend(page);
      this.#timelineChanged(channelId);
    }
  }

  /** Reads the messages around one, which may be far in the past. */
  async visit(channelId, seq) {
    const timeline = this.timeline(channelId);
    if (timeline.loaded && timeline.messages.some((message) => message.seq === seq)) {
      this.#timelineChanged(channelId);
      return;
    }
    const page = await this.#page(channelId, { around: seq, limit: PAGE_SIZE });
    if (page) {
      timeline.beginInPast(page);
      await this.loadNewer(channelId);
      this.#timelineChanged(channelId);
    }
  }

  /** Reads a page of newer messages behind those held of the past. */
  async loadNewer(channelId) {
    const timeline = this.timeline(channelId);
    const after = timeline.last;
    const page = timeline.past && (await this.#page(channelId, { after, limit: PAGE_SIZE }));
    if (page && timeline.past && timeline.last === after) {
      timeline.append(page);
      this.#timelineChanged(channelId);
    }
  }

  /** Goes from the past to the newest messages. */
  async returnToNewest(channelId) {
    await this.#begin(channelId, this.timeline(channelId));
  }

  /** Searches messages; a failure is the caller's. */
  search(query, cursor) {
    return this.#api.search({ q: query, ...(cursor && { cursor }) });
  }

  #page(channelId, page) {
    return this.#read(() => this.#api.messages(channelId, page));
  }

  /** Reads something; null when it may not be read, which the person is told. */
  async #read(call) {
    try {
      return await this.#patiently(call);
    } catch (error) {
      this.#tell(error.code === "unauthenticated" ? "ended" : "notice", { message: error.message });
      return null;
    }
  }

  /** Takes a message that came live, or as the acknowledgement of a send. */
  receive(message) {
    this.#meet(message.author.id);
    this.#count(message);
    const timeline = this.#timelines.get(message.channel_id);
    const changed = timeline?.receive(message);
    if (message.author.id === this.me.id && message.client_id) {
      this.outbox.acknowledge(message.client_id, message.seq);
    }
    this.stopTyping(message.channel_id, message.author.id);
    if (changed || !timeline) {
      this.#timelineChanged(message.channel_id);
    }
    this.#fillLater(message.channel_id);
    this.#changeThread(this.#thread?.receive(message));
  }

  /** Takes an edited or deleted message. */
  update(message) {
    if (this.#timelines.get(message.channel_id)?.update(message)) {
      this.#timelineChanged(message.channel_id);
    }
    this.#changeThread(this.#thread?.update(message));
  }

  /** Takes all the reactions that a message has now. */
  setReactions(channelId, messageId, reactions) {
    const held = this.#timelines.get(channelId)?.find(messageId) ?? this.#thread?.find(messageId);
    if (held) {
      this.update({ ...held, reactions });
    }
  }

  /** These messages were not sent: new ones are read as what is missing, and among older ones some have changed. */
  gap(channelId, from, to) {
    const timeline = this.#timelines.get(channelId);
    if (timeline?.loaded && from <= timeline.last) {
      this.#begin(channelId, timeline);
    } else {
      this.promise(channelId, to);
    }
  }

  // Threads.

  /** The thread that is open; null when there is none. */
  get thread() {
    return this.#thread;
  }

  /** Opens the thread of a message, or of what the message is a reply to; null closes it. */
  async openThread(message) {
    this.#thread = message && new Thread(message.parent_id ?? message.id, message.channel_id);
    this.#changeThread(true);
    await this.#readThread(this.#thread);
  }

  async #readThread(thread) {
    while (thread && thread === this.#thread && !thread.loaded) {
      const page = await this.#read(() => this.#api.thread(thread.id, { after: thread.last, limit: LARGEST_PAGE_SIZE }));
      if (!page) {
        return;
      }
      thread.append(page);
      this.#changeThread(thread === this.#thread);
    }
  }

  #changeThread(changed) {
    if (changed) {
      this.#tell("thread");
    }
  }

  /** Puts an emoji under a message, or takes it back. */
  react(message, emoji) {
    const mine = message.reactions.find((reaction) => reaction.emoji === emoji)?.user_ids.includes(this.me.id);
    return this.perform((api) => (mine ? api.takeBack(message.id, emoji) : api.react(message.id, emoji)));
  }

  /** Does something by the API, and tells the person if that fails. Says whether it was done. */
  async perform(action) {
    try {
      await action(this.#api);
      return true;
    } catch (error) {
      this.#tell(error.code === "unauthenticated" ? "ended" : "notice", { message: error.message });
      return false;
    }
  }

  /** Notes that a channel goes up to `seq`, and reads what is missing. */
  promise(channelId, seq) {
    this.#timelines.get(channelId)?.promise(seq);
    this.#fillLater(channelId);
  }

  /** After a reconnect: all that was missed has been replayed; what is missing still is read now. */
  resumed() {
    if (this.#thread) {
      this.openThread(this.#thread.message ?? { id: this.#thread.id, channel_id: this.#thread.channelId });
    }
    for (const channel of this.channels.values()) {
      this.promise(channel.id, channel.last_seq);
    }
    this.outbox.flush();
  }

  #count(message) {
    const channel = this.channels.get(message.channel_id);
    if (!channel) {
      this.#refreshChannels();
    } else if (message.seq > channel.last_seq) {
      const called = channel.notify !== "none" && calls(message, this.me, this.users);
      const heard = { none: false, mentions: called }[channel.notify] ?? (message.author.id !== this.me.id && isShownInChannel(message));
      this.putChannel({
        id: channel.id,
        last_seq: message.seq,
        unread: channel.unread + Number(heard),
        mentions: channel.mentions + Number(called),
      });
    }
  }

  #fillLater(channelId) {
    const timeline = this.#timelines.get(channelId);
    if (timeline?.loaded && timeline.missing > 0 && !this.#catchingUp.has(channelId)) {
      this.#catchingUp.add(channelId);
      setTimeout(() => this.#fill(channelId, timeline), GAP_PATIENCE_MS);
    }
  }

  async #fill(channelId, timeline) {
    if (timeline.missing > CATCH_UP_LIMIT) {
      await this.#begin(channelId, timeline);
    } else if (timeline.missing > 0) {
      const page = await this.#page(channelId, { after: timeline.last, limit: LARGEST_PAGE_SIZE });
      if (page) {
        timeline.append(page);
        this.#timelineChanged(channelId);
      }
    }
    this.#catchingUp.delete(channelId);
    this.#fillLater(channelId);
  }

  #timelineChanged(channelId) {
    const timeline = this.#timelines.get(channelId);
    this.outbox.placed(channelId, timeline ? timeline.last : Infinity);
    this.#tell("timeline", { channelId });
  }

  // Writing and reading.

  /** parentId: of a reply, what its thread is about. */
  send(channelId, body, parentId = null, files = []) {
    this.#typingTold.delete(channelId);
    return this.outbox.add(channelId, body, parentId, files);
  }

  /** Tells the others that this person is writing, not more often than needed. */
  tellTyping(channelId) {
    const now = Date.now();
    if (now - (this.#typingTold.get(channelId) ?? 0) >= TYPING_TOLD_EVERY_MS) {
      this.#typingTold.set(channelId, now);
      this.connection.send({ type: "typing", channel_id: channelId });
    }
  }

  /** Says that everything up to `seq` has been seen, unless the channel was marked as unread since it was opened. */
  markRead(channelId, seq) {
    const channel = this.channels.get(channelId);
    if (!channel || seq <= channel.read_seq || this.#keptUnread.has(channelId)) {
      return;
    }
    if (this.connection.send({ type: "read", channel_id: channelId, seq, read_seq: channel.read_seq })) {
      this.putChannel({ id: channelId, read_seq: seq, unread: 0, mentions: 0 });
    }
  }

  /** Marks a message, and what comes after it, as unread. */
  markUnread(message) {
    this.#keptUnread.add(message.channel_id);
    return this.perform((api) => api.markUnread(message.channel_id, message.seq));
  }

  /** Takes how far a channel is read. Less than before has been marked as unread, here or elsewhere, and is to stay so. */
  setRead(channelId, read) {
    if (read.read_seq < this.channels.get(channelId)?.read_seq) {
      this.#keptUnread.add(channelId);
    }
    this.putChannel({ id: channelId, ...read });
  }

  /** A channel is opened anew, or written to: what is seen of it is read again. */
  readAgain(channelId) {
    this.#keptUnread.delete(channelId);
  }

  // Typing of others.

  startTyping(channelId, userId) {
    if (userId === this.me.id) {
      return;
    }
    const inChannel = this.#typing.get(channelId) ?? new Map();
    this.#typing.set(channelId, inChannel);
    clearTimeout(inChannel.get(userId));
    inChannel.set(userId, setTimeout(() => this.stopTyping(channelId, userId), TYPING_SHOWN_MS));
    this.#tell("typing", { channelId });
  }

  stopTyping(channelId, userId) {
    const inChannel = this.#typing.get(channelId);
    if (inChannel?.has(userId)) {
      clearTimeout(inChannel.get(userId));
      inChannel.delete(userId);
      this.#tell("typing", { channelId });
    }
  }

  typingIn(channelId) {
    const ids = Array.from(this.#typing.get(channelId)?.keys() ?? []);
    return ids.map((id) => this.users.get(id)).filter(Boolean);
  }

  // The connection.

  #hello() {
    const lastSeq = (channel) => {
      const timeline = this.#timelines.get(channel.id);
      return timeline?.loaded && !timeline.past ? timeline.last : channel.last_seq;
    };
    const resume = Object.fromEntries(Array.from(this.channels.values(), (channel) => [channel.id, lastSeq(channel)]));
    return { type: "hello", resume };
  }

  #transmit(item) {
    const { client_id, channel_id, body, parent_id, files = [] } = item;
    const file_ids = files.map((file) => file.id);
    return this.connection.send({ type: "send", client_id, channel_id, body, ...(parent_id && { parent_id }), ...(file_ids.length > 0 && { file_ids }) });
  }

  #connectionChanged() {
    if (this.connection.state !== "online") {
      this.outbox.interrupted();
    }
    this.#tell("connection");
  }

  async #checkLogin() {
    try {
      await this.#api.me();
    } catch (error) {
      if (error.code === "unauthenticated") {
        this.stop();
        this.#tell("ended");
      }
    }
  }

  notice(message) {
    this.#tell("notice", { message });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
