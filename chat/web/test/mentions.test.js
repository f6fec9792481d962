import assert from "node:assert/strict";
import { test } from "node:test";
import { calls } from "../js/model/mentions.js";

const me = { id: "mia", username: "Mia" };
const users = new Map([["jon", { role: "member" }], ["gus", { role: "guest" }]]);
const said = (author, html) => ({ author: { id: author }, html });

test("a message calls by name, in whatever case, and by the names of all", () => {
  const by = (author, html) => calls(said(author, html), me, users);
  assert.ok(by("jon", '<p>hi <span class="mention">@mia</span></p>'));
  assert.ok(by("jon", '<p><span class="mention">@ann</span> <span class="mention">@Here</span></p>'));
  assert.ok(by("gus", '<p><span class="mention">@mia</span></p>'));
  assert.ok(!by("gus", '<p><span class="mention">@channel</span></p>'));
  assert.ok(!by("jon", '<p><code>@mia</code> <span class="mention">@mia.b</span></p>'));
  assert.ok(!by("mia", '<p><span class="mention">@mia</span></p>'));
});
