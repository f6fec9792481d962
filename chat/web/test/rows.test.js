import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsOf } from "../js/model/rows.js";

const mia = { id: "mia", display_name: "Mia" };
const jon = { id: "jon", display_name: "Jon" };

const message = (seq, author, time) => ({ id: `m${seq}`, seq, author, client_id: `c${seq}`, created_at: time });
const outline = (rows) => rows.map((row) => (row.kind === "message" ? `${row.lead ? "+" : "-"}${row.author.id}` : row.kind));

test("messages are grouped by author and time, and days are divided", () => {
  const rows = rowsOf({
    me: mia,
    messages: [
      message(1, mia, "2026-11-22T12:00:00"),
      message(2, mia, "2026-11-22T12:04:00"),
      message(3, mia, "2026-11-22T12:10:00"),
      message(4, jon, "2026-11-22T12:10:10"),
      message(5, jon, "2026-11-23T00:00:05"),
    ],
  });
  assert.deepEqual(outline(rows), ["day", "+mia", "-mia", "+mia", "+jon", "day", "+jon"]);
});

test("the unread line stands before the first unread message and breaks a group", () => {
  const messages = [message(7, mia, "2026-11-22T12:00:00"), message(8, mia, "2026-11-22T12:00:10")];
  assert.deepEqual(outline(rowsOf({ me: jon, messages, unreadAfter: 7 })), ["day", "+mia", "unread", "+mia"]);
  assert.deepEqual(outline(rowsOf({ me: jon, messages, unreadAfter: 6 })), ["day", "unread", "+mia", "-mia"]);
  assert.deepEqual(outline(rowsOf({ me: jon, messages, unreadAfter: 8 })), ["day", "+mia", "-mia"]);
  assert.deepEqual(outline(rowsOf({ me: jon, messages, unreadAfter: 2 })), ["day", "+mia", "-mia"], "further up");
});

test("a pending message keeps its key when it is stored", () => {
  const item = { client_id: "c9", body: "hello", created_at: "2026-11-22T12:00:00", state: "sending" };
  const pending = rowsOf({ me: mia, messages: [], pending: [item] });
  const stored = rowsOf({ me: mia, messages: [message(9, mia, "2026-11-22T12:00:01")] });
  assert.equal(pending.at(-1).key, stored.at(-1).key);
});
