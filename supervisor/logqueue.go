package supervisor

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// LogQueue is a writer that never blocks: what the writer behind it does not take in time is dropped, counted, and
// told in the log once there is room. Each Write must be a whole line, as log/slog's handlers write them.
type LogQueue struct {
	lines   chan []byte
	written sync.WaitGroup

	mu      sync.Mutex
	dropped int
	closed  bool
}

// NewLogQueue keeps up to the given number of lines for a slow writer.
func NewLogQueue(w io.Writer, lines int) *LogQueue {
	q := &LogQueue{lines: make(chan []byte, lines)}
	q.written.Go(func() {
		for line := range q.lines {
			_, _ = w.Write(line) // a log that cannot be written has nowhere to say so
		}
	})
	return q
}

// Write queues a line. It does not fail.
func (q *LogQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return len(line), nil
	}
	if q.dropped > 0 {
		select {
		case q.lines <- fmt.Appendf(nil, "log: %d lines dropped, as the output was blocked\n", q.dropped):
			q.dropped = 0
		default:
		}
	}
	select {
	case q.lines <- append([]byte(nil), line...):
	default:
		q.dropped++
	}
	return len(line), nil
}

// Close writes what is queued, for as long as the time given allows; a blocked output is left behind.
func (q *LogQueue) Close(atMost time.Duration) {
	q.mu.Lock()
	q.closed = true
	close(q.lines)
	q.mu.Unlock()
	done := make(chan struct{})
	go func() {
		q.written.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(atMost):
	}
}
