import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";
import { Connection } from "../js/socket.js";

/** The browser's end of a connection, as far as a test lets it get. */
class FakeSocket extends EventTarget {
  sent = [];
  closed = false;

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.closed = true;
  }

  opens() {
    this.dispatchEvent(new Event("open"));
  }

  gets(frame) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(frame) }));
  }

  ends(code) {
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
}

let sockets;
let events;
let connection;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  sockets = [];
  events = [];
  connection = new Connection({
    open: () => sockets[sockets.push(new FakeSocket()) - 1],
    hello: () => ({ type: "hello", resume: {} }),
    random: () => 0,
  });
  for (const type of ["unauthenticated", "unopened"]) {
    connection.addEventListener(type, () => events.push(type));
  }
  connection.start();
});

function welcome() {
  sockets.at(-1).opens();
  sockets.at(-1).gets({ type: "welcome" });
}

test("it says hello first, is online once welcomed, and sends only then", () => {
  assert.equal(connection.send({ type: "ping" }), false);
  welcome();
  assert.equal(connection.state, "online");
  assert.equal(connection.send({ type: "ping" }), true);
  assert.deepEqual(sockets[0].sent.map(({ type }) => type), ["hello", "ping"]);
});

test("a lost connection is opened again, later from time to time", () => {
  const waits = [];
  for (let attempt = 0; attempt < 8; attempt += 1) {
    sockets.at(-1).ends(1006);
    const before = Date.now();
    while (connection.state === "waiting") {
      mock.timers.tick(50);
    }
    waits.push(Date.now() - before);
  }
  assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  assert.equal(events.filter((type) => type === "unopened").length, 8);
});

test("after a spell online the waits begin anew; after a short one they do not", () => {
  sockets.at(-1).ends(1006);
  mock.timers.tick(250);
  welcome();
  sockets.at(-1).ends(1006);
  mock.timers.tick(499);
  assert.equal(sockets.length, 2);
  mock.timers.tick(1);
  welcome();
  mock.timers.tick(6000);
  sockets.at(-1).ends(1006);
  mock.timers.tick(250);
  assert.equal(sockets.length, 4);
});

test("a goodbye says when to come back, and that it is a restart", () => {
  welcome();
  sockets[0].gets({ type: "goodbye", reason: "restart", retry_after: 3 });
  sockets[0].ends(1012);
  assert.equal(connection.restarting, true);
  mock.timers.tick(2999);
  assert.equal(sockets.length, 1);
  mock.timers.tick(1);
  assert.equal(sockets.length, 2);
  welcome();
  assert.equal(connection.restarting, false);
});

test("who is not logged in is told so, and nothing is tried again", () => {
  welcome();
  sockets[0].ends(4401);
  mock.timers.tick(60_000);
  assert.deepEqual(events, ["unauthenticated"]);
  assert.equal(sockets.length, 1);
});

test("a connection that answers no ping is given up", () => {
  welcome();
  mock.timers.tick(25_000);
  assert.equal(sockets[0].sent.at(-1).type, "ping");
  sockets[0].gets({ type: "pong" });
  mock.timers.tick(25_000);
  assert.equal(connection.state, "online");
  mock.timers.tick(10_000);
  assert.equal(connection.state, "waiting");
  assert.equal(sockets[0].closed, true);
  sockets[0].gets({ type: "welcome" });
  assert.equal(connection.state, "waiting", "what the old socket still says is not heard");
});

test("waking up tries at once, and tries the life of a connection that seems to stand", () => {
  sockets[0].ends(1006);
  connection.wake();
  assert.equal(sockets.length, 2);
  welcome();
  connection.wake();
  assert.equal(sockets[1].sent.at(-1).type, "ping");
});

test("once stopped it stays so", () => {
  welcome();
  connection.stop();
  assert.equal(sockets[0].closed, true);
  mock.timers.tick(60_000);
  assert.equal(sockets.length, 1);
});
