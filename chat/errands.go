package chat

import (
	"context"
	"sync"
)

// errands is work that goes on after the request that asked for it was answered. It ends with the server.
type errands struct {
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
}

func newErrands() *errands {
	e := &errands{}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// run does something, whose context ends when the server does. Only requests may call it, which end before the server.
func (e *errands) run(do func(context.Context)) { e.wait.Go(func() { do(e.ctx) }) }

// stop ends what is left and waits for it.
func (e *errands) stop() {
	e.cancel()
	e.wait.Wait()
}
