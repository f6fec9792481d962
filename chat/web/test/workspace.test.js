import assert from "node:assert/strict";
import { test } from "node:test";
import { Workspace } from "../js/model/workspace.js";

const me = { id: "mia", username: "mia", display_name: "Mia", role: "owner", active: true };
const jon = { ...me, id: "jon", username: "jon", display_name: "Jon" };
const CHANNEL = "general";

/** A connection that a test speaks over, and what it was told. */
class Wire extends EventTarget {
  state = "connecting";
  sent = [];

  start() {}

  stop() {}

  send(frame) {
    if (this.state === "online") {
      this.sent.push(frame);
    }
    return this.state === "online";
  }

  become(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }

  gets(frame) {
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }
}

/** A workspace with one channel, whose messages are read from `stored`. */
async function setUp(count) {
  const world = { stored: [], reads: [], people: [me, jon], wire: new Wire() };
  const add = (author, clientId) => {
    const seq = world.stored.length + 1;
    const message = { id: `m${seq}`, channel_id: CHANNEL, seq, author, client_id: clientId ?? `c${seq}`, created_at: new Date().toISOString() };
    world.stored.push(message);
    return message;
  };
  world.add = add;
  world.channel = () => ({ id: CHANNEL, name: CHANNEL, unread: 0, mentions: 0, read_seq: world.stored.length, last_seq: world.stored.length });
  for (let index = 0; index < count; index += 1) {
    add(jon);
  }
  const api = {
    users: async () => world.people,
    channels: async () => [world.channel()],
    async messages(_, { before = Infinity, after, limit }) {
      world.reads.push({ before, after, limit });
      if (after !== undefined) {
        const above = world.stored.filter(({ seq }) => seq > after);
        return { messages: above.slice(0, limit), has_more: above.length > limit };
      }
      const below = world.stored.filter(({ seq }) => seq < before);
      return { messages: below.slice(-limit), has_more: below.length > limit };
    },
  };
  world.workspace = new Workspace({
    me,
    name: "Snug",
    api,
    patiently: (read) => read(),
    storage: { load: () => [], save: () => {} },
    connect: (hello) => Object.assign(world.wire, { hello }),
  });
  await world.workspace.start();
  world.workspace.timelines.of(CHANNEL);
  await settled();
  world.welcome = () => {
    world.wire.become("online");
    world.wire.gets({ type: "welcome", channels: [world.channel()], online: ["mia"] });
  };
  world.seqs = () => world.workspace.timelines.of(CHANNEL).messages.map(({ seq }) => seq);
  return world;
}

/** Lets everything run that waits for nothing but its turn. */
async function settled() {
  for (let turn = 0; turn < 20; turn += 1) {
    await Promise.resolve();
  }
}

const upTo = (last, first = 1) => Array.from({ length: last - first + 1 }, (_, index) => first + index);

test("hello names the last message held of each channel", async () => {
  const { wire } = await setUp(7);
  assert.deepEqual(wire.hello(), { type: "hello", resume: { [CHANNEL]: 7 } });
});

test("what is replayed and what is live is shown once, in order", async () => {
  const { wire, add, welcome, seqs } = await setUp(3);
  const missed = [add(jon), add(jon)];
  welcome();
  for (const message of [...missed, missed[0]]) {
    wire.gets({ type: "message", message });
  }
  wire.gets({ type: "resumed" });
  wire.gets({ type: "message", message: add(jon) });
  assert.deepEqual(seqs(), upTo(6));
});

test("a gap is read over HTTP after a little patience, and not at all when it closes by itself", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { wire, add, welcome, seqs, reads } = await setUp(3);
  welcome();
  wire.gets({ type: "resumed" });
  const [four, five, six, seven] = [add(jon), add(jon), add(jon), add(jon)];
  wire.gets({ type: "message", message: five });
  wire.gets({ type: "message", message: four });
  context.mock.timers.tick(1000);
  await settled();
  assert.equal(reads.length, 1, "only the first page");
  wire.gets({ type: "message", message: seven });
  assert.deepEqual(seqs(), upTo(5));
  context.mock.timers.tick(1000);
  await settled();
  assert.deepEqual(seqs(), upTo(7));
  wire.gets({ type: "message", message: six });
  assert.deepEqual(seqs(), upTo(7));
});

test("a gap that is told is filled page by page; one that is too large begins the channel anew", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  for (const [missing, first] of [[390, 1], [1000, 954]]) {
    const { wire, add, welcome, seqs } = await setUp(3);
    for (let index = 0; index < missing; index += 1) {
      add(jon);
    }
    welcome();
    wire.gets({ type: "gap", channel_id: CHANNEL, from: 4, to: 3 + missing });
    wire.gets({ type: "resumed" });
    for (let round = 0; round < 5; round += 1) {
      context.mock.timers.tick(1000);
      await settled();
    }
    assert.deepEqual(seqs(), upTo(3 + missing, first));
  }
});

test("a send goes out when online, again after a break, and is settled by whatever brings it", async () => {
  const { workspace, wire, add, welcome, seqs } = await setUp(1);
  const item = workspace.send(CHANNEL, "hello");
  assert.equal(wire.sent.length, 0);
  welcome();
  assert.equal(wire.sent.length, 0, "first what was missed, which may hold it already");
  wire.gets({ type: "resumed" });
  wire.become("waiting");
  const stored = add(me, item.client_id);
  welcome();
  wire.gets({ type: "message", message: stored });
  wire.gets({ type: "resumed" });
  wire.gets({ type: "ack", client_id: item.client_id, message: stored });
  const sends = wire.sent.filter(({ type }) => type === "send");
  assert.deepEqual(sends.map(({ client_id: id }) => id), [item.client_id]);
  assert.deepEqual(workspace.outbox.inChannel(CHANNEL), []);
  assert.deepEqual(seqs(), [1, 2]);
});

test("messages of others count as unread until they are read; what is replayed is not counted twice", async () => {
  const { workspace, wire, add, welcome } = await setUp(1);
  welcome();
  wire.gets({ type: "resumed" });
  const live = add(jon);
  wire.gets({ type: "message", message: live });
  wire.gets({ type: "message", message: live });
  wire.gets({ type: "message", message: add(me) });
  assert.equal(workspace.unread, 1);
  workspace.markRead(CHANNEL, 3);
  assert.equal(workspace.unread, 0);
  assert.deepEqual(wire.sent.at(-1), { type: "read", channel_id: CHANNEL, seq: 3, read_seq: 1 });
  wire.gets({ type: "read", channel_id: CHANNEL, seq: 3, unread: 2, mentions: 1 });
  assert.equal(workspace.unread, 2);
});

test("a typing person is named until a message of theirs comes, or some seconds have passed", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { workspace, wire, add } = await setUp(1);
  const typing = () => workspace.typingIn(CHANNEL).map(({ id }) => id);
  for (const id of ["jon", "mia"]) {
    wire.gets({ type: "typing", channel_id: CHANNEL, user_id: id });
  }
  assert.deepEqual(typing(), ["jon"]);
  wire.gets({ type: "message", message: add(jon) });
  assert.deepEqual(typing(), []);
  wire.gets({ type: "typing", channel_id: CHANNEL, user_id: "jon" });
  context.mock.timers.tick(5000);
  assert.deepEqual(typing(), []);
});

test("a refused send says what is wrong with it", async () => {
  const { workspace, wire, welcome } = await setUp(1);
  welcome();
  wire.gets({ type: "resumed" });
  const item = workspace.send(CHANNEL, "hello");
  wire.gets({ type: "error", code: "invalid", message: "Some of the input is not right.", client_id: item.client_id, fields: { body: "is too long" } });
  assert.deepEqual(workspace.outbox.inChannel(CHANNEL).map(({ state, error }) => [state, error]), [["failed", "The message is too long."]]);
});

test("presence follows the frames", async () => {
  const { workspace, wire, welcome } = await setUp(1);
  welcome();
  wire.gets({ type: "presence", user_id: "jon", online: true });
  wire.gets({ type: "presence", user_id: "mia", online: false });
  assert.deepEqual([...workspace.online], ["jon"]);
});

test("somebody who came while the connection was away is met", async () => {
  const { workspace, wire, add, people } = await setUp(1);
  const lin = { ...jon, id: "lin", username: "lin", display_name: "Lin" };
  people.push(lin);
  wire.gets({ type: "message", message: add(lin) });
  await settled();
  assert.equal(workspace.users.get("lin"), lin);
  assert.notEqual(workspace.colourOf("lin"), workspace.colourOf("jon"));
});

test("a channel comes, is changed, is muted and goes", async () => {
  const { workspace, wire, add, welcome } = await setUp(0);
  welcome();
  wire.gets({ type: "channel", channel: { id: "lunch", kind: "public", name: "lunch", members: 1, unread: 0, last_seq: 0, read_seq: 0, notify: "all" } });
  wire.gets({ type: "member", channel_id: "lunch", user: jon });
  assert.equal(workspace.channels.get("lunch").members, 2);
  wire.gets({ type: "member", channel_id: "lunch", user: jon, left: true });
  wire.gets({ type: "channel", channel: { id: "lunch", kind: "public", name: "dinner" } });
  const { label, members, notify } = workspace.channels.get("lunch");
  assert.deepEqual({ label, members, notify }, { label: "#dinner", members: 1, notify: "all" });
  wire.gets({ type: "message", message: { ...add(jon), channel_id: "lunch", seq: 1 } });
  wire.gets({ type: "channel", channel: { id: "lunch", notify: "none", unread: 0 } });
  wire.gets({ type: "message", message: { ...add(jon), channel_id: "lunch", seq: 2 } });
  assert.equal(workspace.channels.get("lunch").unread, 0);
  wire.gets({ type: "channel", channel_id: "lunch", removed: true });
  assert.ok(!workspace.channels.has("lunch"));
});

test("what was marked as unread, here or on another device, stays so until the channel is opened anew", async () => {
  const { wire, workspace, welcome } = await setUp(5);
  welcome();
  wire.gets({ type: "read", channel_id: CHANNEL, seq: 2, unread: 3, mentions: 1 });
  assert.equal(workspace.unread, 3);
  assert.equal(workspace.mentions, 1);
  workspace.markRead(CHANNEL, 5);
  assert.equal(wire.sent.length, 0);
  workspace.readAgain(CHANNEL);
  workspace.markRead(CHANNEL, 5);
  assert.deepEqual(wire.sent.at(-1), { type: "read", channel_id: CHANNEL, seq: 5, read_seq: 2 });
  assert.equal(workspace.mentions, 0);
});

test("a message that calls this person is a mention, also in a thread, and not in a muted channel", async () => {
  const { wire, workspace, welcome, add } = await setUp(1);
  welcome();
  const html = '<p><span class="mention">@mia</span></p>';
  wire.gets({ type: "message", message: { ...add(jon), html } });
  wire.gets({ type: "message", message: { ...add(jon), html, parent_id: "m1" } });
  assert.deepEqual([workspace.unread, workspace.mentions], [1, 2]);
  workspace.putChannel({ id: CHANNEL, notify: "none" });
  wire.gets({ type: "message", message: { ...add(jon), html } });
  assert.deepEqual([workspace.unread, workspace.mentions], [1, 2]);
});

test("who changes their profile is shown as they are now, in the colours that everybody had", async () => {
  const { workspace, wire, welcome } = await setUp(1);
  welcome();
  const colours = ["mia", "jon"].map((id) => workspace.colourOf(id));
  wire.gets({ type: "user", user: { ...me, display_name: "Mia Ö.", avatar_url: "/api/users/mia/avatar?v=1" } });
  assert.equal(workspace.me.display_name, "Mia Ö.");
  assert.equal(workspace.users.get("mia").avatar_url, "/api/users/mia/avatar?v=1");
  assert.deepEqual(["mia", "jon"].map((id) => workspace.colourOf(id)), colours);
});

test("files go with the message that they were written with", async () => {
  const { workspace, wire, welcome } = await setUp(1);
  welcome();
  workspace.send(CHANNEL, "", null, [{ id: "f1", name: "cat.png" }]);
  assert.deepEqual(wire.sent.at(-1).file_ids, ["f1"]);
});
