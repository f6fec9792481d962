import assert from "node:assert/strict";
import { test } from "node:test";
import { Outbox } from "../js/model/outbox.js";

/** An outbox with a connection that can be up or down, and what went out over it. */
function setUp(kept = []) {
  const world = { up: true, sent: [], kept };
  world.outbox = new Outbox({
    transmit(item) {
      if (world.up) {
        world.sent.push(item);
      }
      return world.up;
    },
    storage: {
      load: () => world.kept,
      save: (items) => {
        world.kept = items;
      },
    },
  });
  return world;
}

const bodies = (items) => items.map(({ body }) => body);

test("messages of a channel go out one after the other, each after the one before is stored", () => {
  const { outbox, sent } = setUp();
  const first = outbox.add("a", "one");
  const second = outbox.add("a", "two");
  outbox.add("b", "other channel");
  assert.deepEqual(bodies(sent), ["one", "other channel"]);
  outbox.acknowledge(first.client_id, 1);
  assert.deepEqual(bodies(sent), ["one", "other channel", "two"]);
  outbox.acknowledge(second.client_id, 2);
  assert.deepEqual(bodies(outbox.inChannel("a")), ["one", "two"]);
  outbox.placed("a", 1);
  assert.deepEqual(bodies(outbox.inChannel("a")), ["two"]);
  outbox.placed("a", 2);
  assert.deepEqual(outbox.inChannel("a"), []);
});

test("what was under way when the connection went is sent again under the same client_id", () => {
  const world = setUp();
  const item = world.outbox.add("a", "hello");
  world.up = false;
  world.outbox.interrupted();
  world.outbox.add("a", "more");
  world.up = true;
  world.outbox.flush();
  assert.deepEqual(bodies(world.sent), ["hello", "hello"]);
  assert.equal(world.sent[1].client_id, item.client_id);
  assert.equal(world.outbox.unsent, 2);
});

test("an unavailable server is tried again after what it asks for, in order", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { outbox, sent } = setUp();
  const item = outbox.add("a", "hello");
  outbox.add("a", "more");
  outbox.refuse(item.client_id, { code: "unavailable", message: "Not now.", retry_after: 3 });
  context.mock.timers.tick(2_999);
  assert.deepEqual(bodies(sent), ["hello"]);
  context.mock.timers.tick(1);
  assert.deepEqual(bodies(sent), ["hello", "hello"]);
  assert.equal(sent[1].client_id, item.client_id);
});

test("a refused message says why, lets the next one pass, and can be tried again or given up", () => {
  const { outbox, sent } = setUp();
  const item = outbox.add("a", "hello");
  outbox.add("a", "more");
  outbox.refuse(item.client_id, { code: "forbidden", message: "You may not write here." });
  assert.deepEqual(bodies(sent), ["hello", "more"]);
  assert.equal(outbox.inChannel("a")[0].error, "You may not write here.");
  outbox.retry(item.client_id);
  assert.equal(sent.length, 2, "waits for the one under way");
  outbox.acknowledge(sent[1].client_id, 1);
  assert.equal(sent[2].client_id, item.client_id);
  outbox.refuse(item.client_id, { code: "forbidden", message: "Still not." });
  outbox.discard(item.client_id);
  outbox.placed("a", 1);
  assert.deepEqual(outbox.inChannel("a"), []);
});

test("unsent messages survive a reload and keep their client_id", () => {
  const world = setUp();
  const item = world.outbox.add("a", "hello");
  const again = setUp(world.kept);
  again.outbox.flush();
  assert.equal(again.sent[0].client_id, item.client_id);
});
