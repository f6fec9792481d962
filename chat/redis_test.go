package chat_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
)

// Guesses at one node count at the other.
func TestLimitsHoldRightAcrossNodes(t *testing.T) {
	onEveryCache(t, func(t *testing.T, c *chattest.Cache) {
		servers := nodes(t, 2, chattest.Options{Cache: c})
		setUp(t, servers[0])
		for i := range chat.LoginLimit {
			guess(t, servers[i%2], "ada").refused(401, "unauthenticated")
		}
		for _, s := range servers {
			guess(t, s, "ada").refused(429, "rate_limited")
		}
	})
}

func guess(t *testing.T, s *chattest.Server, name string) answer {
	t.Helper()
	return call(t, "POST", s.URL+"/api/auth/login", object{"username": name, "password": "not the right one"})
}

// awaitSharedLimits waits until guesses at one node count at the other again.
func awaitSharedLimits(t *testing.T, servers []*chattest.Server) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); ; {
		name := "n" + uuid.NewString()[:8]
		for i := range chat.LoginLimit {
			guess(t, servers[i%2], name)
		}
		if guess(t, servers[0], name).status == 429 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("guesses at one node do not count at the other")
		}
	}
}

// While Redis is killed, or hangs, chat goes on: what is sent at one node is found by the other in the database, in order,
// and logins that end do so everywhere, as soon as each node looks. When Redis is back, with nothing in it, so is all else.
func TestRedisGoesAndComesBack(t *testing.T) {
	for _, how := range []string{"killed", "hangs"} {
		t.Run(how, func(t *testing.T) {
			redis := chattest.StartRedis(t)
			servers := nodes(t, 2, chattest.Options{Cache: redis, New: chat.With(chat.Tuning{
				Poll: 100 * time.Millisecond, Sessions: 100 * time.Millisecond, PresenceGrace: time.Millisecond,
			})})
			ada := setUp(t, servers[0])
			bob, eve := ada.invite("bob").on(servers[1]), ada.invite("eve")
			acquainted(t, ada, bob)
			bobs, _ := bob.open(nil)
			bobs.next("resumed")

			if how == "killed" {
				redis.Stop(t)
			} else {
				redis.Signal(syscall.SIGSTOP)
			}
			goesOnWithout(t, ada, bob, bobs)
			eves, _ := eve.open(nil) // who comes while nobody can be told
			eves.next("resumed")
			if how == "killed" {
				redis.Start(t)
			} else {
				redis.Signal(syscall.SIGCONT)
			}
			awaitOnline(t, bob, eve)
			awaitSharedLimits(t, servers)
			awaitTyping(t, eves, bobs, ada.general())
		})
	}
}

// goesOnWithout wants messages, logins and logouts to work on both nodes while they cannot tell each other.
func goesOnWithout(t *testing.T, ada, bob user, bobs *socket) {
	t.Helper()
	general := ada.general()
	for i := range int64(20) {
		from := []user{ada, ada.on(bob.server)}[i%2]
		from.send(general, fmt.Sprint("without ", i))
		if m := bobs.next("message", "gap").message(t); m.Seq != i+1 {
			t.Fatalf("on the other node: seq %d, want %d", m.Seq, i+1)
		}
	}
	begin := time.Now()
	again := bob.login(password) // on the one node, and out on the other
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("a login takes %v", took)
	}
	there, _ := again.on(bob.server).open(nil)
	there.next("resumed")
	again.on(ada.server).call("POST", "/api/auth/logout", nil).want(204)
	if code := there.closed(); code != 4401 {
		t.Errorf("after a logout on the other node, closed with %d", code)
	}
}

// awaitOnline waits until one user, who comes anew, is told that another is online.
func awaitOnline(t *testing.T, u, other user) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(20 * time.Millisecond) {
		s, welcome := u.open(nil)
		_ = s.ws.Close()
		if strings.Contains(string(welcome.Online), other.ID.String()) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not seen online: %s", other.Username, welcome.Online)
		}
	}
}

// awaitTyping waits until one socket is told that the user of another types.
func awaitTyping(t *testing.T, from, to *socket, channel uuid.UUID) {
	t.Helper()
	told := make(chan struct{})
	go func() {
		defer close(told)
		to.next("typing")
	}()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(100 * time.Millisecond) {
		from.send(object{"type": "typing", "channel_id": channel})
		select {
		case <-told:
			return
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody is told who types")
		}
	}
}
