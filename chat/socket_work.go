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

// job is something that a client wants done.
type job func(context.Context)

// work is what a client wants done and is not, or is under way. It is done in its order.
type work struct {
	slots    chan struct{} // holds one for each
	doing    sync.WaitGroup
	finished chan struct{} // closed when leaving and nothing is undone

	workMu  sync.Mutex
	jobs    []job
	working bool // there is a worker
	undone  int
	leaving bool // nothing more is taken
}

func newWork() *work {
	return &work{slots: make(chan struct{}, workQueue), finished: make(chan struct{})}
}

// enqueue gives the worker something to do, and waits while it has too much. When the socket is to be ended, the job is
// dropped: it is not answered, so the client sends it again when it is back. It is for the reader alone.
func (c *conn) enqueue(do job) {
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		return
	}
	c.workMu.Lock()
	if c.leaving {
		c.workMu.Unlock()
		select { // what was sent before has the time of the machine first
		case <-c.finished:
		case <-c.ctx.Done():
		}
		return
	}
	c.undone++
	c.jobs = append(c.jobs, do)
	idle := !c.working
	c.working = true
	c.workMu.Unlock()
	if idle {
		c.doing.Go(c.doWork)
	}
}

// doWork does what there is.
func (c *conn) doWork() {
	defer func() {
		if r := recover(); r != nil {
			c.panicked(r)
		}
	}()
	for {
		do, ok := c.nextJob()
		if !ok {
			return
		}
		ctx, cancel := context.WithTimeout(c.ctx, c.server.tuning.handle)
		do(ctx)
		cancel()
		c.done()
	}
}

// nextJob returns what to do next. If there is nothing, the worker ends.
func (w *work) nextJob() (do job, ok bool) {
	w.workMu.Lock()
	defer w.workMu.Unlock()
	if len(w.jobs) == 0 {
		w.jobs, w.working = nil, false
		return nil, false
	}
	do, w.jobs[0] = w.jobs[0], nil
	w.jobs = w.jobs[1:]
	return do, true
}

// done notes that a job is.
func (w *work) done() {
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
