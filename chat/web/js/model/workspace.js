import { channelLabel } from "./channels.js";
import { applyFrame } from "./frames.js";
import { calls } from "./mentions.js";
import { Outbox } from "./outbox.js";
import { avatarColours } from "./people.js";
import { isShownInChannel, Thread } from "./thread.js";
import { LARGEST_PAGE_SIZE, Timelines } from "./timelines.js";
import { Typing } from "./typing.js";

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
  timelines;
  connection;

  #api;
  #patiently;
  #colours = new Map();
  #meeting = false;
  #thread = null;
  #typing = new Typing();
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
    this.timelines = new Timelines({
      readPage: (channelId, page) => this.#read(() => api.messages(channelId, page)),
      unreadIn: (channelId) => this.channels.get(channelId)?.unread ?? 0,
    });
    this.timelines.addEventListener("change", (event) => this.#timelineChanged(event.detail.channelId));
    this.#typing.addEventListener("change", (event) => this.#tell("typing", event.detail));
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
    this.timelines.forget(channelId);
    this.#typing.forget(channelId);
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

  /** Searches messages; a failure is the caller's. */
  search(query, cursor) {
    return this.#api.search({ q: query, ...(cursor && { cursor }) });
  }

  /** Reads something; null when it may not be read, which the person is told. */
  async #read(call) {
    try {
      return await this.#patiently(call);
    } catch (error) {
      this.#tellFailure(error);
      return null;
    }
  }

  #tellFailure(error) {
    this.#tell(error.code === "unauthenticated" ? "ended" : "notice", { message: error.message });
  }

  /** Takes a message that came live, or as the acknowledgement of a send. */
  receive(message) {
    this.#meet(message.author.id);
    this.#count(message);
    if (message.author.id === this.me.id && message.client_id) {
      this.outbox.acknowledge(message.client_id, message.seq);
    }
    this.#typing.stop(message.channel_id, message.author.id);
    this.timelines.receive(message);
    this.#changeThread(this.#thread?.receive(message));
  }

  /** Takes an edited or deleted message. */
  update(message) {
    this.timelines.update(message);
    this.#changeThread(this.#thread?.update(message));
  }

  /** Takes all the reactions that a message has now. */
  setReactions(channelId, messageId, reactions) {
    const held = this.timelines.find(channelId, messageId) ?? this.#thread?.find(messageId);
    if (held) {
      this.update({ ...held, reactions });
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
      this.#tellFailure(error);
      return false;
    }
  }

  /** After a reconnect: all that was missed has been replayed; what is missing still is read now. */
  resumed() {
    if (this.#thread) {
      this.openThread(this.#thread.message ?? { id: this.#thread.id, channel_id: this.#thread.channelId });
    }
    for (const channel of this.channels.values()) {
      this.timelines.promise(channel.id, channel.last_seq);
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

  #timelineChanged(channelId) {
    this.outbox.placed(channelId, this.timelines.heldUpTo(channelId));
    this.#tell("timeline", { channelId });
  }

  // Writing and reading.

  /** parentId: of a reply, what its thread is about. */
  send(channelId, body, parentId = null, files = []) {
    this.#typing.sent(channelId);
    return this.outbox.add(channelId, body, parentId, files);
  }

  /** Tells the others that this person is writing, not more often than needed. */
  tellTyping(channelId) {
    if (this.#typing.isDue(channelId)) {
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
    if (userId !== this.me.id) {
      this.#typing.start(channelId, userId);
    }
  }

  typingIn(channelId) {
    return this.#typing.writersIn(channelId).map((id) => this.users.get(id)).filter(Boolean);
  }

  // The connection.

  #hello() {
    const lastSeq = (channel) => this.timelines.followedUpTo(channel.id) ?? channel.last_seq;
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
