package chat

import (
	"context"
	"sync"
	"time"
)

// workQueue is how many of a client's wishes may wait for the database. A client that has more is not read meanwhile.
const workQueue = 64

// lastWork is how long the wishes of a client that is gone are still worth being done.
const lastWork = 3 * time.Second

// job is something that a client wants done. It reports whether there is more to it, which is done when done is called.
type job func(context.Context) (more bool)

// work is what a client wants done and is not, or is under way. It is begun in its order.
type work struct {
	slots    chan struct{}  // holds one for each
	doing    sync.WaitGroup // what is undone, and the worker
	finished chan struct{}  // closed when leaving and nothing is undone

	workMu  sync.Mutex
	jobs    []job
	working bool // there is a worker
	undone  int
	leaving bool // nothing more is taken
}

func newWork() *work {
	return &work{slots: make(chan struct{}, workQueue), finished: make(chan struct{})}
}

// enqueue gives the worker something to do.
func (c *conn) enqueue(do job) {
	if c.admit() {
		c.later(do)
	}
}

// admit reports whether there may be something more to do, and waits while there is too much. When the socket is to be ended,
// what the client wants is dropped: it is not answered, so the client sends it again when it is back. It is for the reader
// alone.
func (c *conn) admit() bool {
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		return false
	}
	c.workMu.Lock()
	if c.leaving {
		c.workMu.Unlock()
		select { // what was sent before has the time of the machine first
		case <-c.finished:
		case <-c.ctx.Done():
		}
		return false
	}
	c.undone++
	c.doing.Add(1)
	c.workMu.Unlock()
	return true
}

// idle reports whether nothing is waiting for the worker, or under way in it.
func (w *work) idle() bool {
	w.workMu.Lock()
	defer w.workMu.Unlock()
	return !w.working
}

// later lets the worker do a part of something that is undone.
func (c *conn) later(do job) {
	c.workMu.Lock()
	defer c.workMu.Unlock()
	c.jobs = append(c.jobs, do)
	if !c.working {
		c.working = true
		c.doing.Go(c.doWork)
	}
}

// doWork does what there is.
func (c *conn) doWork() {
	for do := c.nextJob(); do != nil; do = c.nextJob() {
		c.do(do)
	}
}

// nextJob returns what to do next. If there is nothing, the worker ends.
func (w *work) nextJob() (do job) {
	w.workMu.Lock()
	defer w.workMu.Unlock()
	if len(w.jobs) == 0 {
		w.jobs, w.working = nil, false
		return nil
	}
	do, w.jobs[0] = w.jobs[0], nil
	w.jobs = w.jobs[1:]
	return do
}

// do does one job, in the goroutine of the worker or, while there is none, of the reader. A panic in it ends the socket and no
// more.
func (c *conn) do(do job) {
	more := false
	defer func() {
		if r := recover(); r != nil {
			c.panicked(r)
		}
		if !more {
			c.done()
		}
	}()
	ctx, cancel := context.WithTimeout(c.ctx, c.server.tuning.handle)
	defer cancel()
	more = do(ctx)
}

// done notes that something is.
func (w *work) done() {
	defer w.doing.Done()
	<-w.slots
	w.workMu.Lock()
	defer w.workMu.Unlock()
	if w.undone--; w.undone == 0 && w.leaving {
		close(w.finished)
	}
}

// leave lets nothing more be taken.
func (w *work) leave() {
	w.workMu.Lock()
	defer w.workMu.Unlock()
	if !w.leaving && w.undone == 0 {
		close(w.finished)
	}
	w.leaving = true
}
