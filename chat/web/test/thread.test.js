import assert from "node:assert/strict";
import { test } from "node:test";
import { isShownInChannel, Thread } from "../js/model/thread.js";

const parent = { id: "p", seq: 1 };
const reply = (seq, more = {}) => ({ id: `r${seq}`, seq, parent_id: "p", ...more });

test("a thread takes its replies once and in order, also those that come while it is read", () => {
  const thread = new Thread("p", "c");
  assert.equal(thread.receive(reply(5)), false, "waits");
  thread.append({ message: parent, replies: [reply(2), reply(3)], has_more: true });
  assert.equal(thread.last, 3);
  thread.append({ message: parent, replies: [reply(4), reply(5)], has_more: false });
  assert.equal(thread.receive(reply(5)), false, "twice");
  assert.equal(thread.receive({ id: "x", seq: 6, parent_id: "other" }), false);
  assert.equal(thread.receive({ id: "x", seq: 6 }), false);
  assert.equal(thread.receive(reply(7)), true);
  assert.deepEqual(thread.replies.map(({ seq }) => seq), [2, 3, 4, 5, 7]);
});

test("a change replaces what is held, and nothing else", () => {
  const thread = new Thread("p", "c");
  thread.append({ message: parent, replies: [reply(2)], has_more: false });
  assert.equal(thread.update(reply(2, { body: "edited" })), true);
  assert.equal(thread.update({ ...parent, reply_count: 1 }), true);
  assert.equal(thread.update(reply(9)), false);
  assert.equal(thread.find("r2").body, "edited");
  assert.equal(thread.find("p").reply_count, 1);
  assert.equal(thread.find("r9"), undefined);
});

test("only replies that are for the channel too are shown there", () => {
  assert.equal(isShownInChannel(parent), true);
  assert.equal(isShownInChannel(reply(2)), false);
  assert.equal(isShownInChannel(reply(2, { also_to_channel: true })), true);
});
