package chat_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

// Sockets are opened and closed by the thousand, many of them while frames are on the way to them, and no frame ever
// reaches another socket. The library lends out its connections from a pool: a late write would go astray.
//
// SNUG_TEST_SOCKETS says how many; 100000 take some minutes.
func TestFramesNeverReachAStranger(t *testing.T) {
	count := int64(10_000)
	if testing.Short() {
		count = 1000
	}
	if v := os.Getenv("SNUG_TEST_SOCKETS"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			t.Fatalf("SNUG_TEST_SOCKETS=%q: %v", v, err)
		}
		count = n
	}
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	users := ada.crowd(16)
	conversations := make([]uuid.UUID, len(users)) // of each user with ada
	for i, u := range users {
		var direct store.Membership
		ada.call("POST", "/api/dms", object{"user_ids": []uuid.UUID{u.ID}}).want(201).into(&direct)
		conversations[i] = direct.ID
	}

	var next, frames atomic.Int64
	var wait, background sync.WaitGroup
	done := make(chan struct{})
	background.Go(func() { // so that the hub writes to sockets whenever they end
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				ada.send(general, "to all")
				ada.send(conversations[i%len(users)], "to "+users[i%len(users)].Username)
			}
		}
	})
	for _, u := range users {
		wait.Go(func() {
			for n := next.Add(1); n <= count; n = next.Add(1) {
				seen, err := churn(u, n, general.String())
				frames.Add(seen)
				if err != nil {
					t.Errorf("socket %d: %v", n, err)
					return
				}
			}
		})
	}
	wait.Wait()
	close(done)
	background.Wait()
	t.Logf("%d sockets, %d frames", count, frames.Load())
}

// churn opens a socket, asks for frames that carry its number, reads some of them and closes it.
func churn(u user, n int64, general string) (seen int64, err error) {
	s, _, err := u.tryDial()
	if err != nil {
		return 0, err
	}
	greets := rand.IntN(3) > 0
	if greets {
		if err := s.ws.WriteJSON(object{"type": "hello"}); err != nil {
			return 0, err
		}
	}
	mark := fmt.Sprintf("%d/", n)
	asked := 1
	if greets { // who has not said hello is told so once, and closed
		asked = 1 + rand.IntN(4)
	}
	for i := range asked {
		frame := object{"type": "send", "client_id": mark + strconv.Itoa(i), "channel_id": general, "body": "x"}
		if err := s.ws.WriteJSON(frame); err != nil {
			return 0, err
		}
	}
	answers, seqs := 0, map[uuid.UUID]int64{}
	for range rand.IntN(asked + 3) {
		if answers == asked {
			break
		}
		f, err := s.read()
		if err != nil {
			return seen, err
		}
		seen++
		switch {
		case f.Type == "error" && f.ClientID == mark+strconv.Itoa(answers):
			answers++
		case f.Type == "welcome" && greets && strings.Contains(string(f.User), u.ID.String()):
			for _, c := range f.Channels {
				seqs[c.ID] = c.LastSeq
			}
		case f.Type == "message" && greets && u.isNext(f, seqs):
		case greets && (f.Type == "resumed" || f.Type == "presence"):
		default:
			return seen, fmt.Errorf("got a frame that is not its own: %+v", f)
		}
	}
	if rand.IntN(2) == 0 { // with a reset
		_ = s.ws.NetConn().(*net.TCPConn).SetLinger(0)
	}
	return seen, s.ws.Close()
}

// isNext reports whether a message is for the user, and the next of its channel on this socket.
func (u user) isNext(f frame, seqs map[uuid.UUID]int64) bool {
	m := f.message(u.t)
	seqs[m.ChannelID]++
	return m.Seq == seqs[m.ChannelID] && (m.Body == "to all" || m.Body == "to "+u.Username)
}
