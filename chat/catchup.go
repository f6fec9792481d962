package chat

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"snug/store"
)

// The bounds of catching up.
const (
	replayLimit   = 1000 // messages of a channel that are sent to who missed them; more are told as a gap
	catchupPage   = 200  // messages that are read at once
	catchupAtOnce = 3    // reads at once: the database has others to serve
)

// catchup reads messages that sockets have missed. Those who miss the same are served by one read.
type catchup struct {
	store    *store.Store
	markdown *markdown
	flight   singleflight.Group
	slots    chan struct{}
	left     sync.WaitGroup // reads that nobody waits for any more
}

func newCatchup(s *store.Store, m *markdown) *catchup {
	return &catchup{store: s, markdown: m, slots: make(chan struct{}, catchupAtOnce)}
}

// page is messages that were missed, and up to which seq there are no others.
type page struct {
	span
	runs []encodedRun
}

// fetch returns the first page of the span. It tries until ctx ends, and then reports false.
func (f *catchup) fetch(ctx context.Context, missing span, log *slog.Logger) (page, bool) {
	missing.to = min(missing.to, missing.from+catchupPage-1)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		p, err := f.read(ctx, missing)
		if err == nil {
			return p, true
		}
		if ctx.Err() == nil {
			log.Warn("cannot read missed messages, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return page{}, false
		case <-time.After(pause):
		}
	}
}

// read reads a page. The read itself is not ended with ctx: others may wait for it.
func (f *catchup) read(ctx context.Context, missing span) (page, error) {
	key := fmt.Sprintf("%s %d %d", missing.channel, missing.from, missing.to)
	result := f.flight.DoChan(key, func() (any, error) {
		f.slots <- struct{}{}
		defer func() { <-f.slots }()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		messages, err := f.store.MessagesBetween(ctx, missing.channel, missing.from, missing.to)
		if err != nil {
			return page{}, err
		}
		wire := make([]*wireMessage, len(messages))
		for i := range messages {
			wire[i] = &wireMessage{Message: messages[i]}
		}
		return page{span: missing, runs: f.markdown.runs(wire)}, nil
	})
	select {
	case r := <-result:
		return r.Val.(page), r.Err
	case <-ctx.Done():
		f.left.Go(func() { <-result })
		return page{}, ctx.Err()
	}
}
