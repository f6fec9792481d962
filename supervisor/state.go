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
	// StateFailed: it failed too often in a row; it is tried again only slowly.
	StateFailed State = "failed"
	// StateDone: a task that ended well.
	StateDone State = "done"
	// StateStopped: nothing of it runs, and nothing will.
	StateStopped State = "stopped"
	// StateExternal: not run by us, only probed.
	StateExternal State = "external"
)

// transitions is every step that a service can take. [Supervisor.become] is the one place that takes them.
var transitions = map[State][]State{
	StateWaiting:   {StateStarting, StateStopped},
	StateStarting:  {StateReady, StateDone, StateStopping, StateBackoff, StateFailed, StateStopped},
	StateReady:     {StateUnhealthy, StateStopping, StateBackoff, StateFailed, StateStopped},
	StateUnhealthy: {StateReady, StateStopping, StateBackoff, StateFailed, StateStopped},
	StateStopping:  {StateStopped, StateBackoff, StateFailed},
	StateBackoff:   {StateStarting, StateStopped},
	StateFailed:    {StateStarting, StateStopped},
}

func (s State) allows(to State) bool { return slices.Contains(transitions[s], to) }

// settled says that nothing of the service runs and that it will not start by itself.
func (s State) settled() bool {
	return s == StateDone || s == StateStopped || s == StateExternal
}
