package chat

import "sync"

// backlogLimit is how many messages may wait for the hub. Beyond it they are let go of: the hub's next look into the
// database finds that they are there.
const backlogLimit = 1 << 16

// backlog is what the writer has stored and the hub has not delivered yet.
type backlog struct {
	mu       sync.Mutex
	messages []*wireMessage
	receipts []receipt
	closed   bool
	wake     chan struct{} // holds one when there is something to deliver
}

// put adds messages and never waits. They are to be taken after [backlog.signal].
func (b *backlog) put(messages []*wireMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) < backlogLimit {
		b.messages = append(b.messages, messages...)
	}
}

// receive adds a receipt, unless the backlog is closed.
func (b *backlog) receive(r receipt) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.receipts = append(b.receipts, r)
	}
	return !b.closed
}

// signal wakes who takes.
func (b *backlog) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns all that is there.
func (b *backlog) take() ([]*wireMessage, []receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages, receipts := b.messages, b.receipts
	b.messages, b.receipts = nil, nil
	return messages, receipts
}

// close lets no more receipts in, and returns those that are there.
func (b *backlog) close() []receipt {
	b.mu.Lock()
	defer b.mu.Unlock()
	receipts := b.receipts
	b.receipts, b.closed = nil, true
	return receipts
}
