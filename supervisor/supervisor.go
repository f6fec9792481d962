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
	log      *slog.Logger
	launcher launcher
	units    []*unit
	events   chan event
	// over is closed when the loop has ended and takes no more events.
	over     chan struct{}
	workers  sync.WaitGroup
	snapshot atomic.Pointer[Snapshot]

	// Of the loop alone.
	stopping   bool
	wasHealthy bool
}

// event is something that happened; the loop applies one at a time.
type event interface{ apply(*Supervisor) }

// Config is what a supervisor is made of.
type Config struct {
	// Services is the table, in the order in which it is shown.
	Services []Service
	// Logger takes the supervisor's own lines and those of its children. It must not block.
	Logger *slog.Logger
}

// New checks the table. It starts nothing.
func New(config Config) (*Supervisor, error) {
	if err := validate(config.Services); err != nil {
		return nil, fmt.Errorf("services: %w", err)
	}
	s := &Supervisor{
		log:    config.Logger,
		events: make(chan event),
		over:   make(chan struct{}),
	}
	now := time.Now()
	for _, service := range config.Services {
		u := &unit{Service: service.withDefaults(), state: StateWaiting, since: now}
		u.check = Result{At: now, Error: "not asked yet"}
		s.units = append(s.units, u)
	}
	s.publish()
	return s, nil
}

// Snapshot is the state of all services now. It never blocks.
func (s *Supervisor) Snapshot() Snapshot { return *s.snapshot.Load() }

// Run starts the services and keeps them running until ctx ends; then it stops them in reverse order and
// returns when nothing of them is left. It may be called once.
func (s *Supervisor) Run(ctx context.Context) error {
	reaper, err := newReaper()
	if err != nil {
		return err
	}
	s.launcher = &system{reaper: reaper, log: s.log}
	reaping, stopReaping := context.WithCancel(context.Background())
	var reaped sync.WaitGroup
	reaped.Go(func() { reaper.run(reaping) })
	s.loop(ctx)
	stopReaping()
	reaped.Wait()
	return nil
}

func (s *Supervisor) loop(ctx context.Context) {
	for _, u := range s.units {
		if u.Kind == External {
			u.state, u.run = StateExternal, &run{}
			s.watch(u)
		}
	}
	ended := ctx.Done()
	for {
		s.advance()
		s.publish()
		if s.stopping && s.allSettled() {
			break
		}
		select {
		case <-ended:
			ended = nil
			s.stopping = true
			s.log.Info("stopping", "services", s.alive())
		case e := <-s.events:
			e.apply(s)
		}
	}
	s.finish()
}

// finish ends what still probes, and waits for all goroutines of the loop.
func (s *Supervisor) finish() {
	for _, u := range s.units {
		if u.run != nil {
			u.run.endProbes()
		}
		if u.deadline != nil {
			u.deadline.Stop()
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
		switch {
		case s.stopping:
			s.advanceStop(u)
		case u.state == StateWaiting && s.mayStart(u):
			s.start(u, "")
		}
	}
}

// mayStart says whether all that the service comes after has been ready once. It waits for an optional one
// only as long as that is on its first way up.
func (s *Supervisor) mayStart(u *unit) bool {
	for _, name := range u.After {
		before := s.unit(name)
		if !before.beenReady && (before.Required || before.failures == 0) {
			return false
		}
	}
	return true
}

// advanceStop stops a service once nothing that came after it lives.
func (s *Supervisor) advanceStop(u *unit) {
	switch {
	case u.state.settled():
	case u.run == nil:
		s.become(u, StateStopped, "")
	case u.state == StateStopping:
		u.comeBack = false
	case !s.dependentsLive(u.Name):
		s.stop(u, "stopping", false)
	}
}

func (s *Supervisor) dependentsLive(name string) bool {
	for _, u := range s.units {
		if slices.Contains(u.After, name) && (u.Kind != External && u.run != nil || s.dependentsLive(u.Name)) {
			return true
		}
	}
	return false
}

func (s *Supervisor) unit(name string) *unit {
	return s.units[slices.IndexFunc(s.units, func(u *unit) bool { return u.Name == name })]
}

func (s *Supervisor) allSettled() bool {
	return !slices.ContainsFunc(s.units, func(u *unit) bool { return !u.state.settled() })
}

func (s *Supervisor) alive() []string {
	var names []string
	for _, u := range s.units {
		if u.Kind != External && u.run != nil {
			names = append(names, u.Name)
		}
	}
	return names
}

// publish makes the present state visible to readers.
func (s *Supervisor) publish() {
	snapshot := Snapshot{Services: make([]Status, len(s.units))}
	for i, u := range s.units {
		snapshot.Services[i] = u.status()
	}
	snapshot.Condition = condition(snapshot.Services, s.wasHealthy)
	if snapshot.Condition == ConditionHealthy {
		s.wasHealthy = true
	}
	if s.stopping {
		snapshot.Condition = ConditionStopping
	}
	if before := s.snapshot.Swap(&snapshot); before != nil && before.Condition != snapshot.Condition {
		s.log.Info("condition changed", "from", before.Condition, "to", snapshot.Condition)
	}
}

func (u *unit) status() Status {
	status := Status{
		Name:     u.Name,
		State:    u.state,
		Since:    u.since.UTC(),
		Reason:   u.reason,
		Restarts: max(0, u.starts-1),
		Required: u.Required,
		Check:    u.check,
		LastExit: u.lastExit,
	}
	status.Check.At = u.check.At.UTC()
	if u.run != nil {
		status.Pid = u.run.pid
	}
	return status
}

func (s *Supervisor) logTransition(u *unit, from State, spent time.Duration) {
	level, attrs := slog.LevelInfo, []any{"service", u.Name, "was", from, "for", spent.Round(time.Millisecond).String()}
	if u.run != nil && u.run.pid != 0 {
		attrs = append(attrs, "pid", u.run.pid)
	}
	if u.reason != "" && u.state != StateStarting { // which starts for a reason that was just logged
		attrs = append(attrs, "reason", u.reason)
	}
	switch u.state {
	case StateUnhealthy, StateBackoff:
		level = slog.LevelWarn
	case StateFailed:
		level = slog.LevelError
	case StateStarting:
		if u.starts > 1 {
			level = slog.LevelWarn
		}
	}
	s.log.Log(context.Background(), level, string(u.state), attrs...)
}
