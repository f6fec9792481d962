package chat_test

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store/postgres/postgrestest"
)

// While PostgreSQL has ended, hangs, or has no room, every send to either of two nodes is answered, with unavailable and when
// to try again; the sockets stay open, and afterwards what was sent is stored, once.
func TestEverySendIsAnsweredWhileTheDatabaseIsAway(t *testing.T) {
	cluster := postgrestest.Cluster(t)
	chattest.Migrate(t, cluster.URL())
	var full atomic.Bool
	servers := nodes(t, 2, chattest.Options{DatabaseURL: cluster.URL(), New: func(cfg chat.Config) (*chat.Server, error) {
		cfg.Room = func() error {
			if full.Load() {
				return errors.New("no room")
			}
			return nil
		}
		return chat.With(chat.Tuning{Poll: 100 * time.Millisecond})(cfg)
	}})
	ada := setUp(t, servers[0])
	general := ada.general()
	var sockets []*socket
	for _, s := range servers {
		socket, _ := ada.on(s).open(nil)
		socket.next("resumed")
		sockets = append(sockets, socket)
	}
	signal := func(sig syscall.Signal) { signalAll(t, append(children(t, cluster.Pid()), cluster.Pid()), sig) }
	seq := int64(0)
	for _, away := range []struct {
		how        string
		goes, back func()
	}{
		{"has ended", func() { cluster.Kill(syscall.SIGQUIT); <-cluster.Exited() }, func() { cluster.Restart(t) }},
		{"hangs", func() { signal(syscall.SIGSTOP) }, func() { signal(syscall.SIGCONT) }},
		{"is full", func() {
			full.Store(true)
			time.Sleep(200 * time.Millisecond) // that there is room is good for half of it
		}, func() { full.Store(false) }},
	} {
		var frames []object
		away.goes()
		for _, socket := range sockets {
			frame := sendFrame(general, "while PostgreSQL "+away.how)
			frames = append(frames, frame)
			socket.send(frame)
			socket.send(object{"type": "ping"})
		}
		for i, socket := range sockets {
			for pong, refused := false, false; !pong || !refused; {
				f := socket.next("ack", "error", "pong") // in any order
				if f.Type == "pong" {
					pong = true
					continue
				}
				refused = true
				if f.Type != "error" || f.Code != "unavailable" || f.RetryAfter < 1 || f.ClientID != frames[i]["client_id"] {
					t.Errorf("PostgreSQL %s: %+v", away.how, f)
				}
			}
			socket.alive()
		}
		away.back()
		for i, socket := range sockets {
			sendUntilAcked(t, socket, frames[i])
		}
		seq += int64(len(sockets))
		if list := messagesOf(t, cluster.URL(), general); int64(len(list)) != seq || list[seq-1].Seq != seq {
			t.Errorf("PostgreSQL %s: %d messages are stored, want %d", away.how, len(list), seq)
		}
	}
}

// sendUntilAcked sends a frame over the same socket as often as it must.
func sendUntilAcked(t *testing.T, s *socket, frame object) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); {
		s.send(frame)
		f := s.next("ack", "error")
		if f.ClientID == frame["client_id"] && f.Type == "ack" {
			return
		}
		if f.Code != "unavailable" {
			t.Fatalf("answered with %+v", f)
		}
	}
	t.Fatal("nothing is acknowledged any more")
}
