package chat

import (
	"context"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// rest tells floods from rest: what many want at once is done at more cost in memory and later for what can wait, and when it is
// over, memory is given back to the system. A server at rest collects no garbage, and would keep what one login took, or what it
// took to tell everybody of everybody who came back after a restart: more than all else that it has.
type rest struct {
	memory  Memory
	flooded atomic.Bool   // a flood is under way
	floods  chan struct{} // holds a token while one has been seen and not been taken note of
	used    chan struct{} // holds a token while there is memory to give back
}

// restAfter is how long after the last of a flood its memory is given back: a next one may follow soon.
const restAfter = 5 * time.Second

// floodSize is how many messages in one commit are a flood.
const floodSize = 32

// Memory is how this process deals with its memory, which is one for all that runs in it. Any of it may be nil.
type Memory struct {
	Flood func() // many write at once: time counts for more than memory
	Rest  func() // nothing of that kind has happened for some seconds: what is not needed can be given back
}

func newRest(m Memory) *rest {
	if m.Flood == nil {
		m.Flood = func() {}
	}
	if m.Rest == nil {
		m.Rest = debug.FreeOSMemory
	}
	return &rest{memory: m, floods: make(chan struct{}, 1), used: make(chan struct{}, 1)}
}

// later notes that there will be memory to give back.
func (r *rest) later() { note(r.used) }

// stored notes that so many messages were stored at once.
func (r *rest) stored(messages int) {
	if messages >= floodSize {
		note(r.floods)
	}
}

func note(tokens chan<- struct{}) {
	select {
	case tokens <- struct{}{}:
	default:
	}
}

// watch tells of floods, and gives memory back after them, until ctx ends.
func (r *rest) watch(ctx context.Context) error {
	due := time.NewTimer(restAfter)
	defer due.Stop()
	due.Stop()
	for {
		select {
		case <-r.floods:
			if !r.flooded.Swap(true) {
				r.memory.Flood()
			}
			due.Reset(restAfter)
		case <-r.used:
			due.Reset(restAfter)
		case <-due.C:
			r.flooded.Store(false)
			r.memory.Rest()
		case <-ctx.Done():
			return nil
		}
	}
}
