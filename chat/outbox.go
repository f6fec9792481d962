package chat

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// outbox is what waits to be written to one connection. Anybody puts in, the connection's writer takes out; putting
// in never waits. When too much waits, the connection is closed as too slow.
type outbox struct {
	limit  int // bytes that may wait
	mu     sync.Mutex
	items  []item
	size   int           // bytes of items
	ending *ending       // nothing is put in any more
	wake   chan struct{} // holds one when there is something to take
}

// item is one thing to write: a frame, or changes, or the beginning of channels' delivery, or the end of one's.
type item struct {
	frame []byte // goes before what else there is
	run   *run
	begin []begin
	end   uuid.UUID
}

// begin says that a channel is delivered from now on: what is above the rev cursor, of which there is up to last. The client
// has the messages up to seq.
type begin struct {
	channel           uuid.UUID
	cursor, last, seq int64
	resumed           bool // the client is told when it has what it missed
}

// ending is how a connection is closed.
type ending struct {
	code   int
	reason string
	last   []byte        // a frame to write before; may be nil
	answer time.Duration // how long the client may take to answer; zero is closeWait
}

func newOutbox(limit int) *outbox { return &outbox{limit: limit, wake: make(chan struct{}, 1)} }

// put adds an item, unless the connection is being closed.
func (o *outbox) put(it item) {
	size := len(it.frame)
	if it.run != nil {
		size = len(it.run.frames)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending != nil {
		return
	}
	if o.size += size; o.size > o.limit {
		o.items, o.ending = nil, &ending{code: closeTooSlow, reason: "reads too slowly; resume where you are"}
	} else {
		o.items = append(o.items, it)
	}
	o.signal()
}

// close lets the writer write what is there, and then end the connection. The first close counts.
func (o *outbox) close(e ending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending == nil {
		o.ending = &e
		o.signal()
	}
}

// closing reports whether the connection is being closed.
func (o *outbox) closing() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ending != nil
}

// take returns what is there, and how to end after it, if so.
func (o *outbox) take() ([]item, *ending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	items := o.items
	o.items, o.size = nil, 0
	return items, o.ending
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
