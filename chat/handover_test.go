package chat_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

// relay is a chat whose server is replaced over and over by one that takes over from it.
type relay struct {
	t       *testing.T
	options chattest.Options
	socket  net.Listener
	current *chattest.Server
}

func startRelay(t *testing.T, tuning chat.Tuning) *relay {
	r := &relay{t: t, socket: chattest.Listen(t), options: chattest.Options{
		DatabaseURL: chattest.Database(t), Cache: chattest.StartCache(t), Run: t.TempDir(), New: chat.With(tuning),
	}}
	r.current = r.next()
	return r
}

// next starts the server that takes over.
func (r *relay) next() *chattest.Server {
	r.t.Helper()
	o := r.options
	o.Listener = chattest.Share(r.t, r.socket)
	r.options.Slot = 1 - r.options.Slot
	return chattest.Start(r.t, o)
}

// handOver replaces the server as a planned restart does.
func (r *relay) handOver() {
	r.t.Helper()
	next := r.next()
	if err := r.current.Stop(); err != nil {
		r.t.Errorf("end of the server before: %v", err)
	}
	r.current = next
}

// caller sends requests on a connection of its own, of which it notices when anything is not answered.
type caller struct {
	user
	conn   net.Conn
	reader *bufio.Reader
	reused int // requests on a connection that had one before
}

// ask sends one request and decodes the answer. An error is a connect refused, a request cut, or an answer of failure.
func (c *caller) ask(method, path string, body, into any) error {
	if c.conn != nil {
		c.reused++
	} else {
		conn, err := net.DialTimeout("tcp", c.server.Addr, waitLimit)
		if err != nil {
			return fmt.Errorf("refused: %w", err)
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	content := []byte(nil)
	if body != nil {
		content, _ = json.Marshal(body)
	}
	_ = c.conn.SetDeadline(time.Now().Add(waitLimit))
	if _, err := fmt.Fprintf(c.conn, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		method, path, c.server.Addr, c.token, len(content), content); err != nil {
		return fmt.Errorf("cut before %s was sent: %w", path, err)
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return fmt.Errorf("cut before %s was answered: %w", path, err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return fmt.Errorf("the answer to %s was cut: %w", path, err)
	}
	if response.Close {
		c.hangUp()
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s: status %d: %s", path, response.StatusCode, answer)
	}
	return json.Unmarshal(answer, into)
}

func (c *caller) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// callOn asks and posts until it is over, with pauses; with a new connection each time, or with one as long as it lasts.
func (s *storm) callOn(u user, keepAlive bool, over <-chan struct{}) (asked, reused int) {
	c := &caller{user: u}
	defer c.hangUp()
	for i := 0; ; i++ {
		id, stored, me := uuid.New(), store.Message{}, store.User{}
		err := c.ask("POST", fmt.Sprintf("/api/channels/%s/messages", s.channel),
			object{"client_id": id, "body": fmt.Sprint(u.Username, " ", i)}, &stored)
		if err == nil {
			s.acked.Store(id.String(), stored.Seq)
			err = c.ask("GET", "/api/me", nil, &me)
		}
		if err != nil {
			s.t.Error(err)
			return asked, c.reused
		}
		asked += 2
		if !keepAlive {
			c.hangUp()
		}
		select {
		case <-over:
			return asked, c.reused
		case <-time.After(rand.N(20 * time.Millisecond)):
		}
	}
}

// speakOn sends over a WebSocket that comes back after each goodbye, until it is over.
func (s *storm) speakOn(u user, over <-chan struct{}) {
	var at *socket
	for i := 0; ; i++ {
		send := sendFrame(s.channel, fmt.Sprint(u.Username, " ", i))
		for acked := false; !acked; {
			if at == nil {
				if at = s.comeBack(u); at == nil {
					return
				}
			}
			var err error
			if acked, err = s.speak(at, send); err != nil {
				s.t.Errorf("%s: %v", u.Username, err)
				return
			} else if !acked {
				at = nil
			}
		}
		select {
		case <-over:
			_ = at.ws.Close()
			return
		case <-time.After(rand.N(20 * time.Millisecond)):
		}
	}
}

// comeBack opens a socket again.
func (s *storm) comeBack(u user) *socket {
	at, _, err := u.tryDial()
	if err == nil {
		err = at.ws.WriteJSON(object{"type": "hello"})
	}
	if err != nil {
		s.t.Errorf("%s is not let in: %v", u.Username, err)
		return nil
	}
	return at
}

// speak sends one message. It reports false when the server says goodbye instead of the acknowledgement, and an error when
// the socket ends otherwise.
func (s *storm) speak(at *socket, send object) (acked bool, err error) {
	told := false
	_ = at.ws.WriteJSON(send) // if that fails, there is something to be read that says why
	for {
		f, err := at.read()
		switch {
		case err != nil && told && strings.Contains(err.Error(), "1012"):
			return acked, nil
		case err != nil:
			return false, fmt.Errorf("the socket ended, goodbye %t: %w", told, err)
		case f.Type == "goodbye":
			if told = true; f.RetryAfter != 0 {
				return false, fmt.Errorf("goodbye says to come back after %d s", f.RetryAfter)
			}
		case f.Type == "error":
			return false, fmt.Errorf("answered %+v", f)
		case f.Type == "ack" && f.ClientID == send["client_id"]:
			s.acked.Store(f.ClientID, f.message(s.t).Seq)
			return true, nil
		}
	}
}

// readOn follows the channel over all goodbyes until it has come to the seq that is told at the end.
func (s *storm) readOn(f *follower, until *atomic.Int64) {
	for until.Load() == 0 || f.cursor < until.Load() {
		if f.socket == nil {
			if err := f.come(f.server); err != nil {
				s.t.Errorf("%s is not let in: %v", f.Username, err)
				return
			}
		}
		err := f.read()
		switch {
		case err == nil:
		case errors.As(err, new(wrong)) || !f.told:
			s.t.Errorf("%s, after goodbye: %t: %v", f.Username, f.told, err)
			return
		default:
			f.leave(false)
		}
	}
	f.leave(false)
}

// Over many planned restarts no connect is refused, no request cut, and no socket ends without a goodbye; what is
// acknowledged is stored once, and all who read get all of it in order.
func TestAHandOverIsNoticedByNobody(t *testing.T) {
	r := startRelay(t, chat.Tuning{})
	ada := setUp(t, r.current)
	s := &storm{t: t, channel: ada.general()}
	users := ada.crowd(14)
	over := make(chan struct{})
	var until, asked, reused atomic.Int64
	var writing, reading sync.WaitGroup
	for i, u := range users {
		switch {
		case i < 4:
			reading.Go(func() { s.readOn(&follower{user: u, channel: s.channel, bodies: map[int64]string{}}, &until) })
		case i < 8:
			writing.Go(func() { s.speakOn(u, over) })
		default:
			writing.Go(func() {
				a, k := s.callOn(u, i%2 == 0, over)
				asked.Add(int64(a))
				reused.Add(int64(k))
			})
		}
	}
	const handOvers = 25
	for range handOvers {
		r.handOver()
		for goal, deadline := asked.Load(), time.Now(); time.Since(deadline) < 50*time.Millisecond && asked.Load() == goal; {
			time.Sleep(time.Millisecond)
		}
	}
	close(over)
	writing.Wait()
	stored := messagesOf(t, r.options.DatabaseURL, s.channel)
	until.Store(int64(len(stored)))
	reading.Wait()
	s.compare(stored)
	t.Logf("%d hand-overs, %d requests, %d of them on a connection that had one before, %d messages", handOvers, asked.Load(), reused.Load(), len(stored))
}

// While two servers run, what is written at one is read at the other at once and in order: from the first moment on, and
// without a look into the database.
func TestDuringAHandOverMessagesCross(t *testing.T) {
	o := chattest.Options{DatabaseURL: chattest.Database(t), Cache: chattest.StartCache(t), New: chat.With(chat.Tuning{Poll: time.Hour})}
	old := chattest.Start(t, o)
	ada := setUp(t, old)
	general := ada.general()
	seq := int64(0)
	send := func(at *chattest.Server, readers ...*socket) {
		t.Helper()
		seq++
		ada.on(at).send(general, "crossing")
		for n, reader := range readers {
			if m := reader.next("message").message(t); m.Seq != seq {
				t.Fatalf("seq %d comes to reader %d as number %d", m.Seq, n, seq)
			}
		}
	}
	for range 8 {
		atOld, _ := ada.on(old).open(nil)
		atOld.next("resumed")
		next := chattest.Start(t, o) // on a port of its own, so that one can choose
		for range 3 {
			send(next, atOld)
		}
		atNew, _ := ada.on(next).open(nil)
		atNew.next("resumed")
		for range 3 {
			send(old, atNew, atOld)
			send(next, atOld, atNew)
		}
		if err := old.Stop(); err != nil {
			t.Error(err)
		}
		old = next
	}
}

// Whatever a connection is at when the server is replaced, it goes on: one that has said nothing yet, one between two
// requests, and one in the middle of a request.
func TestAHandOverTakesConnectionsAlong(t *testing.T) {
	r := startRelay(t, chat.Tuning{})
	ada := setUp(t, r.current)
	dial := func() (net.Conn, *bufio.Reader) {
		conn, err := net.Dial("tcp", ada.server.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn, bufio.NewReader(conn)
	}
	answered := func(what string, reader *bufio.Reader) {
		t.Helper()
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK || response.Close {
			t.Errorf("%s: status %d, Connection: close %t, %v", what, response.StatusCode, response.Close, err)
		}
	}
	const request = "GET /api/setup HTTP/1.1\r\nHost: snug\r\n\r\n"
	say := func(conn net.Conn, text string) {
		t.Helper()
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	silent, silentReader := dial()
	idle, idleReader := dial()
	say(idle, request)
	answered("the first", idleReader)
	halved, halvedReader := dial()
	say(halved, request+request[:20])
	answered("the one before half a request", halvedReader)

	for range 2 { // also what was handed over once
		next := r.next()
		stopped := make(chan error)
		go func(server *chattest.Server) { stopped <- server.Stop() }(r.current)
		r.current = next
		say(idle, request)
		answered("between two requests", idleReader)
		say(halved, request[20:])
		answered("half a request", halvedReader)
		say(halved, request[:20])
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	}
	say(silent, request)
	answered("nothing yet", silentReader)
}

// Without a server that takes over, requests on idle connections are answered for a moment, each with the word that it is
// the last; and the end does not take long.
func TestTheEndForGood(t *testing.T) {
	r := startRelay(t, chat.Tuning{})
	ada := setUp(t, r.current)
	c := &caller{user: ada}
	var me store.User
	if err := c.ask("GET", "/api/me", nil, &me); err != nil {
		t.Fatal(err)
	}
	for _, u := range ada.crowd(100) {
		socket, _ := u.open(nil)
		go func() {
			for _, err := socket.read(); err == nil; _, err = socket.read() {
			}
		}()
	}
	stopped := make(chan error)
	begin := time.Now()
	go func() { stopped <- r.current.Stop() }()
	for c.conn != nil { // the answer with Connection: close ends it
		if err := c.ask("GET", "/api/me", nil, &me); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the end took %v", took)
	} else {
		t.Logf("the end took %v with 100 sockets", took)
	}
}
