package chat_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"snug/chat"
	"snug/chat/chattest"
)

// Whatever is tried and when: in no stretch of time is more allowed than the rate says, and who has waited is allowed.
func TestRatesAreKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const burst, perSecond = 5, 2
		r, now := chat.NewRates(burst, perSecond), time.Unix(0, 0)
		users := []uuid.UUID{uuid.New(), uuid.New()}
		allowed := map[uuid.UUID][]time.Time{}
		for range rapid.IntRange(1, 100).Draw(t, "tries") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "pause")) * time.Millisecond)
			user := rapid.SampledFrom(users).Draw(t, "user")
			ok, before := r.Take(user, now), allowed[user]
			if !ok && (len(before) < burst || now.Sub(before[len(before)-1]) > time.Second/perSecond) {
				t.Fatalf("refused at %v, after %v", now, before)
			}
			if ok {
				allowed[user] = append(before, now)
			}
		}
		for _, times := range allowed {
			for i := range times {
				for j := i; j < len(times); j++ {
					if n, most := j-i+1, burst+perSecond*times[j].Sub(times[i]).Seconds(); float64(n) > most+1e-6 {
						t.Fatalf("%d allowed in %v", n, times[j].Sub(times[i]))
					}
				}
			}
		}
	})
}

// A client that sends without end is told to wait, and then cut off; it gets through no more over two nodes than over one;
// and others are served all the while.
func TestAFloodIsHeldBackAndOthersAreServed(t *testing.T) {
	const sends = 1000
	servers := nodes(t, 2, chattest.Options{New: chat.With(chat.Tuning{Sends: sends})})
	ada := setUp(t, servers[0])
	bob, general := ada.invite("bob"), ada.general()
	began := time.Now()
	var acked, told atomic.Int64
	var floods sync.WaitGroup
	for i := range 4 {
		s, _ := bob.on(servers[i%2]).open(nil)
		s.next("resumed")
		floods.Go(func() { flood(t, s, general, &acked, &told) })
	}
	adas, _ := ada.open(nil)
	adas.next("resumed")
	for i := range 50 {
		adas.send(sendFrame(general, fmt.Sprint("not held up ", i)))
		if f := adas.next("ack", "error"); f.Type != "ack" {
			t.Fatalf("ada is answered %+v", f)
		}
	}
	floods.Wait()
	if most := int64(sends+2*chat.FreeSends) + int64(40*time.Since(began).Seconds()) + 40; acked.Load() > most || acked.Load() < sends {
		t.Errorf("%d messages of the flood were stored, the limit is %d", acked.Load(), most)
	}
	if told.Load() == 0 {
		t.Error("nobody was told to wait")
	}
	for _, s := range servers {
		for more := 0; ; more++ { // a few are free again
			a := bob.on(s).call("POST", channelPath(general, "/messages"), object{"client_id": uuid.New(), "body": "more"})
			if a.status == 429 {
				a.refused(429, "rate_limited")
				break
			}
			if a.want(201); more > 500 {
				t.Fatal("over HTTP the flood goes on")
			}
		}
		ada.on(s).send(general, "as ever")
	}
}

// flood sends without waiting until the socket is closed, with 4429.
func flood(t *testing.T, s *socket, channel uuid.UUID, acked, told *atomic.Int64) {
	go func() {
		for range 5000 {
			if s.ws.WriteJSON(sendFrame(channel, "flood")) != nil {
				return
			}
		}
	}()
	for {
		f, err := s.read()
		switch {
		case err != nil:
			wantClosed(t, err, 4429)
			return
		case f.Type == "ack":
			acked.Add(1)
		case f.Type == "error" && (f.Code != "rate_limited" || f.RetryAfter < 1 || f.ClientID == ""):
			t.Errorf("the flood is answered %+v", f)
		case f.Type == "error":
			told.Add(1)
		}
	}
}

func wantClosed(t *testing.T, err error, code int) {
	t.Helper()
	if !websocket.IsCloseError(err, code) {
		t.Errorf("ended with %v, want %d", err, code)
	}
}

func TestNobodyHasTooManySockets(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Sockets: 3})})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	var open []*socket
	for range 3 {
		socket, _ := bob.open(nil)
		open = append(open, socket)
	}
	if code := bob.dial().closed(); code != 4429 {
		t.Errorf("one too many is closed with %d", code)
	}
	for _, socket := range open {
		socket.alive()
	}
	adas, _ := ada.open(nil)
	adas.alive()
	_ = open[0].ws.Close()
	for deadline := time.Now().Add(waitLimit); ; {
		socket := bob.dial()
		socket.send(object{"type": "hello"})
		if f, err := socket.read(); err == nil && f.Type == "welcome" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody gets the place of a socket that is closed")
		}
	}
}

func TestChannelsAndInvitesAreNotMadeWithoutEnd(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	exhaust(t, s, "channels", ada.ID.String())
	exhaust(t, s, "invites", ada.ID.String())
	ada.call("POST", "/api/channels", object{"name": "more"}).refused(429, "rate_limited")
	ada.call("POST", "/api/dms", object{"user_ids": []uuid.UUID{bob.ID}}).refused(429, "rate_limited")
	ada.call("POST", "/api/invites", object{}).refused(429, "rate_limited")
	bob.create("more", false)
}
