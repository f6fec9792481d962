package chat_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
	"snug/store/postgres/postgrestest"
)

// nodes starts servers on one database and one cache, each with a quick look for missed messages.
func nodes(t testing.TB, n int, o chattest.Options) []*chattest.Server {
	t.Helper()
	if o.DatabaseURL == "" {
		o.DatabaseURL = chattest.Database(t)
	}
	if o.Cache == nil {
		o.Cache = chattest.StartCache(t)
	}
	if o.New == nil {
		o.New = chat.With(chat.Tuning{Poll: 100 * time.Millisecond})
	}
	list := make([]*chattest.Server, n)
	for i := range list {
		list[i] = chattest.Start(t, o)
	}
	return list
}

// follower reads one channel, over any number of connections, and wants every message once and in order.
type follower struct {
	user
	channel uuid.UUID
	cursor  int64 // seq of the last message read
	bodies  map[int64]string
	socket  *socket // nil while away
	told    bool    // the server said goodbye on this socket
	view    view    // what the messages are like, by the events alone; nil if that is of no interest
}

// come connects to a node and resumes.
func (f *follower) come(node *chattest.Server) error {
	s, _, err := f.on(node).tryDial()
	if err != nil {
		return err
	}
	f.socket, f.told = s, false
	return s.ws.WriteJSON(object{"type": "hello", "resume": map[uuid.UUID]int64{f.channel: f.cursor}})
}

// leave ends the connection, with or without a word.
func (f *follower) leave(politely bool) {
	if politely {
		_ = f.socket.ws.WriteControl(8, nil, time.Now().Add(time.Second))
	}
	_ = f.socket.ws.Close()
	f.socket = nil
}

// read takes one frame. It returns an error when the connection has ended, and one that isWrong when the order is broken.
func (f *follower) read() error {
	got, err := f.socket.read()
	if err != nil {
		return err
	}
	switch got.Type {
	case "message":
		m := got.message(f.t)
		if m.ChannelID != f.channel || m.Seq != f.cursor+1 {
			return wrong(fmt.Sprintf("after seq %d came %d", f.cursor, m.Seq))
		}
		f.cursor = m.Seq
		f.bodies[m.Seq] = m.Body
	case "goodbye":
		f.told = true
	case "gap":
		return wrong(fmt.Sprintf("a gap from %d to %d", got.From, got.To))
	}
	if f.view != nil {
		return f.view.take(f.t, got)
	}
	return nil
}

type wrong string

func (w wrong) Error() string { return string(w) }

// coming is some readers of a channel that come and go, and what was sent to it.
type coming struct {
	nodes   []*chattest.Server
	author  user
	channel uuid.UUID
	readers []*follower
	sent    []string // by seq, from 1
}

func (c *coming) node(t *rapid.T) *chattest.Server {
	return c.nodes[rapid.IntRange(0, len(c.nodes)-1).Draw(t, "node")]
}

func (c *coming) reader(t *rapid.T) *follower {
	return c.readers[rapid.IntRange(0, len(c.readers)-1).Draw(t, "reader")]
}

// come has a reader come that is away.
func (c *coming) come(t *rapid.T) {
	if r := c.reader(t); r.socket == nil {
		if err := r.come(c.node(t)); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *coming) send(t *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(t, "messages") {
		body := fmt.Sprint("message ", len(c.sent)+1)
		if m := c.author.on(c.node(t)).send(c.channel, body); m.Seq != int64(len(c.sent)+1) {
			t.Fatalf("message %d got seq %d", len(c.sent)+1, m.Seq)
		}
		c.sent = append(c.sent, body)
	}
}

// catchUp has a reader that is there read all that was sent.
func (c *coming) catchUp(t *rapid.T, r *follower) {
	for r.socket != nil && r.cursor < int64(len(c.sent)) {
		if err := r.read(); err != nil {
			t.Fatalf("%s: %v", r.Username, err)
		}
	}
	for seq, body := range r.bodies {
		if body != c.sent[seq-1] {
			t.Fatalf("seq %d is %q, sent was %q", seq, body, c.sent[seq-1])
		}
	}
}

// Readers come and go on either of two nodes, and messages are sent on both: each reader gets all of them once and in
// order.
func TestReadersThatComeAndGoMissNothing(t *testing.T) {
	servers := nodes(t, 2, chattest.Options{})
	ada := setUp(t, servers[0])
	c := &coming{nodes: servers, author: ada, channel: ada.general()}
	for _, u := range ada.crowd(3) {
		c.readers = append(c.readers, &follower{user: u, channel: c.channel, bodies: map[int64]string{}})
	}
	rapid.Check(t, func(t *rapid.T) {
		t.Repeat(map[string]func(*rapid.T){
			"send": c.send,
			"come": c.come,
			"leave": func(t *rapid.T) {
				if r := c.reader(t); r.socket != nil {
					r.leave(rapid.Bool().Draw(t, "politely"))
				}
			},
			"read": func(t *rapid.T) { c.catchUp(t, c.reader(t)) },
		})
		for _, r := range c.readers {
			c.catchUp(t, r)
		}
	})
}

// storm is many writers and readers on several nodes, and what they have seen.
type storm struct {
	t       *testing.T
	nodes   []*chattest.Server
	channel uuid.UUID
	acked   sync.Map // client_id → seq
}

// write sends n messages one after the other, each until it is acknowledged, over connections that come and go.
func (s *storm) write(u user, n int) {
	var socket *socket
	defer func() {
		if socket != nil {
			_ = socket.ws.Close()
		}
	}()
	for i := range n {
		frame := sendFrame(s.channel, fmt.Sprintf("%s %d", u.Username, i))
		for !s.sendOnce(u, &socket, frame) {
			time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond) // as a client's backoff
		}
		if rand.IntN(20) == 0 && socket != nil {
			_ = socket.ws.Close()
			socket = nil
		}
	}
}

// sendOnce sends a frame and reports whether it was acknowledged.
func (s *storm) sendOnce(u user, at **socket, frame object) bool {
	if *at == nil {
		fresh, _, err := u.on(s.nodes[rand.IntN(len(s.nodes))]).tryDial()
		if err != nil || fresh.ws.WriteJSON(object{"type": "hello"}) != nil {
			return false
		}
		*at = fresh
	}
	if (*at).ws.WriteJSON(frame) != nil {
		*at = nil
		return false
	}
	for {
		f, err := (*at).read()
		switch {
		case err != nil:
			*at = nil
			return false
		case f.Type == "error" && f.ClientID == frame["client_id"]:
			if f.Code != "unavailable" || f.RetryAfter < 1 {
				s.t.Errorf("send is answered with %+v", f)
			}
			return false
		case f.Type == "ack" && f.ClientID == frame["client_id"]:
			if _, twice := s.acked.LoadOrStore(f.ClientID, f.message(s.t).Seq); twice {
				s.t.Errorf("%s was acknowledged before", f.ClientID)
			}
			return true
		}
	}
}

// follow reads until the channel has come to the seq that is told at the end.
func (s *storm) follow(f *follower, until *atomic.Int64) {
	for deadline := time.Now().Add(4 * waitLimit); until.Load() == 0 || f.cursor < until.Load(); {
		if time.Now().After(deadline) {
			s.t.Errorf("%s has come to %d of %d", f.Username, f.cursor, until.Load())
			return
		}
		if f.socket == nil {
			if f.come(s.nodes[rand.IntN(len(s.nodes))]) != nil {
				f.socket = nil
				time.Sleep(10 * time.Millisecond)
			}
			continue
		}
		_ = f.socket.ws.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		switch err := f.read().(type) {
		case nil:
		case wrong:
			s.t.Errorf("%s: %v", f.Username, err)
			return
		default:
			f.leave(false)
		}
		if f.socket != nil && rand.IntN(200) == 0 {
			f.leave(rand.IntN(2) == 0)
		}
	}
	if f.socket != nil {
		f.leave(false)
	}
}

// While PostgreSQL's processes and the cache are killed, what is acknowledged is stored once, and all who read get all of
// it in order.
func TestNothingIsLostDoubledOrReorderedWhateverIsKilled(t *testing.T) {
	cluster := postgrestest.Cluster(t)
	chattest.Migrate(t, cluster.URL())
	cache := chattest.StartCache(t)
	servers := nodes(t, 2, chattest.Options{DatabaseURL: cluster.URL(), Cache: cache})
	ada := setUp(t, servers[0])
	s := &storm{t: t, nodes: servers, channel: ada.general()}
	users := ada.crowd(12)

	var until atomic.Int64
	var reading, writing, killing sync.WaitGroup
	for _, u := range users[:4] {
		reading.Go(func() { s.follow(&follower{user: u, channel: s.channel, bodies: map[int64]string{}}, &until) })
	}
	const each = 60
	for _, u := range users[4:] {
		writing.Go(func() { s.write(u, each) })
	}
	finished := make(chan struct{})
	killing.Go(func() { killInTurn(t, cluster, cache, finished) })
	writing.Wait()
	close(finished)
	killing.Wait()
	stored := messagesOf(t, cluster.URL(), s.channel)
	until.Store(int64(len(stored)))
	reading.Wait()
	if want := 8 * each; len(stored) != want {
		t.Errorf("%d messages are stored of %d", len(stored), want)
	}
	s.compare(stored)
}

// killInTurn kills a process of PostgreSQL's, the cache, and all of PostgreSQL, over and over.
func killInTurn(t *testing.T, cluster *postgrestest.Server, cache *chattest.Cache, finished <-chan struct{}) {
	for round := 0; ; round++ {
		select {
		case <-finished:
			return
		case <-time.After(400 * time.Millisecond):
		}
		switch round % 3 {
		case 0: // at the death of one process PostgreSQL restarts all of itself
			if processes := children(t, cluster.Pid()); len(processes) > 0 {
				_ = syscall.Kill(processes[rand.IntN(len(processes))], syscall.SIGKILL)
			}
		case 1:
			cache.Stop(t)
			cache.Start(t)
		case 2:
			cluster.Restart(t)
		}
	}
}

// compare fails the test unless what is stored is what was acknowledged, without a gap, each writer's in its order.
func (s *storm) compare(stored []store.Message) {
	next := map[string]int{}
	for i, m := range stored {
		if m.Seq != int64(i+1) {
			s.t.Fatalf("message %d has seq %d", i+1, m.Seq)
		}
		seq, ok := s.acked.LoadAndDelete(m.ClientID.String())
		if !ok || seq != m.Seq {
			s.t.Errorf("seq %d was acknowledged as %v", m.Seq, seq)
		}
		var name string
		var n int
		if _, err := fmt.Sscan(m.Body, &name, &n); err != nil || next[name] != n {
			s.t.Errorf("seq %d is %q, after %d of that writer", m.Seq, m.Body, next[name])
		}
		next[name]++
	}
	s.acked.Range(func(id, seq any) bool {
		s.t.Errorf("%v was acknowledged as %v and is not stored", id, seq)
		return true
	})
}

// messagesOf reads a channel in the order of seq.
func messagesOf(t *testing.T, url string, channel uuid.UUID) []store.Message {
	t.Helper()
	rows, err := connect(t, url).Query(t.Context(), "SELECT seq, client_id, body FROM messages WHERE channel_id = $1 ORDER BY seq", channel)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var list []store.Message
	for rows.Next() {
		var m store.Message
		if err := rows.Scan(&m.Seq, &m.ClientID, &m.Body); err != nil {
			t.Fatal(err)
		}
		list = append(list, m)
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return list
}
