package chat

import (
	"sync"
	"time"

	"github.com/google/uuid"
)

// outbox is what waits to be written to one connection. Anybody puts in, the connection's turn takes out; putting in never
// waits. When too much waits, the connection is closed as too slow.
type outbox struct {
	limit  int    // bytes that may wait
	due    func() // is told when there is something to take, and no turn that will
	mu     sync.Mutex
	items  []item
	spare  []item  // for the next items
	size   int     // bytes of items
	ending *ending // nothing is put in any more
	turn   bool    // is due or under way
}

// item is one thing to write: changes of a channel, or something else.
type item struct {
	run *run
	*parcel
}

// parcel is what there is beside changes: a frame, or a page that was fetched, or the beginning of channels' delivery, or
// the end of one's.
type parcel struct {
	frame []byte // goes before what else there is
	page  *page
	begin []begin
	end   uuid.UUID
}

func frameItem(frame []byte) item { return item{parcel: &parcel{frame: frame}} }

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

// put adds an item, unless the connection is being closed.
func (o *outbox) put(it item) {
	if o.add(it) {
		o.due()
	}
}

// add is put by somebody who sees to the turn himself, if add reports that one is due.
func (o *outbox) add(it item) (due bool) {
	size := 0
	if it.run != nil {
		size = len(it.run.frames)
	}
	if it.parcel != nil {
		size += len(it.frame)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending != nil {
		return false
	}
	if o.size += size; o.size > o.limit {
		o.items, o.ending = nil, &ending{code: closeTooSlow, reason: "reads too slowly; resume where you are"}
	} else {
		o.items = append(o.items, it)
	}
	return o.begin()
}

// begin reports whether there is no turn, and notes that there is one.
func (o *outbox) begin() (due bool) {
	due, o.turn = !o.turn, true
	return due
}

// close lets the turn write what is there, and then end the connection. The first close counts.
func (o *outbox) close(e ending) {
	o.mu.Lock()
	due := o.ending == nil
	if due {
		o.ending = &e
		due = o.begin()
	}
	o.mu.Unlock()
	if due {
		o.due()
	}
}

// abandon drops what is there and what comes: the connection is broken.
func (o *outbox) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.items, o.spare, o.ending = nil, nil, &ending{code: closeNormal}
}

// closing reports whether the connection is being closed.
func (o *outbox) closing() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ending != nil
}

// take returns what is there, and how to end after it, if so. It is for the turn alone.
func (o *outbox) take() ([]item, *ending) {
	o.mu.Lock()
	defer o.mu.Unlock()
	items := o.items
	o.items, o.spare, o.size = o.spare, nil, 0
	return items, o.ending
}

// keptItems is for how many items room is kept.
const keptItems = 4

// rest ends the turn that has dealt with what it took, unless there is more: then it goes on.
func (o *outbox) rest(taken []item) (over bool) {
	clear(taken)
	o.mu.Lock()
	defer o.mu.Unlock()
	if cap(taken) <= keptItems && o.items == nil {
		o.items = taken[:0]
	} else if cap(taken) <= keptItems {
		o.spare = taken[:0]
	}
	if len(o.items) == 0 && o.ending == nil {
		o.turn = false
	}
	return !o.turn
}
