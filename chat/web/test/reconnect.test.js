import assert from "node:assert/strict";
import { test } from "node:test";
import { CLOSE, reconnectDelay } from "../js/model/reconnect.js";

const lost = { attempt: 0, code: 1006, retryAfter: null, random: 0.5 };

test("the wait grows from attempt to attempt up to a limit, and is spread", () => {
  const waits = [0, 1, 2, 3, 20].map((attempt) => reconnectDelay({ ...lost, attempt }));
  assert.deepEqual(waits, [375, 750, 1500, 3000, 15_000]);
  assert.equal(reconnectDelay({ ...lost, random: 0 }), 250);
  assert.ok(reconnectDelay({ ...lost, random: 0.999 }) < 500);
});

test("a goodbye's wish is kept, give or take a moment", () => {
  assert.equal(reconnectDelay({ ...lost, code: CLOSE.serviceRestart, retryAfter: 0 }), 50);
  assert.equal(reconnectDelay({ ...lost, code: CLOSE.serviceRestart, retryAfter: 2 }), 2050);
});

test("who said too much waits longer", () => {
  assert.equal(reconnectDelay({ ...lost, code: CLOSE.tooMuch }), 7500);
});
