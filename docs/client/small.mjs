// A small client of Snug: it shows what is said in the channels of a user, and sends the lines of its standard input to the
// channel that everybody is in. It comes back when the connection breaks, misses nothing, and sends nothing twice.
//
//   SNUG_PASSWORD=… node docs/client/small.mjs http://localhost:8080 ada     (Node.js 22 or newer)
import { createInterface } from "node:readline";
import { randomUUID } from "node:crypto";

const [url, username] = process.argv.slice(2);
const seen = {}; // by channel, the seq of the last message: where to resume
const unsent = new Map(); // by client_id, what is not acknowledged yet
let socket, token, general, work = Promise.resolve();

async function api(path, body) {
  const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
  return (await fetch(url + path, body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers })).json();
}

function connect() {
  socket = new WebSocket(`${url.replace("http", "ws")}/api/ws`, { headers: { Authorization: `Bearer ${token}` } });
  socket.onopen = () => socket.send(JSON.stringify({ type: "hello", resume: seen }));
  socket.onmessage = ({ data }) => (work = work.then(() => take(JSON.parse(data))).catch(() => socket.close())); // in turn
  socket.onclose = ({ code }) => (code === 4401 ? process.exit(1) : setTimeout(connect, 500));
}

async function take(frame) {
  if (frame.type === "welcome") {
    for (const channel of frame.channels) {
      seen[channel.id] ??= channel.last_seq;
      if (channel.general) general = channel.id;
    }
    for (const id of unsent.keys()) send(id); // stored or not: the server knows by the client_id
  } else if (frame.type === "message") {
    show(frame.message);
  } else if (frame.type === "gap") { // too much to be sent: a page at a time
    while (seen[frame.channel_id] < frame.to) {
      (await api(`/api/channels/${frame.channel_id}/messages?after=${seen[frame.channel_id]}&limit=200`)).messages
        .filter((message) => message.seq <= frame.to).forEach(show);
    }
  } else if (frame.type === "ack") {
    unsent.delete(frame.client_id);
  } else if (frame.type === "error") {
    console.error(frame.code, frame.message);
  }
}

function show({ channel_id, seq, author, body }) {
  seen[channel_id] = seq;
  console.log(`${seq} ${author.username}: ${body}`);
}

function send(id) {
  if (socket.readyState === WebSocket.OPEN && general)
    socket.send(JSON.stringify({ type: "send", client_id: id, channel_id: general, body: unsent.get(id) }));
}

token = (await api("/api/auth/login", { username, password: process.env.SNUG_PASSWORD })).token;
connect();
createInterface({ input: process.stdin }).on("line", (line) => {
  const id = randomUUID();
  unsent.set(id, line);
  send(id);
});
