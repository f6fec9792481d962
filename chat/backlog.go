package chat

import "sync"

// backlogLimit is how many messages may wait for the hub. Beyond it they are let go of: the hub's next look into the
// database finds that they are there.
const backlogLimit = 1 << 16

// backlog is what the writer has stored and the hub has not delivered yet.
type backlog struct {
	mu       sync.Mutex
	messages []*wireMessage
	wake     chan struct{} // holds one when there are messages
}

// put adds messages and never waits.
func (b *backlog) put(messages []*wireMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.messages) < backlogLimit {
		b.messages = append(b.messages, messages...)
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take returns all that is there.
func (b *backlog) take() []*wireMessage {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages := b.messages
	b.messages = nil
	return messages
}
