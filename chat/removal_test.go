package chat_test

import (
	"fmt"
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

// watcher follows one channel on one socket of a user who is brought in and taken out again and again.
type watcher struct {
	*socket
	channel uuid.UUID
	seq     int64
	ended   chan struct{}
	wrong   error

	mu   sync.Mutex
	in   int // how often the user has come
	out  int // how often the user was taken out
	read int // messages since the user has come
}

// watch reads until the socket ends, or something comes that is not for the user.
func (w *watcher) watch() {
	defer close(w.ended)
	for w.wrong == nil {
		f, err := w.socket.read()
		if err != nil {
			return
		}
		w.take(f)
	}
}

func (w *watcher) take(f frame) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case f.Type == "channel" && f.Removed && f.ChannelID == w.channel:
		w.out++
	case f.Type == "channel" && f.Channel.ID == w.channel && f.Channel.Joined:
		w.in, w.read = w.in+1, 0
		w.seq = f.Channel.LastSeq
	case f.Type == "message":
		m := f.message(w.t)
		switch {
		case w.in != w.out+1 || m.ChannelID != w.channel:
			w.wrong = fmt.Errorf("after %d joins and %d removals: %q", w.in, w.out, m.Body)
		case strings.HasPrefix(m.Body, "out"):
			w.wrong = fmt.Errorf("message %d was sent when the user was out: %q", m.Seq, m.Body)
		case m.Seq != w.seq+1:
			w.wrong = fmt.Errorf("after message %d came %d", w.seq, m.Seq)
		}
		w.seq, w.read = m.Seq, w.read+1
	case (f.ChannelID == w.channel || f.Type == "gap") && w.in != w.out+1:
		w.wrong = fmt.Errorf("after %d joins and %d removals: %+v", w.in, w.out, f)
	}
}

// await waits until the user has come and gone so often, with so many messages in between.
func (w *watcher) await(in, out, read int) {
	w.t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		now := [3]int{w.in, w.out, w.read}
		w.mu.Unlock()
		select {
		case <-w.ended:
			w.t.Fatalf("the socket has ended: %v", w.wrong)
		default:
		}
		if now[0] == in && now[1] == out && now[2] >= read {
			return
		}
		if time.Now().After(deadline) {
			w.t.Fatalf("came, went and read %v, want %v", now, [3]int{in, out, read})
		}
	}
}

// talk sends one message after the other, with the phase in it, until it is stopped; and says to be typing.
func talk(t *testing.T, u user, channel uuid.UUID, phase *atomic.Value) (stop func()) {
	s, _ := u.open(nil)
	s.next("resumed")
	var stopped atomic.Bool
	over := make(chan struct{})
	go func() {
		defer close(over)
		for i := 0; !stopped.Load(); i++ {
			s.send(object{"type": "typing", "channel_id": channel})
			s.send(object{"type": "send", "client_id": uuid.New(), "channel_id": channel, "body": fmt.Sprint(phase.Load(), " ", u.Username, " ", i)})
			for answered := false; !answered; {
				f, err := s.read()
				if answered = f.Type == "ack"; err != nil || f.Type == "error" {
					t.Errorf("%s sends: %+v, %v", u.Username, f, err)
					return
				}
			}
		}
	}()
	return func() { stopped.Store(true); <-over; _ = s.ws.Close() }
}

// After a removal from a private channel nothing of it arrives any more: not one event, on no node, while others write all
// the time, with the cache or without.
func TestNothingArrivesAfterARemoval(t *testing.T) {
	servers := nodes(t, 2, chattest.Options{New: chat.With(chat.Tuning{Poll: 50 * time.Millisecond})})
	ada := setUp(t, servers[0])
	bob, eve := ada.invite("bob"), ada.invite("eve").on(servers[1])
	acquainted(t, ada, eve)
	channel := ada.create("cellar", true).ID
	ada.call("POST", channelPath(channel, "/members"), object{"user_ids": []uuid.UUID{eve.ID}}).want(200)
	var watchers []*watcher
	for _, s := range servers {
		socket, _ := bob.on(s).open(nil)
		socket.next("resumed")
		w := &watcher{socket: socket, channel: channel, ended: make(chan struct{})}
		go w.watch()
		watchers = append(watchers, w)
	}
	var phase atomic.Value
	phase.Store("out")
	defer talk(t, ada, channel, &phase)()
	defer talk(t, eve, channel, &phase)()
	for round := range 30 {
		if round%10 == 5 {
			servers[0].Cache.Stop(t)
		}
		remover := []user{ada, ada.on(servers[1])}[round%2]
		in := fmt.Sprint("in round ", round)
		phase.Store(in)
		settle(t, ada, channel, in) // what was sent with the phase before is stored by now
		remover.call("POST", channelPath(channel, "/members"), object{"user_ids": []uuid.UUID{bob.ID}}).want(200)
		for _, w := range watchers {
			w.await(round+1, round, 3)
		}
		remover.call("DELETE", channelPath(channel, "/members/", bob.ID.String()), nil).want(204)
		phase.Store("out")
		for _, w := range watchers {
			w.await(round+1, round+1, 0)
		}
		if round%10 == 9 {
			servers[0].Cache.Start(t)
		}
	}
	for i, w := range watchers {
		again, welcome := bob.on(servers[i]).open(map[uuid.UUID]int64{channel: 1})
		for _, c := range welcome.Channels {
			if c.ID == channel {
				t.Error("who is out is welcomed to the channel")
			}
		}
		if f := again.next("resumed", "message", "gap", "message_updated"); f.Type != "resumed" {
			t.Errorf("who is out and resumes is sent %+v", f)
		}
		_ = w.ws.Close()
		<-w.ended
		if w.wrong != nil {
			t.Error(w.wrong)
		}
	}
}

// settle returns when a message of the phase is stored of each author.
func settle(t *testing.T, u user, channel uuid.UUID, phase string) {
	t.Helper()
	authors := map[uuid.UUID]bool{}
	for deadline := time.Now().Add(waitLimit); len(authors) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody sends any more")
		}
		var page struct{ Messages []store.Message }
		u.call("GET", channelPath(channel, "/messages?limit=20"), nil).want(200).into(&page)
		for _, m := range page.Messages {
			if strings.HasPrefix(m.Body, phase) {
				authors[m.Author.ID] = true
			}
		}
	}
}

// What is of the moment has no place in a channel's log. Nor does it reach somebody who was taken out by another node, of
// which this one may not have heard yet; and without the cache it does not hear of it at all.
func TestTypingIsNotToldToWhoIsOut(t *testing.T) {
	ada, bob := twoNodes(t)
	eve := ada.invite("eve").on(bob.server)
	channel := ada.create("cellar", true).ID
	ada.call("POST", channelPath(channel, "/members"), object{"user_ids": []uuid.UUID{eve.ID}}).want(200)
	others, _ := ada.on(bob.server).open(nil)
	others.next("resumed")
	for round := range 20 {
		if round == 15 {
			ada.server.Cache.Stop(t)
			defer ada.server.Cache.Start(t)
		}
		ada.on(bob.server).call("POST", channelPath(channel, "/members"), object{"user_ids": []uuid.UUID{bob.ID}}).want(200)
		bobs, _ := bob.open(nil)
		bobs.next("resumed")
		eves, _ := eve.open(nil)
		eves.next("resumed")
		ada.call("DELETE", channelPath(channel, "/members/", bob.ID.String()), nil).want(204)
		eves.send(object{"type": "typing", "channel_id": channel})
		others.next("typing")
		bobs.send(object{"type": "ping"})
		if f := bobs.next("typing", "pong"); f.Type == "typing" {
			t.Fatalf("round %d: who is out is told who types", round)
		}
		_, _ = bobs.ws.Close(), eves.ws.Close()
	}
}
