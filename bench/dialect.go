package main

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"snug/bench/load"
)

// kind is what a frame of a server is to the load.
type kind int

const (
	other kind = iota
	ready      // the client is in, and gets what is sent from now on
	message
	ack
	failure
)

// dialect is how clients and a server talk.
type dialect interface {
	// upgrade is the request of the nth client.
	upgrade(n int) (path string, header http.Header)
	// greet is what a client sends first.
	greet(c *load.Client)
	// kind says what a frame is; one that only keeps the connection is answered.
	kind(c *load.Client, frame []byte) kind
	// appendSend appends the frame that sends a body.
	appendSend(dst []byte, body string) []byte
}

// snugDialect is Snug's protocol, see docs/protocol.md.
type snugDialect struct {
	channel uuid.UUID
	tokens  []string // of the clients; none for a peer, which knows no logins
}

func (d snugDialect) upgrade(n int) (string, http.Header) {
	header := http.Header{}
	if d.tokens != nil {
		header.Set("Authorization", "Bearer "+d.tokens[n])
	}
	return "/api/ws", header
}

func (d snugDialect) greet(c *load.Client) { c.Queue([]byte(`{"type":"hello"}`)) }

var snugKinds = []struct {
	head []byte
	kind kind
}{
	{[]byte(`{"type":"message",`), message},
	{[]byte(`{"type":"ack",`), ack},
	{[]byte(`{"type":"resumed"`), ready},
	{[]byte(`{"type":"error",`), failure},
	{[]byte(`{"type":"gap",`), failure}, // what is told of a gap is not delivered
}

func (d snugDialect) kind(_ *load.Client, frame []byte) kind {
	for _, k := range snugKinds {
		if bytes.HasPrefix(frame, k.head) {
			return k.kind
		}
	}
	return other
}

func (d snugDialect) appendSend(dst []byte, body string) []byte {
	dst = append(append(dst, `{"type":"send","client_id":"`...), uuid.Must(uuid.NewV7()).String()...)
	dst = append(append(dst, `","channel_id":"`...), d.channel.String()...)
	return append(strconv.AppendQuote(append(dst, `","body":`...), body), '}')
}

// socketIODialect is Socket.IO's protocol over the WebSocket alone:
// https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/.
type socketIODialect struct{}

func (socketIODialect) upgrade(int) (string, http.Header) {
	return "/socket.io/?EIO=4&transport=websocket", http.Header{}
}

func (socketIODialect) greet(c *load.Client) { c.Queue([]byte("40")) }

func (socketIODialect) kind(c *load.Client, frame []byte) kind {
	switch {
	case bytes.HasPrefix(frame, []byte(`42["message",`)):
		return message
	case bytes.HasPrefix(frame, []byte("40")):
		return ready
	case bytes.Equal(frame, []byte("2")): // ping
		c.Queue([]byte("3"))
	case bytes.HasPrefix(frame, []byte("44")):
		return failure
	}
	return other
}

func (socketIODialect) appendSend(dst []byte, body string) []byte {
	return fmt.Appendf(dst, `42["send",{"client_id":%q,"channel_id":%q,"body":%q}]`, uuid.New(), uuid.Nil, body)
}
