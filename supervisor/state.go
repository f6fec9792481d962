package supervisor

import "slices"

// State is where a service is in its life.
type State string

// The states of a service. A task ends in StateDone; a daemon in StateStopped.
const (
	// StateWaiting: not started yet, as something that it comes after is not ready.
	StateWaiting State = "waiting"
	// StateStarting: its process was launched and is not ready yet.
	StateStarting State = "starting"
	// StateReady: its readiness probe succeeded, and its liveness probe does.
	StateReady State = "ready"
	// StateUnhealthy: its process runs, but its liveness probe fails.
	StateUnhealthy State = "unhealthy"
	// StateStopping: told to stop; its process or a descendant still lives.
	StateStopping State = "stopping"
	// StateBackoff: it failed, and is started again after a pause.
	StateBackoff State = "backoff"
	// StateFailed: it failed too often in a row, and is tried again only slowly, or not at all if that is its policy.
	StateFailed State = "failed"
	// StateDone: a task that ended well, or a daemon that did and is not to be restarted for that.
	StateDone State = "done"
	// StateStopped: nothing of it runs, and nothing will unless an operator starts it.
	StateStopped State = "stopped"
	// StateExternal: not run by us, only probed.
	StateExternal State = "external"
)

// transitions is every step that a service can take. [Supervisor.become] is the one place that takes them.
var transitions = map[State][]State{
	StateWaiting:  {StateStarting, StateStopped},
	StateStarting: {StateReady, StateDone, StateStopping, StateBackoff, StateFailed, StateStopped},
	// From ready to ready is an overlapped restart; to starting, one whose old process died before the new was ready.
	StateReady:     {StateReady, StateStarting, StateUnhealthy, StateStopping, StateDone, StateBackoff, StateFailed, StateStopped},
	StateUnhealthy: {StateReady, StateStarting, StateStopping, StateDone, StateBackoff, StateFailed, StateStopped},
	StateStopping:  {StateStopped, StateWaiting, StateStarting, StateBackoff, StateFailed},
	// To stopping from here is for an old process that still drains.
	StateBackoff: {StateStarting, StateStopping, StateStopped},
	StateFailed:  {StateStarting, StateStopping, StateStopped},
	StateDone:    {StateWaiting, StateStopping},
	StateStopped: {StateWaiting},
}

func (s State) allows(to State) bool { return slices.Contains(transitions[s], to) }
