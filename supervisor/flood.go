package supervisor

import (
	"sync"
	"sync/atomic"
	"time"
)

// LogLimit bounds how much of a service's output reaches the log: a token bucket of lines and one of bytes. What is
// beyond is read, so that the service is not blocked, counted and told, and thrown away. Zero fields take the values of
// [DefaultLogLimit].
type LogLimit struct {
	// Lines a second, and how many at once after a silence.
	Lines, LineBurst int
	// Bytes a second, and how many at once after a silence.
	Bytes, ByteBurst int
}

// DefaultLogLimit is far above what a service says that is well, or that tells all it knows about being unwell, and
// costs about a hundredth of a processor when it is used up.
var DefaultLogLimit = LogLimit{Lines: 1000, LineBurst: 10_000, Bytes: 512 << 10, ByteBurst: 4 << 20}

// flood watches how fast a service prints. Its processes, of which an overlapped restart has two, share it.
type flood struct {
	limit LogLimit
	// dropped counts the lines that were not let through, ever.
	dropped atomic.Int64

	mu sync.Mutex
	// lines and bytes are the tokens left; bytes may be in debt for one line, so that a long one is not stuck for ever.
	lines, bytes float64
	filled       time.Time
}

func newFlood(limit LogLimit) *flood {
	setDefault(&limit.Lines, DefaultLogLimit.Lines)
	setDefault(&limit.LineBurst, DefaultLogLimit.LineBurst)
	setDefault(&limit.Bytes, DefaultLogLimit.Bytes)
	setDefault(&limit.ByteBurst, DefaultLogLimit.ByteBurst)
	return &flood{limit: limit, lines: float64(limit.LineBurst), bytes: float64(limit.ByteBurst), filled: time.Now()}
}

// refill adds the tokens of the time that passed.
func (f *flood) refill(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	passed := now.Sub(f.filled).Seconds()
	if passed <= 0 {
		return
	}
	f.filled = now
	f.lines = min(f.lines+passed*float64(f.limit.Lines), float64(f.limit.LineBurst))
	f.bytes = min(f.bytes+passed*float64(f.limit.Bytes), float64(f.limit.ByteBurst))
}

// open says whether one more line is let through.
func (f *flood) open() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.lines >= 1 && f.bytes > 0
}

// spend pays for a line that was let through.
func (f *flood) spend(size int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines--
	f.bytes -= float64(size)
}
