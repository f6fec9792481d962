package chat_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
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

func TestResumeBringsWhatWasMissed(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	for i := range 5 {
		ada.send(general, fmt.Sprint(i+1))
	}
	var sockets []*socket
	for resume, want := range map[int64][]int64{0: {1, 2, 3, 4, 5}, 3: {4, 5}, 5: nil, 99: nil} {
		socket, _ := ada.open(map[uuid.UUID]int64{general: resume, uuid.New(): 7})
		var got []int64
		for f := socket.next("message", "resumed"); f.Type == "message"; f = socket.next("message", "resumed") {
			got = append(got, f.message(t).Seq)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("resumed at %d, got %v, want %v", resume, got, want)
		}
		sockets = append(sockets, socket)
	}
	ada.send(general, "live")
	for _, socket := range sockets {
		if m := socket.next("message").message(t); m.Seq != 6 {
			t.Errorf("then came %+v", m)
		}
	}
	for _, resume := range []any{object{"x": 1}, object{general.String(): -1}} {
		socket := ada.dial()
		socket.send(object{"type": "hello", "resume": resume})
		if f := socket.next("error", "welcome"); f.Type != "error" || f.Fields["resume"] == "" {
			t.Errorf("resume %v gets %+v", resume, f)
		}
	}
}

func TestAGapTooLargeIsTold(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	storeMessages(t, s, ada, general, chat.ReplayLimit+5)
	last := int64(chat.ReplayLimit + 5)

	within, _ := ada.open(map[uuid.UUID]int64{general: 5})
	for seq := int64(6); seq <= last; seq++ {
		if m := within.next("message", "gap", "resumed").message(t); m.Seq != seq {
			t.Fatalf("got seq %d, want %d", m.Seq, seq)
		}
	}
	within.next("resumed")
	beyond, _ := ada.open(map[uuid.UUID]int64{general: 4})
	if gap := beyond.next("message", "gap", "resumed"); gap.Type != "gap" || gap.ChannelID != general || gap.From != 5 || gap.To != last {
		t.Errorf("got %+v, want a gap", gap)
	}
	beyond.next("resumed")
	ada.send(general, "next")
	if m := beyond.next("message").message(t); m.Seq != last+1 {
		t.Errorf("after the gap came %+v", m)
	}
}

// storeMessages stores messages behind the server's back.
func storeMessages(t *testing.T, s *chattest.Server, author user, channel uuid.UUID, n int) {
	t.Helper()
	w := store.NewWriter(store.WriterConfig{Store: s.Store})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	results := make(chan error, n)
	limit := make(chan struct{}, 500)
	for i := range n {
		limit <- struct{}{}
		go func() {
			_, err := w.Send(ctx, store.Send{ClientID: uuid.New(), ChannelID: channel, AuthorID: author.ID, Body: fmt.Sprint("quiet ", i)})
			<-limit
			results <- err
		}()
	}
	for range n {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A message that no event tells of, since its node died or the cache did, is found all the same.
func TestAMessageThatNobodyTellsOfIsFound(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Poll: 50 * time.Millisecond})})
	ada := setUp(t, s)
	general := ada.general()
	adas, _ := ada.open(nil)
	adas.next("resumed")
	storeMessages(t, s, ada, general, 3)
	for seq := int64(1); seq <= 3; seq++ {
		if m := adas.next("message").message(t); m.Seq != seq {
			t.Fatalf("got seq %d, want %d", m.Seq, seq)
		}
	}
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
	polite, _ := ada.open(nil)
	polite.send(object{"type": "hello"})
	if f := polite.next("error"); f.Code != "invalid" {
		t.Errorf("a second hello gets %+v", f)
	}
	polite.alive()
}

func TestMistakesAreAnsweredAndManyEndTheSocket(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	adas, _ := ada.open(nil)
	adas.next("resumed")
	mistakes := []struct {
		kind  int
		frame string
		code  string
		field string
	}{
		{1, `{"type":"dance"}`, "invalid", "type"},
		{1, `{}`, "invalid", "type"},
		{1, `{"type":`, "invalid", "frame"},
		{1, `[]`, "invalid", "frame"},
		{1, "", "invalid", "frame"},
		{2, `{"type":"ping"}`, "invalid", "frame"},
		{1, `{"type":"send"}`, "invalid", "channel_id"},
		{1, `{"type":"typing","channel_id":"x"}`, "invalid", "channel_id"},
		{1, `{"type":"read","channel_id":"` + general.String() + `","seq":-1}`, "invalid", "seq"},
		{1, `{"type":"send","client_id":"x","channel_id":"` + general.String() + `","body":"x"}`, "invalid", "client_id"},
	}
	for _, m := range mistakes {
		if err := adas.ws.WriteMessage(m.kind, []byte(m.frame)); err != nil {
			t.Fatal(err)
		}
		if f := adas.next("error", "pong"); f.Type != "error" || f.Code != m.code || f.Fields[m.field] == "" {
			t.Errorf("%s gets %+v", m.frame, f)
		}
	}
	adas.alive()

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
	adas.send(object{"type": "read", "channel_id": uuid.New(), "seq": 1})
	if f := adas.next("error"); f.Code != "not_found" {
		t.Errorf("read of a channel that is not there gets %+v", f)
	}
	for range 60 {
		if err := adas.ws.WriteMessage(1, []byte("x")); err != nil {
			break // closed already
		}
	}
	if code := adas.closed(); code != 4429 {
		t.Errorf("closed with %d", code)
	}

	large, _ := ada.open(nil)
	if err := large.ws.WriteMessage(1, []byte(`"`+strings.Repeat("x", 64<<10)+`"`)); err != nil {
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

func TestWhoMayOpenASocket(t *testing.T) {
	s := chattest.Start(t, chattest.Options{PublicURL: "https://chat.example.org"})
	ada := setUp(t, s)
	nobody := user{t: t, server: s}
	for _, headers := range [][]string{nil, {"Authorization", "Bearer wrong"}, {"Cookie", "snug_session=wrong"}} {
		if code := nobody.dial(headers...).closed(); code != 4401 {
			t.Errorf("a socket with %v was closed with %d", headers, code)
		}
	}
	cookie := "snug_session=" + ada.token
	for origin, welcome := range map[string]bool{
		"": true, s.URL: true, "https://chat.example.org": true, "https://evil.example": false, "null": false,
		"http://chat.example.org": false, s.URL + ".evil.example": false,
	} {
		headers := []string{"Cookie", cookie}
		if origin != "" {
			headers = append(headers, "Origin", origin)
		}
		socket, response, err := nobody.tryDial(headers...)
		switch {
		case welcome && err != nil:
			t.Errorf("origin %q: %v", origin, err)
		case welcome:
			socket.send(object{"type": "hello"})
			socket.next("welcome")
		case err == nil || response.StatusCode != http.StatusForbidden:
			t.Errorf("origin %q is let in: %v", origin, response)
		}
	}
	// A program elsewhere with a token of its own may.
	if _, response, err := ada.tryDial("Origin", "https://evil.example"); err != nil {
		t.Errorf("with a bearer token: %v %v", err, response)
	}
}

func TestALogoutEndsItsSocketsAndNoOthers(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	var second login
	call(t, "POST", s.URL+"/api/auth/login", object{"username": "ada", "password": password}).want(200).into(&second)
	other := user{t: t, server: s, token: second.Token, User: second.User}
	first, _ := ada.open(nil)
	same := ada.dial() // has not said hello
	stays, _ := other.open(nil)
	ada.call("POST", "/api/auth/logout", nil).want(204)
	for _, socket := range []*socket{first, same} {
		if code := socket.closed(); code != 4401 {
			t.Errorf("closed with %d", code)
		}
	}
	stays.alive()
}

func TestASocketEndsWithItsLogin(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	short := ada.crowd(1)[0]
	if _, err := connect(t, s.DatabaseURL).Exec(t.Context(),
		"UPDATE sessions SET expires_at = now() + interval '1 second' WHERE user_id = $1", short.ID); err != nil {
		t.Fatal(err)
	}
	socket, _ := short.open(nil)
	if code := socket.closed(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
	if code := short.dial().closed(); code != 4401 {
		t.Errorf("then closed with %d", code)
	}
}

func TestWhatHappensIsTold(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{PresenceGrace: time.Millisecond})})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	general := ada.general()
	adas, _ := ada.open(nil)
	adas.next("resumed")
	second, _ := ada.open(nil)
	second.next("resumed")

	bobs, welcome := bob.open(nil)
	if !strings.Contains(string(welcome.Online), ada.ID.String()) {
		t.Errorf("online %s", welcome.Online)
	}
	for _, socket := range []*socket{adas, second} {
		if f, err := socket.read(); err != nil || f.Type != "presence" || f.UserID != bob.ID || string(f.Online) != "true" {
			t.Errorf("when bob comes: %+v %v", f, err)
		}
	}
	bobs.next("resumed")

	// Typing: to the others in the channel, once in a while.
	bobs.send(object{"type": "typing", "channel_id": uuid.New()})
	bobs.send(object{"type": "typing", "channel_id": general})
	bobs.send(object{"type": "typing", "channel_id": general})
	bobs.alive()
	for _, socket := range []*socket{adas, second} {
		if f, err := socket.read(); err != nil || f.Type != "typing" || f.UserID != bob.ID || f.ChannelID != general {
			t.Errorf("when bob types: %+v %v", f, err)
		}
		socket.alive()
	}

	// Read: to all of one's own sockets.
	bobs.send(sendFrame(general, "hi"))
	for _, socket := range []*socket{adas, second, bobs} {
		socket.next("message")
	}
	adas.send(object{"type": "read", "channel_id": general, "seq": 1})
	for _, socket := range []*socket{adas, second} {
		if f, err := socket.read(); err != nil || f.Type != "read" || f.ChannelID != general || f.Seq != 1 || f.Unread != 0 {
			t.Errorf("when ada has read: %+v %v", f, err)
		}
	}

	// A new member.
	eve := ada.invite("eve")
	for _, socket := range []*socket{adas, second} {
		if f, err := socket.read(); err != nil || f.Type != "member" || f.ChannelID != general || !strings.Contains(string(f.User), eve.ID.String()) {
			t.Errorf("when eve joins: %+v %v", f, err)
		}
	}

	// One socket of two is closed: still online. The last is closed: not any more.
	if err := second.ws.Close(); err != nil {
		t.Error(err)
	}
	if err := bobs.ws.Close(); err != nil {
		t.Error(err)
	}
	if f := adas.next("presence"); f.UserID != bob.ID || string(f.Online) != "false" {
		t.Errorf("when bob goes: %+v", f)
	}
	adas.alive()
}
