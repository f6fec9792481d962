import assert from "node:assert/strict";
import { test } from "node:test";
import { channelLabel, manages, suggestChannelName } from "../js/model/channels.js";

const me = { id: "mia", display_name: "Mia", role: "member" };
const users = new Map([["mia", me], ["jon", { display_name: "Jon" }], ["ada", { display_name: "Ada" }]]);

test("channels are called by their name, and direct conversations by who is in them", () => {
  const direct = (...ids) => channelLabel({ kind: "direct", name: "", user_ids: ids }, users, me);
  assert.equal(channelLabel({ kind: "private", name: "lunch" }, users, me), "#lunch");
  assert.equal(direct("mia", "jon"), "Jon");
  assert.equal(direct("jon", "mia", "ada"), "Ada, Jon");
  assert.equal(direct("mia"), "Mia (you)");
  assert.equal(direct("mia", "eve"), "somebody");
});

test("a name is made of what somebody types", () => {
  for (const [typed, name] of [["Team Lunch", "team-lunch"], ["  #General ", "general"], ["a, b: c@d", "a-b-c-d"], ["Büro 1", "büro-1"], [" # ", ""]]) {
    assert.equal(suggestChannelName(typed), name);
  }
  assert.equal(suggestChannelName("x".repeat(90)).length, 80);
});

test("who made a channel manages it, and admins and owners do", () => {
  const channel = { kind: "public", created_by: "mia" };
  assert.ok(manages(channel, me));
  assert.ok(!manages({ ...channel, created_by: "jon" }, me));
  assert.ok(manages({ ...channel, created_by: "jon" }, { ...me, role: "admin" }));
  assert.ok(!manages(channel, { ...me, role: "guest" }));
  assert.ok(!manages({ ...channel, kind: "direct" }, { ...me, role: "owner" }));
});
