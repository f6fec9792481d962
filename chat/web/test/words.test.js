import assert from "node:assert/strict";
import { test } from "node:test";
import { connectionNotice } from "../js/model/connection-notice.js";
import { dayName } from "../js/model/dates.js";
import { isFewEmoji } from "../js/model/emoji.js";
import { avatarColours, initials, suggestUsername, typingSentence } from "../js/model/people.js";
import { channelPath, routeOf } from "../js/model/route.js";
import { newUuid } from "../js/model/uuid.js";

test("initials", () => {
  assert.deepEqual(["Mia Österberg", "jon", "Ada King Lovelace", "  ", "李 小龙"].map(initials), ["MÖ", "J", "AL", "", "李小"]);
});

test("avatar colours go by arrival, stay, and differ for the first eight", () => {
  const people = Array.from({ length: 9 }, (_, index) => ({ id: `u${9 - index}`, created_at: `2026-11-0${index + 1}` }));
  const few = avatarColours(people.slice(0, 3).reverse());
  const many = avatarColours(people);
  assert.deepEqual(people.map(({ id }) => many.get(id)), [1, 2, 3, 4, 5, 6, 7, 8, 1]);
  for (const [id, colour] of few) {
    assert.equal(many.get(id), colour);
  }
});

test("suggested usernames are ones that the server takes", () => {
  const names = ["Mia Österberg", "Jean-Luc  Picard!", "李小龙", `${"long ".repeat(20)}`, "…x…"];
  for (const name of names.map(suggestUsername)) {
    assert.match(name, /^$|^[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?$/);
  }
  assert.equal(suggestUsername("Mia Österberg"), "mia.osterberg");
});

test("few emoji", () => {
  assert.deepEqual(["🎉", "👍🏽 🔥", "👩‍💻❤️", "12", "", "🎉🎉🎉🎉", "nice 🎉"].map(isFewEmoji), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

test("typing", () => {
  assert.equal(typingSentence([]), "");
  assert.equal(typingSentence(["Mia"]), "Mia is typing…");
  assert.equal(typingSentence(["Mia", "Jon"]), "Mia and Jon are typing…");
  assert.equal(typingSentence(["Mia", "Jon", "Ada"]), "Several people are typing…");
});

test("names of days", () => {
  const now = new Date("2026-11-23T09:00:00");
  assert.equal(dayName(new Date("2026-11-23T00:00:00"), now), "Today");
  assert.equal(dayName(new Date("2026-11-22T23:59:00"), now), "Yesterday");
  assert.match(dayName(new Date("2026-11-16T12:00:00"), now), /16/);
  assert.match(dayName(new Date("2025-11-16T12:00:00"), now), /2025/);
});

test("routes", () => {
  for (const base of ["", "/chat", "/tools/chat"]) {
    assert.deepEqual(routeOf(`${base}/`, base), { page: "workspace", channelId: null });
    assert.deepEqual(routeOf(base, base), { page: "workspace", channelId: null });
    assert.deepEqual(routeOf(base + channelPath("c1"), base), { page: "workspace", channelId: "c1" });
    assert.deepEqual(routeOf(`${base}/invite/abc`, base), { page: "invite", code: "abc" });
    assert.deepEqual(routeOf(`${base}/reset/abc`, base), { page: "reset", code: "abc" });
    for (const path of ["/reset", "/api/files/1", "/login", "/invite", "/channel/c1/more"]) {
      assert.equal(routeOf(base + path, base), null);
    }
  }
  for (const path of ["/", "/channel/c1", "/chatter/channel/c1", "/chatter", "/cha"]) {
    assert.equal(routeOf(path, "/chat"), null, `${path} is somebody else's`);
  }
});

test("the connection strip", () => {
  const lost = { connection: "waiting", restarting: false, networkUp: true, unsent: 0 };
  assert.equal(connectionNotice({ ...lost, connection: "online" }), "");
  assert.match(connectionNotice(lost), /^Reconnecting/);
  assert.match(connectionNotice({ ...lost, restarting: true }), /restarting/);
  assert.match(connectionNotice({ ...lost, networkUp: false, unsent: 2 }), /offline.*go out/);
});

test("uuids are of version 7, and begin with the time", () => {
  // The example of RFC 9562, appendix A.6.
  assert.match(newUuid(0x017f22e279b0), /^017f22e2-79b0-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.match(newUuid(), /^0[0-9a-f]{7}-[0-9a-f]{4}-7/);
  assert.notEqual(newUuid(1), newUuid(1));
});
