// A plain chat server on Socket.IO: what a client sends goes to all. Its messages have the fields of Snug's.
import { createServer } from "node:http";
import { randomUUID } from "node:crypto";
import { Server } from "socket.io";

const http = createServer();
const io = new Server(http, { transports: ["websocket"], serveClient: false });
let seq = 0;

io.on("connection", (socket) => {
  const id = randomUUID();
  const author = { id, username: `user-${id.slice(0, 8)}`, display_name: `User ${id.slice(0, 8)}`, avatar_url: "" };
  socket.join("general");
  socket.on("send", ({ client_id, channel_id, body }) => {
    io.to("general").emit("message", {
      id: randomUUID(), channel_id, seq: ++seq, author, body, html: `<p>${body}</p>\n`, client_id, parent_id: null,
      reply_count: 0, reactions: [], files: [], pinned: false, created_at: new Date().toISOString(), edited_at: null,
      deleted_at: null,
    });
  });
});

http.listen(0, "127.0.0.1", () => console.log(`127.0.0.1:${http.address().port}`));
