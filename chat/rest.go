package chat

import (
	"context"
	"runtime/debug"
	"time"
)

// rest gives memory back to the system when a flood is over. A server at rest collects no garbage, and would keep what one
// login took, or what it took to tell everybody of everybody who came back after a restart: more than all else that it has.
type rest struct {
	used chan struct{} // holds a token while there is memory to give back
}

// restAfter is how long after the last of a flood its memory is given back: a next one may follow soon.
const restAfter = 5 * time.Second

func newRest() *rest { return &rest{used: make(chan struct{}, 1)} }

// later notes that there will be memory to give back.
func (r *rest) later() {
	select {
	case r.used <- struct{}{}:
	default:
	}
}

// giveBack gives it back until ctx ends.
func (r *rest) giveBack(ctx context.Context) error {
	due := time.NewTimer(restAfter)
	defer due.Stop()
	due.Stop()
	for {
		select {
		case <-r.used:
			due.Reset(restAfter)
		case <-due.C:
			debug.FreeOSMemory()
		case <-ctx.Done():
			return nil
		}
	}
}
