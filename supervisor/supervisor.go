package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Supervisor runs a table of services. Make one with [New].
type Supervisor struct {
	log       *slog.Logger
	onFailure OnFailure
	launcher  launcher
	reaper    *reaper
	units     []*unit
	events    chan event
	// over is closed when the loop has ended and takes no more events.
	over      chan struct{}
	workers   sync.WaitGroup
	published atomic.Pointer[publication]
	history   *history
	floods    map[string]*flood // by service

	// Of the loop alone.
	stopping   bool
	stoppedAt  time.Time
	hurrying   bool
	wasHealthy bool
	failed     *FailedError
	done       []*order // not answered yet
}

// OnFailure is what becomes of the whole when a required service has failed for good.
type OnFailure string

const (
	// KeepOnFailure goes on with the rest and retries the service slowly; it is the default.
	KeepOnFailure OnFailure = "keep"
	// ExitOnFailure stops everything; [Supervisor.Run] returns a [FailedError].
	ExitOnFailure OnFailure = "exit"
)

// FailedError is why a supervisor with ExitOnFailure ended.
type FailedError struct{ Service, Reason string }

func (e *FailedError) Error() string {
	return fmt.Sprintf("service %s has failed: %s", e.Service, e.Reason)
}

// Config is what a supervisor is made of.
type Config struct {
	// Services is the table, in the order in which it is shown.
	Services []Service
	// Logger takes the supervisor's own lines and those of its children. It must not block.
	Logger *slog.Logger
	// OnFailure is KeepOnFailure when empty.
	OnFailure OnFailure
}

// New checks the table. It starts nothing.
func New(config Config) (*Supervisor, error) {
	if err := validate(config.Services); err != nil {
		return nil, fmt.Errorf("services: %w", err)
	}
	s := &Supervisor{
		log:       config.Logger,
		onFailure: config.OnFailure,
		events:    make(chan event),
		over:      make(chan struct{}),
		history:   newHistory(),
		floods:    map[string]*flood{},
	}
	now := time.Now()
	for _, service := range config.Services {
		u := &unit{Service: service.withDefaults(), state: StateWaiting, since: now, restarts: map[Cause]int{}}
		u.check = Result{At: now, Error: "not asked yet"}
		s.units = append(s.units, u)
		s.floods[u.Name] = newFlood(DefaultLogLimit)
	}
	s.publish()
	return s, nil
}

// Run starts the services and keeps them running until ctx ends; then it stops them in reverse order and
// returns when nothing of them is left. It may be called once.
func (s *Supervisor) Run(ctx context.Context) error {
	if err := setLimits(); err != nil {
		s.log.Warn("the limits of processes stay as they were", "error", err)
	}
	reaper, err := newReaper()
	if err != nil {
		return err
	}
	s.reaper = reaper
	s.launcher = &system{reaper: reaper, log: s.log, floods: s.floods}
	reaping, stopReaping := context.WithCancel(context.Background())
	var reaped sync.WaitGroup
	reaped.Go(func() { reaper.run(reaping) })
	s.loop(ctx)
	stopReaping()
	reaped.Wait()
	if s.failed != nil {
		return s.failed
	}
	return nil
}

// Hurry stops everything at once instead of gracefully: each process that is asked to stop gets the next step of its
// escalation now, and nothing waits for anything else. Each further call goes a step further.
func (s *Supervisor) Hurry() { s.tell(stopAsked{hurry: true}) }

// DroppedLines counts the lines that each service has printed too fast to be kept, see [LogLimit].
func (s *Supervisor) DroppedLines() map[string]int64 {
	dropped := map[string]int64{}
	for name, flood := range s.floods {
		dropped[name] = flood.dropped.Load()
	}
	return dropped
}

func (s *Supervisor) loop(ctx context.Context) {
	for _, u := range s.units {
		if u.Kind == External {
			u.state, u.run = StateExternal, &run{}
			s.watch(u, u.run)
		}
	}
	ended := ctx.Done()
	for {
		s.advance()
		for _, u := range s.units {
			s.attend(u)
		}
		s.publish()
		s.answer()
		if s.stopping && s.allSettled() {
			break
		}
		select {
		case <-ended:
			ended = nil
			stopAsked{}.apply(s)
		case e := <-s.events:
			e.apply(s)
		}
	}
	s.finish()
}

// finish ends what still probes, and waits for all goroutines of the loop.
func (s *Supervisor) finish() {
	for _, u := range s.units {
		for _, r := range u.runs() {
			r.endProbes()
		}
		if u.pause != nil {
			u.pause.Stop()
		}
	}
	close(s.over)
	s.workers.Wait()
}

// tell brings an event to the loop, unless that has ended.
func (s *Supervisor) tell(e event) {
	select {
	case s.events <- e:
	case <-s.over:
	}
}

// advance starts or stops whatever may be started or stopped now.
func (s *Supervisor) advance() {
	for _, u := range s.units {
		if s.stopping {
			s.advanceStop(u)
			continue
		}
		s.startIfMay(u)
	}
}

// startIfMay starts a waiting service if all that it comes after has been ready once. It waits for an optional one
// only as long as that is on its first way up.
func (s *Supervisor) startIfMay(u *unit) {
	if u.state != StateWaiting {
		return
	}
	for _, name := range u.After {
		before := s.unit(name)
		if !before.beenReady && (before.Required || before.failures == 0 && before.state != StateStopped) {
			return
		}
	}
	var cause Cause
	if u.starts > 0 { // only a command brings a service back to waiting
		cause = CauseCommand
	}
	s.start(u, cause, u.reason)
}

// advanceStop stops a service once nothing that came after it lives.
func (s *Supervisor) advanceStop(u *unit) {
	switch {
	case u.settled():
	case u.state == StateStopping && u.then == thenStopped:
	case !u.lives():
		s.become(u, StateStopped, CauseCommand, "")
	case s.hurrying || u.state == StateStopping || !s.dependentsLive(u.Name):
		s.stopAll(u, "stopping")
	}
}

func (s *Supervisor) dependentsLive(name string) bool {
	for _, u := range s.units {
		if slices.Contains(u.After, name) && (u.lives() || s.dependentsLive(u.Name)) {
			return true
		}
	}
	return false
}

// unit is the one of that name, or nil. Which there are never changes.
func (s *Supervisor) unit(name string) *unit {
	for _, u := range s.units {
		if u.Name == name {
			return u
		}
	}
	return nil
}

func (s *Supervisor) allSettled() bool {
	return !slices.ContainsFunc(s.units, func(u *unit) bool { return !u.settled() })
}

func (s *Supervisor) alive() []string {
	var names []string
	for _, u := range s.units {
		if u.lives() {
			names = append(names, u.Name)
		}
	}
	return names
}
