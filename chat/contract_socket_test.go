package chat_test

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"
)

// wire is a WebSocket of a client that knows only what is promised.
type wire struct {
	client
	ws *websocket.Conn
}

func (c client) dial() wire {
	c.t.Helper()
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(c.url, "http")+"/api/ws", http.Header{"Authorization": {"Bearer " + c.token}})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = ws.Close() })
	return wire{c, ws}
}

func (w wire) say(frame object) {
	w.t.Helper()
	if err := w.ws.WriteJSON(frame); err != nil {
		w.t.Fatal(err)
	}
}

// hear is the next frame of one of the types, which has these fields.
func (w wire) hear(kind string, fields ...string) object {
	w.t.Helper()
	_ = w.ws.SetReadDeadline(time.Now().Add(waitLimit))
	for {
		var frame object
		if err := w.ws.ReadJSON(&frame); err != nil {
			w.t.Fatalf("waiting for %s: %v", kind, err)
		}
		if frame["type"] == kind {
			w.has(frame, fields...)
			return frame
		}
	}
}

// end reads on until the socket is closed, and returns the code.
func (w wire) end() int {
	w.t.Helper()
	_ = w.ws.SetReadDeadline(time.Now().Add(waitLimit))
	for {
		_, _, err := w.ws.ReadMessage()
		var closed *websocket.CloseError
		if errors.As(err, &closed) {
			return closed.Code
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// sockets is what is promised of the WebSocket, frame by frame.
func (c *contract) sockets() {
	at := "/api/channels/" + c.general
	last := c.do(200, "GET", at, nil)["last_seq"].(float64)
	ada, bob := c.dial(), c.bob.dial()
	ada.say(object{"type": "hello", "resume": object{c.general: last - 1}})
	welcome := ada.hear("welcome", "user.id", "session.id")
	c.has(find(ada.list(welcome, "channels"), "id", c.general), "name", "last_seq", "read_seq", "unread", "mentions")
	if m := ada.hear("message")["message"].(object); c.checkMessage(m)["seq"] != last {
		c.t.Errorf("missed: %v", m)
	}
	ada.hear("resumed")
	bob.say(object{"type": "hello"})
	bob.hear("resumed")
	ada.hear("presence", "user_id", "online")

	sent := object{"type": "send", "client_id": uuid.NewString(), "channel_id": c.general, "body": "over the socket"}
	var ids []any
	for range 2 { // the same again is stored once
		bob.say(sent)
		ack := bob.hear("ack", "message")
		if ack["client_id"] != sent["client_id"] {
			c.t.Errorf("ack: %v", ack)
		}
		ids = append(ids, c.checkMessage(ack["message"].(object))["id"])
	}
	heard := c.checkMessage(ada.hear("message")["message"].(object))
	if ids[0] != ids[1] || heard["id"] != ids[0] || heard["seq"] != last+1 {
		c.t.Errorf("ids %v, heard %v", ids, heard)
	}
	bob.say(object{"type": "typing", "channel_id": c.general})
	ada.hear("typing", "channel_id", "user_id")
	ada.say(object{"type": "read", "channel_id": c.general, "seq": last + 1})
	if read := ada.hear("read", "channel_id", "seq"); read["seq"] != last+1 {
		c.t.Errorf("read: %v", read)
	}
	ada.say(object{"type": "ping"})
	ada.hear("pong")
	wrong := object{"type": "send", "client_id": uuid.NewString(), "channel_id": uuid.NewString(), "body": "to nowhere"}
	ada.say(wrong)
	if e := ada.hear("error", "message"); e["code"] != "not_found" || e["client_id"] != wrong["client_id"] {
		c.t.Errorf("error: %v", e)
	}
	c.heardOfChanges(ada, heard)
	c.closed(ada)
}

// heardOfChanges is what is told of changes over HTTP.
func (c *contract) heardOfChanges(ada wire, m object) {
	at := "/api/messages/" + c.id(m)
	c.bob.do(200, "PATCH", at, object{"body": "edited"})
	if updated := ada.hear("message_updated")["message"].(object); c.checkMessage(updated)["body"] != "edited" {
		c.t.Errorf("updated: %v", updated)
	}
	c.bob.do(204, "PUT", at+"/reactions/:tada:", nil)
	ada.hear("reaction", "message_id", "emoji", "user_id")
	c.bob.do(204, "DELETE", at, nil)
	ada.hear("message_deleted")
	room := c.do(201, "POST", "/api/channels", object{"name": "garden", "private": false})
	ada.hear("channel", "channel.id")
	c.bob.do(200, "POST", "/api/channels/"+c.id(room)+"/join", nil)
	ada.hear("member", "channel_id", "user.id")
}

// closed is how sockets are ended.
func (c *contract) closed(ada wire) {
	nobody := c.nobody.dial()
	if code := nobody.end(); code != 4401 {
		c.t.Errorf("nobody's socket was closed with %d", code)
	}
	flood := c.bob.dial()
	flood.say(object{"type": "hello"})
	for range 200 {
		if flood.ws.WriteJSON(object{"type": "nonsense"}) != nil {
			break
		}
	}
	if code := flood.end(); code != 4429 {
		c.t.Errorf("a socket of too many mistakes was closed with %d", code)
	}
	c.do(204, "POST", "/api/auth/logout", nil)
	if code := ada.end(); code != 4401 {
		c.t.Errorf("a socket was closed with %d after the logout", code)
	}
}
