package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"snug/store/postgres/internal/proc"
)

// LogLine is a line of PostgreSQL's log.
type LogLine struct {
	Postmaster int // process id of the server
	Pid        int // of the process that logged it, 0 if that is not known
	Time       time.Time
	Failure    bool // ERROR, FATAL or PANIC, and not one that belongs to every start and stop
	Message    string
}

// What the postmaster logs of a crash restart, in this order (src/backend/postmaster/postmaster.c). The settings keep
// its messages in English.
const (
	crashEndsOthers = "terminating any other active server processes"
	serverIsReady   = "database system is ready to accept connections"
)

// crashOf is "server process (PID 123) was terminated by signal 9: Killed", and the same of PostgreSQL's other processes. The
// startup process also ends with an exit code when it cannot recover; others do so without a crash.
var crashOf = regexp.MustCompile(`^(?:.+ \(PID (\d+)\) was terminated by signal (\d+)|startup process \(PID (\d+)\) exited with exit code)`)

// abort is the signal by which a process of PostgreSQL ends itself after it has logged a PANIC (SIGABRT, signal(7)).
const abort = "6"

// CrashWatch reads PostgreSQL's log for crash restarts, which it hastens, and of which it knows the cause.
//
// When one of its processes dies, the postmaster tells all others to quit and waits for them before it recovers. For one that
// cannot follow, since it is stopped or sits in a system call, it would wait for 5 s (SIGKILL_CHILDREN_AFTER_SECS).
type CrashWatch struct {
	mu      sync.Mutex
	failure LogLine // the latest
	cause   string  // of the crash that PostgreSQL has not recovered from yet

	panicked time.Time // when it last crashed by its own decision,
	panic    string    // and why
}

// Hear is to be told of every line, in order. It returns at once, but for the line that begins a crash restart: then
// it takes up to quitGrace, while what PostgreSQL prints fits into the pipe.
func (w *CrashWatch) Hear(line LogLine) {
	w.note(line)
	if line.Message == crashEndsOthers {
		endStragglers(line.Postmaster, line.Time)
	}
}

func (w *CrashWatch) note(line LogLine) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if line.Failure {
		w.failure = line
	}
	if line.Message == serverIsReady {
		w.cause = ""
	}
	if crash := crashOf.FindStringSubmatch(line.Message); crash != nil {
		w.cause = line.Message
		failed := strconv.Itoa(w.failure.Pid)
		if crash[1] == failed && crash[2] == abort || crash[3] == failed {
			w.cause = w.failure.Message
			w.panic, w.panicked = w.failure.Message, time.Now()
		}
	}
}

// Cause says why PostgreSQL crashed, as long as it has not recovered; "" when it has.
func (w *CrashWatch) Cause() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cause
}

// memory is how long a panic is told of after PostgreSQL has recovered, which it often has before anybody asks.
const memory = 3 * time.Second

// Check returns an error when PostgreSQL itself has just given up, as it does when the disk fails it. A process that was killed
// from outside is no such case.
func (w *CrashWatch) Check() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.panic == "" || time.Since(w.panicked) >= memory {
		return nil
	}
	return fmt.Errorf("PostgreSQL has crashed and recovered: %s", w.panic)
}

// explain adds the cause of a crash to an error that is no more than its consequence.
func (w *CrashWatch) explain(err error) error {
	if cause := w.Cause(); err != nil && cause != "" {
		return fmt.Errorf("PostgreSQL recovers from a crash (%s): %w", cause, err)
	}
	return err
}

// Processes that can quit do so within a few milliseconds.
const (
	quitGrace = 30 * time.Millisecond
	quitPoll  = 2 * time.Millisecond
)

// endStragglers kills the children that the postmaster had at the time of the crash and that have not quit after the grace.
// None of them has anything to do but to end: PostgreSQL's own order to quit skips all cleaning up.
func endStragglers(postmaster int, crashed time.Time) {
	crash := sinceBoot(crashed)
	stragglers := slices.DeleteFunc(proc.Children(postmaster), func(p proc.Child) bool { return !wasThere(p, crash) })
	for deadline := time.Now().Add(quitGrace); len(stragglers) > 0 && time.Now().Before(deadline); {
		time.Sleep(quitPoll)
		stragglers = slices.DeleteFunc(stragglers, func(p proc.Child) bool { return !p.Alive() })
	}
	for _, straggler := range stragglers {
		straggler.Kill()
	}
}

// wasThere reports whether the process is older than the crash, and not one of those that the postmaster starts once all others are
// gone. Of one that began in the same tick, that is known if it serves a client: such a process comes only after a recovery.
func wasThere(p proc.Child, crash time.Duration) bool {
	return p.Started <= crash || p.Started-proc.Tick <= crash && strings.Contains(p.Title(), " [local] ")
}

// sinceBoot is the time as /proc counts it. Both clocks are read together, so that one which is set later does no harm.
func sinceBoot(at time.Time) time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0 // nothing is old enough then
	}
	return time.Duration(now.Nano()) - time.Since(at)
}
