package supervisor

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// LogQueue is a writer that never blocks: what the writer behind it does not take in time is dropped, counted, and
// told where it is missing. Each Write must be a whole line, as log/slog's handlers write them.
type LogQueue struct {
	config  LogQueueConfig
	dropped atomic.Int64
	wake    chan struct{}
	written chan struct{} // closed when all is written after Close

	mu      sync.Mutex
	pending []byte
	// missing are the lines dropped since pending was full. Until it is taken nothing else gets in, so that what is
	// missing comes right behind it.
	missing int64
	closed  bool
}

// LogQueueConfig is what a queue is made of.
type LogQueueConfig struct {
	// Output takes the lines, several at once if it is slow.
	Output io.Writer
	// Bytes are kept at most while the output is blocked, and as many again are in its hands.
	Bytes int
	// TellDropped writes a line to the output, in the format of the others, that this many are missing here.
	TellDropped func(output io.Writer, lines int64)
}

// NewLogQueue makes a queue. Close ends it.
func NewLogQueue(config LogQueueConfig) *LogQueue {
	q := &LogQueue{config: config, wake: make(chan struct{}, 1), written: make(chan struct{})}
	go q.run()
	return q
}

// Write queues a line. It does not fail.
func (q *LogQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return len(line), nil
	case q.missing > 0 || len(q.pending)+len(line) > q.config.Bytes:
		q.missing++
		q.dropped.Add(1)
	default:
		q.pending = append(q.pending, line...)
	}
	q.wakeWriter()
	return len(line), nil
}

// Dropped is how many lines were dropped, ever.
func (q *LogQueue) Dropped() int64 { return q.dropped.Load() }

// Close writes what is queued, for as long as the time given allows; a blocked output is left behind.
func (q *LogQueue) Close(atMost time.Duration) {
	q.mu.Lock()
	q.closed = true
	q.wakeWriter()
	q.mu.Unlock()
	select {
	case <-q.written:
	case <-time.After(atMost):
	}
}

func (q *LogQueue) wakeWriter() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// keepBuffer is the largest buffer that is used again. One that a rush has blown up is given back.
const keepBuffer = 64 << 10

// run is the goroutine that writes.
func (q *LogQueue) run() {
	defer close(q.written)
	var batch []byte
	for range q.wake {
		if cap(batch) > keepBuffer {
			batch = nil
		}
		q.mu.Lock()
		batch, q.pending = q.pending, batch[:0]
		missing, closed := q.missing, q.closed
		q.missing = 0
		q.mu.Unlock()
		if len(batch) > 0 {
			_, _ = q.config.Output.Write(batch) // a log that cannot be written has nowhere to say so
		}
		if missing > 0 {
			q.config.TellDropped(q.config.Output, missing)
		}
		if closed {
			return
		}
	}
}
