package chat

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// parts runs the goroutines that a server consists of, from Serve to the end of the drain.
type parts struct {
	ctx    context.Context // outlives the one of Serve: the drain still needs the parts
	cancel context.CancelFunc
	wait   sync.WaitGroup
	failed chan error // gets the first part's end that nobody asked for
	mu     sync.Mutex
	errs   []error // of parts that ended badly after stop
}

func newParts(ctx context.Context) *parts {
	p := &parts{failed: make(chan error, 1)}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return p
}

// run starts a part, which is to end when its context does, and not before.
func (p *parts) run(name string, part func(context.Context) error) {
	p.wait.Go(func() {
		err := part(p.ctx)
		switch {
		case p.ctx.Err() == nil:
			err = fmt.Errorf("%s ended: %w", name, errors.Join(err, errUnexpectedEnd))
			select {
			case p.failed <- err:
			default:
			}
		case err != nil:
			p.mu.Lock()
			defer p.mu.Unlock()
			p.errs = append(p.errs, fmt.Errorf("end %s: %w", name, err))
		}
	})
}

var errUnexpectedEnd = errors.New("it should have gone on")

// stop ends the parts and waits for them.
func (p *parts) stop() error {
	p.cancel()
	p.wait.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := p.errs
	p.errs = nil
	return errors.Join(errs...)
}
