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
}

// come connects to a node and resumes.
func (f *follower) come(node *chattest.Server) error {
	s, _, err := f.on(node).tryDial()
	if err != nil {
		return err
	}
	f.socket = s
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
	case "gap":
		return wrong(fmt.Sprintf("a gap from %d to %d", got.From, got.To))
	}
	return nil
}

type wrong string

func (w wrong) Error() string { return string(w) }

// Readers come and go on either of two nodes, and writers write on both: each reader gets all of it once and in order.
func TestReadersThatComeAndGoMissNothing(t *testing.T) {
	servers := nodes(t, 2, chattest.Options{})
	ada := setUp(t, servers[0])
	general := ada.general()
	users := ada.crowd(3)
	var sent []string // by seq, from 1
	rapid.Check(t, func(t *rapid.T) {
		node := func(t *rapid.T) *chattest.Server { return servers[rapid.IntRange(0, len(servers)-1).Draw(t, "node")] }
		readers := make([]*follower, len(users))
		for i, u := range users {
			readers[i] = &follower{user: u, channel: general, cursor: int64(len(sent)), bodies: map[int64]string{}}
		}
		defer func() {
			for _, r := range readers {
				if r.socket != nil {
					r.leave(false)
				}
			}
		}()
		catchUp := func(r *follower) {
			for r.socket != nil && r.cursor < int64(len(sent)) {
				if err := r.read(); err != nil {
					t.Fatalf("%s: %v", r.Username, err)
				}
			}
			for seq, body := range r.bodies {
				if body != sent[seq-1] {
					t.Fatalf("seq %d is %q, sent was %q", seq, body, sent[seq-1])
				}
			}
		}
		one := func(t *rapid.T) *follower { return readers[rapid.IntRange(0, len(readers)-1).Draw(t, "reader")] }
		t.Repeat(map[string]func(*rapid.T){
			"send": func(t *rapid.T) {
				for range rapid.IntRange(1, 3).Draw(t, "messages") {
					body := fmt.Sprint("message ", len(sent)+1)
					if m := ada.on(node(t)).send(general, body); m.Seq != int64(len(sent)+1) {
						t.Fatalf("message %d got seq %d", len(sent)+1, m.Seq)
					}
					sent = append(sent, body)
				}
			},
			"come": func(t *rapid.T) {
				if r := one(t); r.socket == nil {
					if err := r.come(node(t)); err != nil {
						t.Fatal(err)
					}
				}
			},
			"leave": func(t *rapid.T) {
				if r := one(t); r.socket != nil {
					r.leave(rapid.Bool().Draw(t, "politely"))
				}
			},
			"read": func(t *rapid.T) { catchUp(one(t)) },
		})
		for _, r := range readers {
			catchUp(r)
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
	var reading, writing sync.WaitGroup
	for _, u := range users[:4] {
		reading.Go(func() { s.follow(&follower{user: u, channel: s.channel, bodies: map[int64]string{}}, &until) })
	}
	const each = 60
	for _, u := range users[4:] {
		writing.Go(func() { s.write(u, each) })
	}
	finished := make(chan struct{})
	var faults sync.WaitGroup
	faults.Go(func() {
		for round := 0; ; round++ {
			select {
			case <-finished:
				return
			case <-time.After(400 * time.Millisecond):
			}
			switch round % 3 {
			case 0: // a backend dies: PostgreSQL restarts all of itself
				if backends := children(t, cluster.Pid()); len(backends) > 0 {
					_ = syscall.Kill(backends[rand.IntN(len(backends))], syscall.SIGKILL)
				}
			case 1:
				cache.Stop(t)
				cache.Start(t)
			case 2: // the postmaster dies
				cluster.Restart(t)
			}
		}
	})
	writing.Wait()
	close(finished)
	faults.Wait()
	stored := messagesOf(t, cluster.URL(), s.channel)
	until.Store(int64(len(stored)))
	reading.Wait()

	next := map[string]int{}
	for i, m := range stored {
		if m.Seq != int64(i+1) {
			t.Fatalf("message %d has seq %d", i+1, m.Seq)
		}
		seq, ok := s.acked.LoadAndDelete(m.ClientID.String())
		if !ok || seq != m.Seq {
			t.Errorf("seq %d was acknowledged as %v", m.Seq, seq)
		}
		var name string
		var n int
		if _, err := fmt.Sscan(m.Body, &name, &n); err != nil || next[name] != n {
			t.Errorf("seq %d is %q, after %d of that writer", m.Seq, m.Body, next[name])
		}
		next[name]++
	}
	if want := 8 * each; len(stored) != want {
		t.Errorf("%d messages are stored of %d", len(stored), want)
	}
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
