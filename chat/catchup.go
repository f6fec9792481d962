package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"snug/store"
)

// catchupAtOnce is how many reads of what was missed there are at once: the database has others to serve.
const catchupAtOnce = 3

// catchup reads what sockets have missed. Those who miss the same are served by one read.
type catchup struct {
	store    *store.Store
	markdown *markdown
	replay   int // see tuning
	pageSize int
	flight   singleflight.Group
	slots    chan struct{}
	left     sync.WaitGroup // reads that nobody waits for any more
}

func newCatchup(s *store.Store, m *markdown, t tuning) *catchup {
	return &catchup{store: s, markdown: m, replay: t.replay, pageSize: t.page, slots: make(chan struct{}, catchupAtOnce)}
}

// page is what was missed of a span, or of the beginning of it.
type page struct {
	store.Span
	lastSeq  int64
	messages *run               // new ones, by seq; nil when there are none
	others   []byte             // frames of the changes of older ones, of gaps, of who came and went, and of the channel
	left     map[uuid.UUID]bool // who was out by rev
	rev      int64              // the end of what was asked for, of which the page may be only the beginning
}

// fetch returns the first page of the span. It tries until ctx ends, and then reports false.
func (f *catchup) fetch(ctx context.Context, missing store.Span, log *slog.Logger) (page, bool) {
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
func (f *catchup) read(ctx context.Context, missing store.Span) (page, error) {
	result := f.flight.DoChan(fmt.Sprint(missing), func() (any, error) {
		f.slots <- struct{}{}
		defer func() { <-f.slots }()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		missed, err := f.store.Missed(ctx, missing, f.pageSize)
		if err != nil {
			return page{}, err
		}
		return f.page(missing, missed), nil
	})
	select {
	case r := <-result:
		return r.Val.(page), r.Err
	case <-ctx.Done():
		f.left.Go(func() { <-result })
		return page{}, ctx.Err()
	}
}

// page makes the frames of what was missed. Of too many new messages it tells the gap, and of too many older ones that were
// changed that all from the first of the rest on are to be fetched anew.
func (f *catchup) page(missing store.Span, missed store.Missed) page {
	p := page{Span: missing, lastSeq: missed.LastSeq, left: map[uuid.UUID]bool{}, rev: missing.To}
	switch n := len(missed.Messages); {
	case missed.LastSeq-missing.AfterSeq > int64(f.replay):
		p.gap(missing.AfterSeq+1, missed.LastSeq)
	case n > 0:
		p.messages = f.run(missed.Messages)
		if last := missed.Messages[n-1]; last.Seq < missed.LastSeq {
			p.To, p.lastSeq = last.CreatedRev, last.Seq
		}
	}
	for i, m := range missed.Changed {
		if i == f.pageSize-1 {
			p.gap(m.Seq, missing.AfterSeq)
			break
		}
		p.others = appendFrame(p.others, f.markdown.later(&wireMessage{Message: m}))
	}
	p.tellMoves(missed)
	return p
}

// tellMoves makes the frames of who has come and gone, and of what the channel is now.
func (p *page) tellMoves(missed store.Missed) {
	for _, user := range missed.Left {
		p.left[user.ID] = true
		p.tell(memberFrame{Type: "member", ChannelID: p.ChannelID, User: user, Left: true})
	}
	for _, user := range missed.Joined {
		p.tell(memberFrame{Type: "member", ChannelID: p.ChannelID, User: user})
	}
	if missed.State != nil {
		p.tell(stateFrame{Type: "channel", Channel: *missed.State})
	}
}

func (p *page) tell(frame any) { p.others = append(p.others, encodeFrame(frame)...) }

func (p *page) gap(from, to int64) {
	p.tell(gapFrame{Type: "gap", ChannelID: p.ChannelID, From: from, To: to})
}

// run makes a run of messages by their seqs, which are without a gap as their revs are not.
func (f *catchup) run(messages []store.Message) *run {
	encoded := make([]json.RawMessage, len(messages))
	for i := range messages {
		encoded[i] = (&wireMessage{Message: messages[i]}).encode(f.markdown)
	}
	return newRun(messages[0].ChannelID, messages[0].Seq, messages[0].Seq, encoded)
}
