package chat_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
)

type object = map[string]any

func sendFrame(channel uuid.UUID, body string) object {
	return object{"type": "send", "client_id": uuid.NewString(), "channel_id": channel, "body": body}
}

// alive fails the test unless the socket still answers.
func (s *socket) alive() {
	s.t.Helper()
	s.send(object{"type": "ping"})
	s.next("pong")
}

func TestFromHelloToALiveMessage(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	general := ada.general()
	ada.send(general, "before")

	bobs, welcome := bob.open(nil)
	if !strings.Contains(string(welcome.User), bob.ID.String()) || len(welcome.Channels) != 1 || welcome.Session.UserID != bob.ID ||
		welcome.Channels[0].LastSeq != 1 || !strings.Contains(string(welcome.Online), bob.ID.String()) {
		t.Errorf("welcome %+v %s %s", welcome, welcome.User, welcome.Online)
	}
	bobs.next("resumed")
	adas, _ := ada.open(nil)
	adas.next("resumed")
	frame := sendFrame(general, "Hello *Bob*")
	adas.send(frame)
	ack := adas.next("ack")
	if ack.ClientID != frame["client_id"] || ack.message(t).HTML != "<p>Hello <em>Bob</em></p>\n" {
		t.Errorf("ack %+v %s", ack, ack.Message)
	}
	first := bobs.next("message")
	if m := first.message(t); m.Body != "Hello *Bob*" || m.Seq != 2 || m.Author.ID != ada.ID || string(first.Message) != string(ack.Message) {
		t.Errorf("message %s, ack %s", first.Message, ack.Message)
	}
	ada.send(general, "over HTTP")
	if m := bobs.next("message").message(t); m.Seq != 3 {
		t.Errorf("message %+v", m)
	}

	adas.send(frame) // again
	again := adas.next("ack")
	if again.message(t).ID != ack.message(t).ID {
		t.Errorf("ack of a send that was stored before: %s", again.Message)
	}
	bobs.alive() // without another message before
}

func TestHelloComesFirst(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Hello: 300 * time.Millisecond})})
	ada := setUp(t, s)
	hasty := ada.dial()
	hasty.send(object{"type": "ping"})
	if f := hasty.next("error", "pong"); f.Type != "error" || f.Code != "invalid" {
		t.Errorf("before hello, ping gets %+v", f)
	}
	if code := hasty.closed(); code != 1008 {
		t.Errorf("closed with %d", code)
	}
	if code := ada.dial().closed(); code != 1008 {
		t.Errorf("a socket that never said hello was closed with %d", code)
	}
	alive := ada.dial()
	stop := alive.pongOften()
	if code := alive.closed(); code != 1008 {
		t.Errorf("a socket that sends pongs and no hello was closed with %d", code)
	}
	stop()
	polite, _ := ada.open(nil)
	polite.send(object{"type": "hello"})
	if f := polite.next("error"); f.Code != "invalid" {
		t.Errorf("a second hello gets %+v", f)
	}
	polite.alive()
}

// pongOften sends pongs that nobody asked for until stop is called.
func (s *socket) pongOften() (stop func()) {
	done := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = s.ws.WriteControl(websocket.PongMessage, nil, time.Now().Add(time.Second))
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		sending.Wait()
	}
}

func TestMistakesAreAnswered(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general().String()
	adas, _ := ada.open(nil)
	adas.next("resumed")
	for _, mistake := range []struct {
		kind         int
		frame, field string
	}{
		{1, `{"type":"dance"}`, "type"},
		{1, `{}`, "type"},
		{1, `{"type":`, "frame"},
		{1, `[]`, "frame"},
		{1, "", "frame"},
		{2, `{"type":"ping"}`, "frame"},
		{1, `{"type":"send"}`, "channel_id"},
		{1, `{"type":"typing","channel_id":"x"}`, "channel_id"},
		{1, `{"type":"read","channel_id":"` + general + `","seq":-1}`, "seq"},
		{1, `{"type":"send","client_id":"x","channel_id":"` + general + `","body":"x"}`, "client_id"},
	} {
		if err := adas.ws.WriteMessage(mistake.kind, []byte(mistake.frame)); err != nil {
			t.Fatal(err)
		}
		if f := adas.next("error", "pong"); f.Type != "error" || f.Code != "invalid" || f.Fields[mistake.field] == "" {
			t.Errorf("%s gets %+v", mistake.frame, f)
		}
	}
	adas.send(object{"type": "read", "channel_id": uuid.New(), "seq": 1})
	if f := adas.next("error"); f.Code != "not_found" {
		t.Errorf("read of a channel that is not there gets %+v", f)
	}
	adas.alive()
}

func TestSendsAreChecked(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	adas, _ := ada.open(nil)
	for _, refused := range []struct {
		change object
		code   string
	}{
		{object{"body": ""}, "invalid"}, {object{"body": strings.Repeat("x", 10_001)}, "invalid"},
		{object{"parent_id": uuid.New()}, "invalid"}, {object{"file_ids": []uuid.UUID{uuid.New()}}, "invalid"},
		{object{"channel_id": uuid.New()}, "not_found"},
	} {
		frame := sendFrame(general, "fine")
		for k, v := range refused.change {
			frame[k] = v
		}
		adas.send(frame)
		if f := adas.next("error", "ack"); f.Type != "error" || f.Code != refused.code || f.ClientID != frame["client_id"] {
			t.Errorf("send with %v gets %+v", refused.change, f)
		}
	}
	// The longest message, in the longest way to write it.
	longest := fmt.Sprintf(`{"type":"send","client_id":%q,"channel_id":%q,"body":%q}`, uuid.NewString(), general, "BODY")
	longest = strings.Replace(longest, "BODY", strings.Repeat(`\ud83d\ude00`, 10_000), 1)
	if err := adas.ws.WriteMessage(1, []byte(longest)); err != nil {
		t.Fatal(err)
	}
	if m := adas.next("ack", "error").message(t); m.Seq != 1 || m.Body != strings.Repeat("😀", 10_000) {
		t.Errorf("the longest message is stored as %.100q", m.Body)
	}
}

func TestTooMuchEndsTheSocket(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	adas, _ := ada.open(nil)
	for range 60 {
		if err := adas.ws.WriteMessage(1, []byte("x")); err != nil {
			break // closed already
		}
	}
	_ = adas.ws.WriteJSON(sendFrame(ada.general(), "after the end"))
	if code := adas.closed(); code != 4429 {
		t.Errorf("many mistakes close with %d", code)
	}
	if m := ada.send(ada.general(), "first"); m.Seq != 1 {
		t.Errorf("what was sent after too many mistakes is stored: the next message is number %d", m.Seq)
	}
	large, _ := ada.open(nil)
	if err := large.ws.WriteMessage(1, []byte(`"`+strings.Repeat("x", 4<<20)+`"`)); err != nil {
		t.Fatal(err)
	}
	if code := large.closed(); code != websocket.CloseMessageTooBig {
		t.Errorf("a frame that is too large closes with %d", code)
	}
}

func TestSocketsKeepAliveAndEndWhenTheOtherSideIsDead(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Ping: 50 * time.Millisecond, Silence: 400 * time.Millisecond})})
	ada := setUp(t, s)
	alive, _ := ada.open(nil)
	pings, pong := 0, make(chan string, 1)
	alive.ws.SetPingHandler(func(data string) error {
		pings++
		return alive.ws.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	alive.ws.SetPongHandler(func(data string) error {
		pong <- data
		return nil
	})
	var reading sync.WaitGroup
	reading.Go(func() {
		for f, err := alive.read(); f.Type != "pong"; f, err = alive.read() {
			if err != nil {
				t.Errorf("the socket that answers pings ended: %v", err)
				return
			}
		}
	})
	dead, _ := ada.open(nil)
	dead.ws.SetPingHandler(func(string) error { return nil })
	if code := dead.closed(); code != 1008 {
		t.Errorf("a dead socket was closed with %d", code)
	}
	if err := alive.ws.WriteControl(websocket.PingMessage, []byte("still there?"), time.Now().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if data := <-pong; data != "still there?" {
		t.Errorf("pong %q", data)
	}
	alive.send(object{"type": "ping"})
	reading.Wait()
	if pings < 3 {
		t.Errorf("%d pings", pings)
	}
}
