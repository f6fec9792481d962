package chat

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/store"
	"snug/store/cache"
)

// runHub runs a hub without a cache until the test ends.
func runHub(t *testing.T) *hub {
	t.Helper()
	client, err := cache.Open("unix://" + t.TempDir() + "/none.sock")
	if err != nil {
		t.Fatal(err)
	}
	tuning := defaultTuning()
	tuning.poll = time.Hour
	h := newHub(hubConfig{Node: uuid.New(), Cache: client, Tuning: tuning, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

// unread makes a socket one that never has its turn.
func unread(c *conn, limit int) *conn {
	c.out.limit = limit
	c.out.begin()
	return c
}

// A message that is stored after a socket's channels were read, and handed on before the socket is known to the hub, is
// one that the socket has missed.
func TestWelcomeKnowsOfMessagesThatTheDatabaseReadDidNot(t *testing.T) {
	h, channel := runHub(t), uuid.New()
	h.committed([]store.Message{{ChannelID: channel, Seq: 5, CreatedRev: 5, Rev: 5}}, nil)
	h.answered()
	for seen := int64(0); seen < 5; {
		h.do(func() { seen = h.channel(channel).head })
	}
	c := unread(&conn{channels: map[uuid.UUID]int64{}}, 1<<20)
	h.welcome(c, welcomeFrame{Channels: []store.Membership{{Channel: store.Channel{ID: channel, LastSeq: 4, LastRev: 4}}}}, nil)
	items, _ := c.out.take()
	if got := items[0].begin; len(got) != 1 || got[0] != (begin{channel: channel, cursor: 4, last: 5, seq: 4, resumed: true}) {
		t.Errorf("the delivery begins with %+v", got)
	}
}

// A login can end while its next socket is on the way from the check of the token to the hub.
func TestASocketOfALoginThatHasJustEndedIsClosed(t *testing.T) {
	h := runHub(t)
	login := identity{Session: store.Session{ID: uuid.New()}}
	h.endSession(login.Session.ID)
	late, other := unread(&conn{who: login}, 1), unread(&conn{}, 1)
	if !h.enter(late) || !h.enter(other) {
		t.Fatal("the hub is ending")
	}
	if _, end := late.out.take(); end == nil || end.code != closeUnauthenticated {
		t.Errorf("the socket goes on: %+v", end)
	}
	if other.out.closing() {
		t.Error("another login's socket is closed")
	}
}

// Word of who has come and who has gone may come late, in another order and twice. What counts is the rev.
func TestLateWordOfAMove(t *testing.T) {
	h, channel, user := runHub(t), uuid.New(), uuid.New()
	c := unread(&conn{channels: map[uuid.UUID]int64{}, who: identity{User: store.User{ID: user}}}, 1<<20)
	if !h.enter(c) {
		t.Fatal("the hub is ending")
	}
	h.welcome(c, welcomeFrame{}, nil)
	joined := func(rev int64) {
		h.joined(store.Change{ChannelID: channel, Rev: rev}, store.Membership{Channel: store.Channel{ID: channel}}, user, memberFrame{})
	}
	left := func(rev int64) { h.left(store.Change{ChannelID: channel, Rev: rev}, user, memberFrame{}) }
	for i, step := range []struct {
		what func(int64)
		rev  int64
		in   bool
	}{
		{joined, 1, true}, {left, 2, false}, {joined, 1, false}, {left, 2, false}, {joined, 5, true}, {left, 2, true},
		{left, 6, false}, {joined, 5, false}, {joined, 7, true}, {func(rev int64) { h.forget(c, channel, rev) }, 6, true},
		{func(rev int64) { h.forget(c, channel, rev) }, 8, false}, {joined, 7, false}, {joined, 9, true},
		{func(int64) { h.deleted(channel) }, 0, false},
	} {
		step.what(step.rev)
		var in, listed bool
		h.do(func() { _, listed = c.channels[channel]; in = h.channel(channel).conns[c] })
		if in != step.in || listed != step.in {
			t.Errorf("after step %d the user is in the channel: %v (%v), want %v", i, in, listed, step.in)
		}
	}
	// Whoever says hello at that moment has read the memberships as they were before.
	joined(10)
	left(11)
	late := unread(&conn{channels: map[uuid.UUID]int64{}, who: c.who}, 1<<20)
	h.welcome(late, welcomeFrame{Channels: []store.Membership{{Channel: store.Channel{ID: channel, LastRev: 10}}}}, nil)
	if items, _ := late.out.take(); len(late.channels) != 0 || strings.Contains(string(items[0].frame), channel.String()) {
		t.Errorf("who has left is welcomed to %v: %s", late.channels, items[0].frame)
	}
}
