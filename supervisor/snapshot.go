package supervisor

import (
	"context"
	"iter"
	"maps"
	"time"
)

// publication is a snapshot, and word of the next.
type publication struct {
	snapshot Snapshot
	outdated chan struct{} // closed when there is a newer one
}

// Snapshot is the state of all services now. It never blocks.
func (s *Supervisor) Snapshot() Snapshot { return s.published.Load().snapshot }

// Watch yields the state now, and then after each change, until ctx or the supervisor ends. Who is slow misses what
// came in between, and never holds anybody up.
func (s *Supervisor) Watch(ctx context.Context) iter.Seq[Snapshot] {
	return func(yield func(Snapshot) bool) {
		for {
			p := s.published.Load()
			if !yield(p.snapshot) {
				return
			}
			select {
			case <-p.outdated:
			case <-s.over:
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// newsLasts is how long a condition is news.
const newsLasts = 4 * time.Second

// awaitNews returns when the condition is worth telling somebody who asks again and again: when it is new, or changes.
// That services are starting is no news, as long as it lasts. It returns when ctx ends, too.
func (s *Supervisor) awaitNews(ctx context.Context) {
	var known Condition
	for snapshot := range s.Watch(ctx) {
		fresh := snapshot.Condition != ConditionStarting && time.Since(snapshot.Since) < newsLasts
		if fresh || known != "" && snapshot.Condition != known {
			return
		}
		known = snapshot.Condition
	}
}

// publish makes the present state visible to readers. The loop alone calls it.
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
	before := s.published.Load()
	if snapshot.Since = time.Now(); before != nil && before.snapshot.Condition == snapshot.Condition {
		snapshot.Since = before.snapshot.Since
	}
	s.published.Store(&publication{snapshot, make(chan struct{})})
	if before == nil {
		return
	}
	close(before.outdated)
	if before.snapshot.Condition != snapshot.Condition {
		s.log.Info("condition changed", "from", before.snapshot.Condition, "to", snapshot.Condition)
	}
}

func (u *unit) status() Status {
	status := Status{
		Name:       u.Name,
		State:      u.state,
		Since:      u.since.UTC(),
		Reason:     u.reason,
		Restarts:   max(0, u.starts-1),
		RestartsBy: maps.Clone(u.restarts),
		Required:   u.Required,
		StartMS:    u.startedIn.Milliseconds(),
		Check:      u.check,
		LastExit:   u.lastExit,
	}
	status.Check.At = u.check.At.UTC()
	if u.run != nil {
		status.Pid = u.run.process.Pid
	}
	return status
}
