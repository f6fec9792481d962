package chat_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
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
	return nil
}

type wrong string

func (w wrong) Error() string { return string(w) }

// storm is many writers and readers on several nodes, and what they have seen.
type storm struct {
	t       *testing.T
	channel uuid.UUID
	acked   sync.Map // client_id → seq
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
