import assert from "node:assert/strict";
import { test } from "node:test";
import { Timeline } from "../js/model/timeline.js";

const message = (seq) => ({ id: `m${seq}`, seq });
const page = (from, to, has_more = false) => ({
  messages: Array.from({ length: to - from + 1 }, (_, index) => message(from + index)),
  has_more,
});
const seqs = (timeline) => timeline.messages.map(({ seq }) => seq);

test("live messages are shown in rising seq, each once", () => {
  const timeline = new Timeline();
  timeline.begin(page(1, 2));
  for (const seq of [3, 2, 3, 5, 4, 5]) {
    timeline.receive(message(seq));
  }
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5]);
  assert.equal(timeline.missing, 0);
});

test("a message beyond a gap waits until the gap is read", () => {
  const timeline = new Timeline();
  timeline.begin(page(1, 2));
  assert.equal(timeline.receive(message(5)), false);
  assert.equal(timeline.missing, 3);
  timeline.append(page(3, 4));
  assert.deepEqual(seqs(timeline), [1, 2, 3, 4, 5]);
});

test("what came while the first page was read follows it", () => {
  const timeline = new Timeline();
  timeline.receive(message(4));
  timeline.receive(message(5));
  timeline.begin(page(2, 4, true));
  assert.deepEqual(seqs(timeline), [2, 3, 4, 5]);
});

test("a promise beyond the end is missing until a page says what is there", () => {
  const timeline = new Timeline();
  timeline.begin(page(1, 2));
  timeline.promise(300);
  assert.equal(timeline.missing, 298);
  timeline.append(page(3, 202, true));
  assert.equal(timeline.missing, 98);
  timeline.append(page(203, 300));
  assert.equal(timeline.missing, 0);
});

test("an older page is put in front, without doubles", () => {
  const timeline = new Timeline();
  timeline.begin(page(5, 6, true));
  timeline.prepend(page(3, 5));
  assert.deepEqual(seqs(timeline), [3, 4, 5, 6]);
  assert.equal(timeline.hasOlder, false);
});

test("an edited message takes the place of the old", () => {
  const timeline = new Timeline();
  timeline.begin(page(1, 3));
  assert.equal(timeline.update({ ...message(2), body: "new" }), true);
  assert.equal(timeline.messages[1].body, "new");
  assert.equal(timeline.update(message(9)), false);
});

test("however live messages are shuffled, doubled and lost, filling the gaps gives the channel", () => {
  for (let round = 0; round < 500; round += 1) {
    const random = generator(round);
    const last = 1 + Math.floor(random() * 40);
    const known = Math.floor(random() * last);
    const timeline = new Timeline();
    timeline.begin(page(1, known));
    const arriving = Array.from({ length: last * 2 }, () => 1 + Math.floor(random() * last));
    for (const seq of arriving) {
      timeline.receive(message(seq));
      const held = seqs(timeline);
      assert.deepEqual(held, page(1, held.length).messages.map(({ seq }) => seq), `round ${round}`);
    }
    timeline.promise(last);
    while (timeline.missing > 0) {
      const to = Math.min(timeline.last + 7, last);
      timeline.append(page(timeline.last + 1, to, to < last));
    }
    assert.equal(timeline.last, last, `round ${round}`);
    assert.equal(timeline.messages.length, last, `round ${round}`);
  }
});

/** A small random generator with a seed (mulberry32), so that a failing round can be run again. */
function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
