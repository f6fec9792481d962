package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Action is what an operator can have done with a service.
type Action string

// The actions.
const (
	// ActionStart has a service run; it is done when that is ready.
	ActionStart Action = "start"
	// ActionStop ends a service until it is started again; it is done when nothing of it lives.
	ActionStop Action = "stop"
	// ActionRestart replaces its process, see [Service].Overlap; it is done when the new one is ready and the old one gone.
	ActionRestart Action = "restart"
)

// Refusal is the answer to a command that was not carried out.
type Refusal struct {
	Message string `json:"message"`
}

// What keeps a command from being carried out. Any other error of [Supervisor.Do] says why it did not succeed.
var (
	ErrUnknownService = errors.New("there is no such service")
	ErrRefused        = errors.New("refused")
)

// Do has a command carried out and returns when that is done, or why it failed. The commands for one service are
// carried out one after the other. If ctx ends before, nobody waits for the command any more: one that waits for its
// turn is withdrawn, and what one under way has begun goes on.
func (s *Supervisor) Do(ctx context.Context, action Action, service string) error {
	if !slices.Contains([]Action{ActionStart, ActionStop, ActionRestart}, action) {
		return fmt.Errorf("%w: %q is none of start, stop and restart", ErrRefused, action)
	}
	u := s.unit(service)
	if u == nil {
		return fmt.Errorf("%w: %q", ErrUnknownService, service)
	}
	if u.Kind == External {
		return fmt.Errorf("%w: %s is run by somebody else", ErrRefused, service)
	}
	o := &order{action: action, reply: make(chan error, 1)}
	s.tell(ordered{u, o})
	select {
	case err := <-o.reply:
		return err
	case <-ctx.Done():
		s.tell(withdrawn{u, o})
		return ctx.Err()
	case <-s.over:
		select {
		case err := <-o.reply:
			return err
		default:
			return errEnding
		}
	}
}

var errEnding = fmt.Errorf("%w: the supervisor is stopping", ErrRefused)

// order is a command on its way.
type order struct {
	action Action
	reply  chan error
	// starts is how often the service had been started when the order's turn came.
	starts int
	// refused is why it cannot succeed any more, outcome how it ended.
	refused, outcome error
}

// ordered: a command was given.
type ordered struct {
	unit  *unit
	order *order
}

func (e ordered) apply(*Supervisor) { e.unit.queue = append(e.unit.queue, e.order) }

// withdrawn: nobody waits for a command any more.
type withdrawn struct {
	unit  *unit
	order *order
}

func (e withdrawn) apply(*Supervisor) {
	u := e.unit
	u.queue = slices.DeleteFunc(u.queue, func(o *order) bool { return o == e.order })
	if u.order == e.order {
		u.order = nil
	}
}

// refuseOrder notes why the order under way cannot succeed.
func (u *unit) refuseOrder(why error) {
	if u.order != nil {
		u.order.refused = why
	}
}

// attend closes the order under way if it is done, and begins the next.
func (s *Supervisor) attend(u *unit) {
	for {
		if u.order == nil {
			if len(u.queue) == 0 {
				return
			}
			// What an order that was withdrawn has begun must end first; only a stop cuts it short.
			if (u.successor != nil || u.retiring != nil) && u.queue[0].action != ActionStop {
				return
			}
			u.order, u.queue = u.queue[0], u.queue[1:]
			u.order.starts = u.starts
			s.begin(u, u.order.action)
		}
		done, err := s.outcomeOf(u, u.order)
		if !done {
			return
		}
		u.order.outcome = err
		s.done = append(s.done, u.order)
		u.order = nil
	}
}

// answer tells whoever gave an order that is done. It comes after the state that the order led to was published.
func (s *Supervisor) answer() {
	for _, o := range s.done {
		o.reply <- o.outcome
	}
	s.done = nil
}

func (s *Supervisor) begin(u *unit, action Action) {
	switch {
	case s.stopping:
	case action == ActionStop:
		s.beginOrderedStop(u)
	case u.state == StateReady || u.state == StateUnhealthy || u.state == StateStarting:
		if action == ActionRestart {
			s.beginOrderedRestart(u)
		}
	default:
		s.beginOrderedStart(u)
	}
}

func (s *Supervisor) beginOrderedStop(u *unit) {
	switch {
	case u.settled():
	case u.lives():
		s.stopAll(u, "stopped by command")
	default:
		s.become(u, StateStopped, CauseCommand, "stopped by command")
	}
}

func (s *Supervisor) beginOrderedStart(u *unit) {
	u.failures = 0
	switch u.state {
	case StateStopping:
		u.then = thenRestart
	case StateBackoff, StateFailed:
		s.start(u, CauseCommand, "started by command")
	case StateDone, StateStopped:
		s.become(u, StateWaiting, CauseCommand, "started by command")
		s.startIfMay(u)
	}
}

func (s *Supervisor) beginOrderedRestart(u *unit) {
	u.failures = 0
	if u.Overlap && u.state != StateStarting {
		s.succeed(u)
		return
	}
	s.stop(u, thenRestart, CauseCommand, "restarted by command")
}

// outcomeOf says whether an order is done, and how it went.
func (s *Supervisor) outcomeOf(u *unit, o *order) (done bool, err error) {
	if o.refused != nil {
		return true, o.refused
	}
	if o.action == ActionStop {
		return u.settled(), nil
	}
	if s.stopping {
		return true, errEnding
	}
	// A restart wants a new process, and the old one gone.
	if o.action == ActionRestart && (u.starts == o.starts || u.successor != nil || u.retiring != nil) &&
		u.state != StateWaiting && u.state != StateFailed {
		return false, nil
	}
	switch u.state {
	case StateReady, StateDone:
		return true, nil
	case StateUnhealthy:
		return true, fmt.Errorf("%s runs, but is unhealthy: %s", u.Name, u.reason)
	case StateBackoff, StateFailed, StateStopped:
		return true, fmt.Errorf("%s did not come up: %s", u.Name, u.reason)
	case StateWaiting:
		return s.blocked(u)
	default:
		return false, nil
	}
}

// blocked says whether a service waits for one that is not on its way up.
func (s *Supervisor) blocked(u *unit) (bool, error) {
	if before := s.obstacle(u); before != nil {
		return true, fmt.Errorf("%s waits for %s, which is %s: %s; it starts by itself as soon as that is ready",
			u.Name, before.Name, before.state, before.reason)
	}
	return false, nil
}

// obstacle is what a waiting service waits for, directly or over others that wait, and is not on its way up; or nil.
func (s *Supervisor) obstacle(u *unit) *unit {
	for _, name := range u.After {
		before := s.unit(name)
		switch {
		case before.beenReady:
		case before.state == StateFailed || before.state == StateBackoff || before.state == StateStopped:
			return before
		case before.state == StateWaiting:
			if further := s.obstacle(before); further != nil {
				return further
			}
		}
	}
	return nil
}
