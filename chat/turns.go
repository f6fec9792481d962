package chat

import (
	"runtime"
	"sync"
)

// turns lets sockets write what waits for them, as many at once as half of the processors: the database has the others, and
// on one machine the clients. A goroutine for each socket, which is woken for each frame, would cost as much as the writing
// itself.
type turns struct {
	mu      sync.Mutex
	due     []*conn // the longest waiting first
	workers int
	working sync.WaitGroup
}

// turnsAtOnce is how many sockets a worker takes before it lets others have the processor.
const turnsAtOnce = 128

// give lets sockets have a turn. Whoever gives one has it from [outbox.add].
func (t *turns) give(conns ...*conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.due = append(t.due, conns...)
	atOnce := max(1, runtime.GOMAXPROCS(0)/2)
	for range min(atOnce-t.workers, len(t.due)) {
		t.workers++
		t.working.Go(t.work)
	}
}

// work gives turns until nobody is due.
func (t *turns) work() {
	b := newBatch()
	var now []*conn
	for {
		if now = t.next(now[:0]); len(now) == 0 {
			return
		}
		for _, c := range now {
			if c.turn(b) {
				b = newBatch()
			}
		}
		clear(now)
		runtime.Gosched()
	}
}

// next takes some of those who are due. The worker ends if there are none.
func (t *turns) next(now []*conn) []*conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(turnsAtOnce, len(t.due))
	now = append(now, t.due[:n]...)
	clear(t.due[:n])
	if t.due = t.due[n:]; len(t.due) == 0 {
		t.due = nil
	}
	if n == 0 {
		t.workers--
	}
	return now
}
