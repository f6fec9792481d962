package supervisor

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Event is a step that a service took from one state to another.
type Event struct {
	// Seq numbers the events from 1 on.
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Service string    `json:"service"`
	From    State     `json:"from"`
	To      State     `json:"to"`
	// Cause is the kind of reason, where there is one; Reason is the reason in words.
	Cause  Cause  `json:"cause,omitempty"`
	Reason string `json:"reason,omitempty"`
	Pid    int    `json:"pid,omitempty"`
}

// Cause is the kind of reason for which a process ended or was started again.
type Cause string

// The causes.
const (
	// CauseCrash: it ended by a signal or with an exit code other than 0.
	CauseCrash Cause = "crash"
	// CauseExit: it ended with exit code 0, though it was not asked to.
	CauseExit Cause = "exit"
	// CauseLaunch: it could not be launched.
	CauseLaunch Cause = "launch"
	// CauseLiveness: it did not answer its liveness probe any more.
	CauseLiveness Cause = "liveness"
	// CauseStartTimeout: it did not become ready in time.
	CauseStartTimeout Cause = "start-timeout"
	// CauseCommand: an operator wanted it, or the whole stops.
	CauseCommand Cause = "command"
)

// historyLength is how many events are kept.
const historyLength = 500

// history keeps the latest events for readers.
type history struct {
	mu     sync.Mutex
	events []Event
	last   int64
	// grown is closed at the next event.
	grown chan struct{}
}

func newHistory() *history { return &history{grown: make(chan struct{})} }

func (h *history) add(e Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last++
	e.Seq = h.last
	if len(h.events) == historyLength {
		h.events = slices.Delete(h.events, 0, 1)
	}
	h.events = append(h.events, e)
	close(h.grown)
	h.grown = make(chan struct{})
}

// after returns the kept events that came after the given one, and what is closed when there are more.
func (h *history) after(seq int64) ([]Event, <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, _ := slices.BinarySearchFunc(h.events, seq+1, func(e Event, seq int64) int { return int(e.Seq - seq) })
	return slices.Clone(h.events[i:]), h.grown
}

// Events returns the kept events that came after the one with the given number, oldest first. If there are none it
// waits for the next, until ctx or the supervisor ends.
func (s *Supervisor) Events(ctx context.Context, after int64) []Event {
	for {
		events, grown := s.history.after(after)
		if len(events) > 0 {
			return events
		}
		select {
		case <-grown:
		case <-s.over:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// note keeps and logs a step that a unit has just taken.
func (s *Supervisor) note(u *unit, from State, spent time.Duration, cause Cause) {
	e := Event{At: u.since.UTC(), Service: u.Name, From: from, To: u.state, Cause: cause, Reason: u.reason}
	if u.run != nil {
		e.Pid = u.run.process.Pid
	}
	s.history.add(e)

	attrs := []any{"service", u.Name, "was", from, "for", spent.Round(time.Millisecond).String()}
	if e.Pid != 0 {
		attrs = append(attrs, "pid", e.Pid)
	}
	if cause != "" && u.state != StateStopped {
		attrs = append(attrs, "cause", cause)
	}
	if u.reason != "" && u.state != StateStarting { // which starts for a reason that was just logged
		attrs = append(attrs, "reason", u.reason)
	}
	s.log.Log(context.Background(), u.level(cause), string(u.state), attrs...)
}

// level is how much a step matters to whoever reads the log.
func (u *unit) level(cause Cause) slog.Level {
	switch {
	case u.state == StateFailed:
		return slog.LevelError
	case u.state == StateUnhealthy || u.state == StateBackoff:
		return slog.LevelWarn
	case u.starts > 1 && cause != CauseCommand && (u.state == StateStarting || u.state == StateStopping):
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}
