package supervisor

import (
	"fmt"
	"syscall"
	"time"
)

// Status is one service at one moment: an immutable copy for readers.
type Status struct {
	Name     string    `json:"name"`
	State    State     `json:"state"`
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason,omitempty"`
	Pid      int       `json:"pid,omitempty"`
	Restarts int       `json:"restarts"`
	// RestartsBy counts the restarts by their cause.
	RestartsBy map[Cause]int `json:"restarts_by,omitempty"`
	Required   bool          `json:"required"`
	// StartMS is how many milliseconds the latest start took from launch to ready, or to the end of a task.
	StartMS  int64  `json:"start_ms,omitempty"`
	Check    Result `json:"check"`
	LastExit *Exit  `json:"last_exit"`
}

// Result is the outcome of the latest probe of a service.
type Result struct {
	OK        bool      `json:"ok"`
	LatencyMS float64   `json:"latency_ms"`
	At        time.Time `json:"at"`
	Error     string    `json:"error"`
	// unwell says that a restart would not mend the error.
	unwell bool
}

// Exit is how the latest process of a service ended.
type Exit struct {
	// Code is the exit code, or -1 when a signal ended the process.
	Code int `json:"code"`
	// Signal is the name of that signal, else empty.
	Signal string    `json:"signal"`
	At     time.Time `json:"at"`
	// Reason says why, as far as is known: the last error that the process logged, or what we did to it.
	Reason string `json:"reason"`
	// Cause is the kind of reason.
	Cause Cause `json:"cause"`
}

// describe is how it ended and why.
func (e Exit) describe() string {
	if e.Reason == "" {
		return e.String()
	}
	return e.String() + ": " + e.Reason
}

func (e Exit) ok() bool { return e.Code == 0 && e.Signal == "" }

func (e Exit) String() string {
	if e.Signal != "" {
		return "killed by " + e.Signal
	}
	if e.Code < 0 {
		return "could not be launched"
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

func newExit(ws syscall.WaitStatus, at time.Time) Exit {
	exit := Exit{Code: ws.ExitStatus(), At: at.UTC(), Cause: CauseCrash}
	switch {
	case ws.Signaled():
		exit.Code, exit.Signal = -1, signalName(ws.Signal())
	case exit.Code == 0:
		exit.Cause = CauseExit
	}
	return exit
}

// Condition is the state of all services together.
type Condition string

// The conditions, as the health shows them.
const (
	ConditionStarting  Condition = "starting"
	ConditionHealthy   Condition = "healthy"
	ConditionDegraded  Condition = "degraded"
	ConditionUnhealthy Condition = "unhealthy"
	ConditionStopping  Condition = "stopping"
)

// Snapshot is all services at one moment, in the order of the table.
type Snapshot struct {
	Condition Condition
	Since     time.Time // when the condition became so
	Services  []Status
}

// Find returns the status of the named service.
func (s Snapshot) Find(name string) (Status, bool) {
	for _, status := range s.Services {
		if status.Name == name {
			return status, true
		}
	}
	return Status{}, false
}

// Good says that a service is as it should be.
func (s Status) Good() bool {
	switch s.State {
	case StateReady, StateDone:
		return true
	case StateExternal:
		return s.Check.OK
	default:
		return false
	}
}

// troubled says that a service is not simply on its way up.
func (s Status) troubled() bool {
	switch s.State {
	case StateUnhealthy, StateBackoff, StateFailed, StateStopped:
		return true
	default:
		return s.Restarts > 0
	}
}

// condition sums up: all good is healthy; something optional missing is degraded; something required
// missing is starting as long as that is the first start going its way, and unhealthy otherwise.
func condition(services []Status, wasHealthy bool) Condition {
	result := ConditionHealthy
	for _, s := range services {
		switch {
		case s.Good():
		case s.Required && (wasHealthy || s.troubled()):
			return ConditionUnhealthy
		case s.Required:
			result = ConditionStarting
		case result == ConditionHealthy && (wasHealthy || s.troubled()):
			result = ConditionDegraded
		case result == ConditionHealthy:
			result = ConditionStarting
		}
	}
	return result
}
