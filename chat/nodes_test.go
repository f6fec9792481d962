package chat_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
)

// onEveryCache runs a test with the embedded cache and with Debian's Redis.
func onEveryCache(t *testing.T, test func(t *testing.T, c *chattest.Cache)) {
	t.Run("embedded", func(t *testing.T) { test(t, chattest.StartCache(t)) })
	t.Run("redis", func(t *testing.T) { test(t, chattest.StartRedis(t)) })
}

// acquainted waits until two nodes have heard of each other.
func acquainted(t *testing.T, a, b user) {
	t.Helper()
	for _, pair := range [][2]user{{a, b}, {b, a}} {
		here, _ := pair[0].open(nil)
		for deadline := time.Now().Add(waitLimit); ; {
			there, welcome := pair[1].open(nil)
			_ = there.ws.Close()
			if strings.Contains(string(welcome.Online), pair[0].ID.String()) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is not seen online from the other node: %s", pair[0].Username, welcome.Online)
			}
		}
		_ = here.ws.Close()
	}
}

// twoNodes starts two servers that have heard of each other, with ada on the one and bob on the other. Their next look
// for missed messages is long away: what is told comes through the cache.
func twoNodes(t *testing.T) (ada, bob user) {
	t.Helper()
	return twoNodesOn(t, chattest.StartCache(t))
}

func twoNodesOn(t *testing.T, c *chattest.Cache) (ada, bob user) {
	t.Helper()
	servers := nodes(t, 2, chattest.Options{Cache: c, New: chat.With(chat.Tuning{Poll: time.Hour, PresenceGrace: time.Millisecond})})
	ada = setUp(t, servers[0])
	bob = ada.invite("bob").on(servers[1])
	acquainted(t, ada, bob)
	return ada, bob
}

func TestTwoNodesShowOneOrder(t *testing.T) { onEveryCache(t, showOneOrder) }

func showOneOrder(t *testing.T, c *chattest.Cache) {
	ada, bob := twoNodesOn(t, c)
	general := ada.general()
	adas, _ := ada.open(nil)
	bobs, _ := bob.open(nil)
	const each = 40
	var wait sync.WaitGroup
	for _, u := range []user{ada, bob} {
		wait.Go(func() {
			for i := range each {
				u.send(general, fmt.Sprint(u.Username, " ", i))
			}
		})
	}
	var orders [2][]uuid.UUID
	for i, socket := range []*socket{adas, bobs} {
		for seq := int64(1); seq <= 2*each; seq++ {
			m := socket.next("message").message(t)
			if m.Seq != seq {
				t.Fatalf("node %d: seq %d came as number %d", i, m.Seq, seq)
			}
			orders[i] = append(orders[i], m.ID)
		}
	}
	wait.Wait()
	if fmt.Sprint(orders[0]) != fmt.Sprint(orders[1]) {
		t.Error("the nodes show different orders")
	}
}

func TestTwoNodesTellEachOtherWhatHappens(t *testing.T) { onEveryCache(t, tellEachOther) }

func tellEachOther(t *testing.T, c *chattest.Cache) {
	ada, bob := twoNodesOn(t, c)
	general := ada.general()
	adas, _ := ada.open(nil)
	bobs, _ := bob.open(nil)
	bobs.next("resumed")

	bobs.send(object{"type": "typing", "channel_id": general})
	if f := adas.next("typing"); f.UserID != bob.ID {
		t.Errorf("typing on the other node: %+v", f)
	}
	ada.send(general, "read this")
	elsewhere, _ := bob.on(ada.server).open(nil)
	bobs.send(object{"type": "read", "channel_id": general, "seq": 1})
	if f := elsewhere.next("read"); f.Seq != 1 {
		t.Errorf("read on the other node: %+v", f)
	}
	_ = elsewhere.ws.Close()
	eve := ada.invite("eve")
	if f := bobs.next("member"); !strings.Contains(string(f.User), eve.ID.String()) {
		t.Errorf("a member who joined on the other node: %+v", f)
	}
	bob.on(ada.server).call("POST", "/api/auth/logout", nil).want(204)
	if code := bobs.closed(); code != 4401 {
		t.Errorf("after a logout on the other node, closed with %d", code)
	}
	for f := adas.next("presence"); f.UserID != bob.ID || string(f.Online) != "false"; f = adas.next("presence") {
	}
}

// The users of a node that ends, and says so, are away at once.
func TestANodeThatEndsTakesItsUsersAlong(t *testing.T) { onEveryCache(t, endsWithItsUsers) }

func endsWithItsUsers(t *testing.T, c *chattest.Cache) {
	servers := nodes(t, 2, chattest.Options{Cache: c, New: chat.With(chat.Tuning{PresenceGrace: time.Millisecond})})
	ada := setUp(t, servers[0])
	bob := ada.invite("bob").on(servers[1])
	acquainted(t, ada, bob)
	adas, _ := ada.open(nil)
	adas.next("resumed")
	eve := ada.invite("eve").on(servers[1])
	eve.open(nil)
	for f := adas.next("presence"); f.UserID != eve.ID || string(f.Online) != "true"; f = adas.next("presence") {
	}
	if err := servers[1].Stop(); err != nil {
		t.Error(err)
	}
	for f := adas.next("presence"); f.UserID != eve.ID || string(f.Online) != "false"; f = adas.next("presence") {
	}
}

func TestWithoutTheCacheEachNodeGoesOn(t *testing.T) { onEveryCache(t, goOnWithoutTheCache) }

func goOnWithoutTheCache(t *testing.T, c *chattest.Cache) {
	servers := nodes(t, 2, chattest.Options{Cache: c})
	ada := setUp(t, servers[0])
	bob := ada.invite("bob").on(servers[1])
	general := ada.general()
	acquainted(t, ada, bob)
	adas, _ := ada.open(nil)
	bobs, _ := bob.open(nil)
	servers[0].Cache.Stop(t)
	for i := range 20 {
		ada.send(general, fmt.Sprint("without ", i))
		if m := adas.next("message").message(t); m.Seq != int64(i+1) {
			t.Fatalf("own node: seq %d", m.Seq)
		}
	}
	for i := range 20 { // found by looking
		if m := bobs.next("message").message(t); m.Seq != int64(i+1) {
			t.Fatalf("other node: seq %d", m.Seq)
		}
	}
	call(t, "POST", servers[0].URL+"/api/auth/login", object{"username": "ada", "password": password}).want(200)
	servers[0].Cache.Start(t)
	ada.send(general, "with")
	bobs.next("message")
}

// Somebody who comes is told of a message that nobody told this node of. So are those who are there already, and not only
// when it is looked for.
func TestWhoComesBringsNewsToThoseWhoAreThere(t *testing.T) {
	ada, bob := twoNodes(t)
	general := ada.general()
	eve := ada.invite("eve").on(bob.server)
	bobs, _ := bob.open(nil)
	bobs.next("resumed")
	ada.server.Cache.Stop(t)
	defer ada.server.Cache.Start(t)
	sent := ada.send(general, "lost on the way")
	eve.open(nil)
	if m := bobs.next("message").message(t); m.ID != sent.ID {
		t.Errorf("got %+v", m)
	}
}
