package supervisor

import (
	"fmt"
	"time"
)

// event is something that happened; the loop applies one at a time.
type event interface{ apply(*Supervisor) }

// launched: the process exists.
type launched struct {
	unit *unit
	run  *run
	pid  int
}

func (e launched) apply(s *Supervisor) {
	e.run.process.Pid = e.pid
	switch {
	case e.run.phase == phaseEnding:
		s.escalate(e.unit, e.run)
	case e.unit.Kind == Daemon:
		s.watch(e.unit, e.run)
	}
}

// exited: the process and all its descendants are gone.
type exited struct {
	unit *unit
	run  *run
	exit Exit
}

func (e exited) apply(s *Supervisor) {
	u, r, exit := e.unit, e.run, e.exit
	r.endProbes()
	r.forget()
	if r.cause != "" {
		exit.Cause = r.cause
	}
	if exit.Reason == "" {
		exit.Reason = r.reason
	}
	served := r == u.run
	switch r {
	case u.run:
		u.run, u.lastExit = nil, &exit
	case u.retiring:
		u.retiring, u.lastExit = nil, &exit
	case u.successor:
		u.successor = nil
		u.refuseOrder(fmt.Errorf("the new process of %s did not come up, and the old one goes on: %s", u.Name, exit.describe()))
	}
	switch {
	case u.state == StateStopping && u.then == thenStopped:
		if !u.lives() {
			s.become(u, StateStopped, exit.Cause, exit.String())
		}
	case served:
		s.afterLife(u, r, exit)
	}
}

// afterLife decides what follows the end of the run that served, when the unit was not to stop for good.
func (s *Supervisor) afterLife(u *unit, r *run, exit Exit) {
	switch {
	case s.stopping && u.lives():
		s.stopAll(u, "stopping")
	case s.stopping:
		s.become(u, StateStopped, exit.Cause, exit.String())
	case u.successor != nil:
		s.takeOver(u, exit)
	case u.state == StateStopping && u.then == thenRestart:
		s.become(u, StateWaiting, exit.Cause, exit.describe())
	case u.Kind == Task && exit.ok() && u.state == StateStarting:
		u.failures = 0
		u.startedIn = exit.At.Sub(r.begun)
		u.check = Result{OK: true, At: exit.At}
		s.become(u, StateDone, "", "")
	default:
		s.fail(u, r, exit)
	}
}

// probed: a check gave its result.
type probed struct {
	unit   *unit
	run    *run
	result Result
}

func (e probed) apply(s *Supervisor) {
	u := e.unit
	switch {
	case e.run.phase == phaseEnding:
	case e.run == u.successor:
		if e.result.OK {
			u.check = e.result
			s.handOver(u)
		}
	case e.run == u.run:
		u.check = e.result
		s.judge(u, e.result)
	}
}

func (s *Supervisor) judge(u *unit, result Result) {
	switch {
	case u.state == StateExternal && result.OK:
		u.beenReady = true
	case u.state == StateExternal:
		u.failures++ // who can do without it does not wait for it
	case u.state == StateStarting && result.OK:
		s.becomeReady(u, "")
	case u.state == StateStarting && result.unwell: // it works on it, and gets its time again
		s.expect(u, u.run, u.Probing.StartTimeout)
	case u.state == StateReady && !result.OK:
		u.misses = 0
		s.become(u, StateUnhealthy, "", result.Error)
		s.miss(u, result)
	case u.state == StateUnhealthy && result.OK:
		s.become(u, StateReady, "", "")
	case u.state == StateUnhealthy:
		u.reason = result.Error
		s.miss(u, result)
	}
}

// miss counts a failed liveness probe; at the threshold the service hangs for good, and is restarted.
func (s *Supervisor) miss(u *unit, result Result) {
	if result.unwell {
		u.misses = 0
		return
	}
	u.misses++
	if u.misses >= u.Probing.FailureThreshold {
		s.stop(u, thenFail, CauseLiveness, fmt.Sprintf("liveness probe failed %d times: %s", u.misses, result.Error))
	}
}

// overdue: a phase of a run, or a step of its escalation, took too long.
type overdue struct {
	unit  *unit
	run   *run
	epoch int
}

func (e overdue) apply(s *Supervisor) {
	u, r := e.unit, e.run
	if e.epoch != r.epoch {
		return
	}
	switch {
	case r.phase == phaseEnding:
		s.escalate(u, r)
	case r == u.run && u.state == StateStarting:
		s.stop(u, thenFail, CauseStartTimeout, fmt.Sprintf("not ready within %s: %s", u.Probing.StartTimeout, u.check.Error))
	case r == u.successor:
		s.end(u, r, CauseStartTimeout, fmt.Sprintf("not ready within %s", u.Probing.StartTimeout), 0)
	}
}

// pauseOver: it is time to start a service that failed.
type pauseOver struct {
	unit  *unit
	epoch int
	cause Cause
}

func (e pauseOver) apply(s *Supervisor) {
	if e.epoch == e.unit.epoch && !s.stopping {
		s.start(e.unit, e.cause, e.unit.reason)
	}
}

// stopAsked: the context of Run has ended, or somebody is in a hurry.
type stopAsked struct{ hurry bool }

func (e stopAsked) apply(s *Supervisor) {
	s.beginStop()
	if !e.hurry {
		return
	}
	s.hurrying = true
	s.log.Warn("stopping at once", "services", s.alive())
	for _, u := range s.units {
		for _, r := range u.runs() {
			if r.phase == phaseEnding && r.process.Pid != 0 {
				s.escalate(u, r)
			}
		}
	}
}

func (s *Supervisor) beginStop() {
	if !s.stopping {
		s.stopping = true
		s.stoppedAt = time.Now()
		s.log.Info("stopping", "services", s.alive())
	}
}
