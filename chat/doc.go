// Package chat is the chat server: the HTTP API, the WebSocket protocol, and the web client's files.
//
// A [Server] is one node. Any number of them may work on one database and one cache, each holding the sockets that
// came to it.
//
// # A request
//
// app.go makes the fiber application and what every request goes through: publicurl.go takes the path away below which
// browsers find the server, and request.go finds out where the request came from, by whom proxies.go believes.
// routes.go is the table of the API: method, path, who may, and the handler. operation.go registers typed handlers with
// huma, which checks their input and describes them in OpenAPI; docs.go makes a page of that. auth.go finds out who
// asks; errors.go has the one table of error codes and the one form of errors. The handlers are in the files named for
// what they are about: workspace.go, sessions.go, users.go, invites.go, channels.go, messages.go, health.go, admin.go,
// metrics.go, and static.go for the files of the web client.
//
// # A message
//
// A send, over HTTP (messages.go) or a socket (socket_read.go), waits in [snug/store.Writer] for the commit that makes
// it durable. The writer then hands what it has stored to the hub's backlog (backlog.go), and answers the senders.
//
// The hub (hub.go) is one goroutine that knows the node's sockets. It has new messages encoded once, as runs of
// WebSocket frames (encode.go), and puts each run into the outbox (outbox.go) of every socket in the channel; putting in
// never waits. Through the cache it tells the other nodes (nodes.go), which do the same.
//
// Each socket (socket.go) has a writer (socket_write.go), the only one to write to it. Its delivery (delivery.go) knows
// of each channel the seq that was written last. A run that follows is written, one that was written before is dropped,
// and one that lies beyond waits until what is missing has been read from the database (catchup.go). That is the whole
// reason why a client sees each message once and in order: whatever gets lost or doubled on the way, between the nodes
// or over a reconnect, shows as a difference in seq. Should the last message of a channel get lost on the way, the hub
// finds it by a look into the database every other second.
//
// # The end
//
// When the context of [Server.Serve] ends, the server drains (drain.go): it accepts no more connections, answers the
// requests under way, lets each socket's last sends be stored and acknowledged, says goodbye with close code 1012, and
// returns when every goroutine has ended. The public socket stays open for whoever shares it.
//
// In a planned restart that is the next server, which accepts already. It is given the connections that are between two
// requests (connections.go, handover.go), and its clients notice nothing. Where nobody takes over, what still comes on them
// is answered for a moment with "Connection: close".
package chat
