package chat_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"

	"snug/store"
)

// history is what was done in a scene, when, and what was answered.
type history struct {
	began time.Time

	mu     sync.Mutex
	sent   map[string]send // by client_id
	reads  []fetch
	writes map[string][]write // by what was written to

	connections, gaps atomic.Int64
}

// send is a message from the first try to the answer.
type send struct {
	draft     object
	call, end int64 // never when end is forever
	seq       int64 // as acknowledged; 0 if it never was
	refused   bool  // and no try can have stored it
}

// fetch is a page of a channel's messages as it was answered.
type fetch struct {
	channel   uuid.UUID
	call, end int64
	after     int64
	messages  []store.Message
	more      bool
}

// write is a change to something of which the last value stays.
type write struct {
	value     string
	call, end int64
	perhaps   bool // it was refused at last, but may have been done before
}

// forever is the end of what may yet be done at any time.
const forever = math.MaxInt64

func newHistory() *history {
	return &history{began: time.Now(), sent: map[string]send{}, writes: map[string][]write{}}
}

func (h *history) now() int64 { return int64(time.Since(h.began)) }

func (h *history) acked(draft object, call, seq int64) {
	h.note(send{draft: draft, call: call, end: h.now(), seq: seq})
}

func (h *history) refused(draft object, call int64, doubt bool) {
	h.note(send{draft: draft, call: call, end: forever, refused: !doubt})
}

func (h *history) note(s send) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sent[s.draft["client_id"].(string)] = s
}

func (h *history) fetched(channel uuid.UUID, call, after int64, messages []store.Message, more bool) {
	end := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads = append(h.reads, fetch{channel, call, end, after, messages, more})
}

func (h *history) wrote(what, value string, call int64, o outcome) {
	if !o.done() && !o.doubt {
		return // refused
	}
	w := write{value: value, call: call, end: h.now(), perhaps: !o.done()}
	if o.doubt {
		w.end = forever
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.writes[what] = append(h.writes[what], w)
}

// mayBe reports whether the value can be the last one: it was written, and nothing else after it. What was not written to
// may be as it was at first.
func (h *history) mayBe(what, value, first string) bool {
	writes := h.writes[what]
	if value == first && !slices.ContainsFunc(writes, func(w write) bool { return !w.perhaps }) {
		return true
	}
	return slices.ContainsFunc(writes, func(w write) bool {
		return w.value == value && !slices.ContainsFunc(writes, func(later write) bool {
			return later.value != value && later.call > w.end && !later.perhaps
		})
	})
}

// logInput is an operation on the log of a channel, in the terms of what the log turned out to be.
type logInput struct {
	send  bool
	seq   int64 // of the message that is sent, in the end; 0 if it was never stored
	known int64 // how many messages there were when it was read; -1: at least floor
	floor int64
}

// logModel is a log to which messages are appended, each once. Its state is how many there are: what the others are is
// known, since nothing that was ever read may change.
var logModel = porcupine.Model{
	Init: func() any { return int64(0) },
	Step: func(state, input, _ any) (bool, any) {
		n, in := state.(int64), input.(logInput)
		switch {
		case in.send && in.seq == 0:
			return true, n
		case in.send:
			return n+1 == in.seq, in.seq
		case in.known < 0:
			return n >= in.floor, n
		}
		return n == in.known, n
	},
	DescribeOperation: func(input, _ any) string { return fmt.Sprintf("%+v", input) },
}

// checkLog wants all that was sent to a channel and read of it to be explained by one order in which each was done at one
// moment between its begin and its end. Stored are the messages of the channel as they are at last, by seq.
func (h *history) checkLog(channel uuid.UUID, stored []store.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	seqs := map[string]int64{}
	for _, m := range stored {
		seqs[m.ClientID.String()] = m.Seq
	}
	var operations []porcupine.Operation
	for id, s := range h.sent {
		if s.draft["channel_id"] == channel {
			operations = append(operations, porcupine.Operation{Input: logInput{send: true, seq: seqs[id]}, Call: s.call, Return: s.end})
		}
	}
	for _, r := range h.reads {
		if r.channel != channel {
			continue
		}
		in, err := r.input(stored)
		if err != nil {
			return err
		}
		operations = append(operations, porcupine.Operation{Input: in, Call: r.call, Return: r.end})
	}
	slices.SortFunc(operations, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	if result := porcupine.CheckOperationsTimeout(logModel, operations, 10*time.Second); result != porcupine.Ok {
		return fmt.Errorf("porcupine: the log of %d operations is %s", len(operations), result)
	}
	return nil
}

// input is what a page says of the log. What it shows must be what is there at last, at those places.
func (r fetch) input(stored []store.Message) (logInput, error) {
	for i, m := range r.messages {
		if at := r.after + int64(i) + 1; m.Seq != at || at > int64(len(stored)) || stored[at-1].ClientID != m.ClientID {
			return logInput{}, fmt.Errorf("a page after %d had seq %d as %s", r.after, m.Seq, m.ClientID)
		}
	}
	end := r.after + int64(len(r.messages))
	switch {
	case r.more:
		return logInput{known: -1, floor: end + 1}, nil
	case len(r.messages) == 0: // nothing above it: there may be fewer
		return logInput{known: -1}, nil
	}
	return logInput{known: end}, nil
}

// summary says how much was done.
func (h *history) summary() string {
	acked, refused, writes, doubtful := 0, 0, 0, 0
	for _, s := range h.sent {
		switch {
		case s.seq != 0:
			acked++
		case s.refused:
			refused++
		}
	}
	for _, list := range h.writes {
		for _, w := range list {
			if writes++; w.end == forever {
				doubtful++
			}
		}
	}
	return fmt.Sprintf("%d messages acknowledged, %d refused; %d changes, %d of them in doubt; %d pages; %d connections, %d gaps",
		acked, refused, writes, doubtful, len(h.reads), h.connections.Load(), h.gaps.Load())
}
