package supervisor

import (
	"context"
	"fmt"
	"syscall"
	"time"
)

// unit is one service as the loop sees it. Nothing but the loop touches it.
type unit struct {
	Service
	state  State
	since  time.Time
	reason string

	// run is the life under way; nil when nothing of the service lives.
	run *run
	// beenReady says that it was ready, or done, once: what comes after it may start.
	beenReady bool
	// readyAt is when the run became ready; zero if it is not yet.
	readyAt time.Time

	failures int // in a row
	misses   int // liveness probes failed in a row
	starts   int
	stopStep int // of the escalation
	// comeBack says that what is being stopped is to start again.
	comeBack bool

	check    Result
	lastExit *Exit

	// deadline bounds the stay in the present state; epoch tells a late one from the present one.
	deadline *time.Timer
	epoch    int
}

// become is the one place where a service changes its state.
func (s *Supervisor) become(u *unit, to State, reason string) {
	if !u.state.allows(to) {
		panic(fmt.Sprintf("supervisor: %s cannot go from %s to %s", u.Name, u.state, to))
	}
	from, spent := u.state, time.Since(u.since)
	u.state, u.since, u.reason = to, time.Now(), reason
	u.epoch++
	if u.deadline != nil {
		u.deadline.Stop()
	}
	switch to {
	case StateReady, StateDone:
		u.beenReady = true
	}
	switch {
	case u.Port != nil && to == StateReady:
		u.Port.lend(u.Ready)
	case u.Port != nil:
		u.Port.takeBack()
	}
	s.logTransition(u, from, spent)
}

// expireIn sets the deadline of the present state.
func (s *Supervisor) expireIn(u *unit, d time.Duration) {
	epoch := u.epoch
	u.deadline = time.AfterFunc(d, func() { s.tell(expired{u, epoch}) })
}

func (s *Supervisor) start(u *unit, reason string) {
	u.run = &run{endProbes: func() {}}
	u.starts++
	u.misses = 0
	u.readyAt = time.Time{}
	u.check = Result{At: time.Now(), Error: "not asked yet"}
	s.become(u, StateStarting, reason)
	s.expireIn(u, u.Probing.StartTimeout)
	s.workers.Go(func() { s.mind(u, u.run) })
}

// stop ends the run by the escalation of the service; at once by SIGKILL if it is known to hang.
func (s *Supervisor) stop(u *unit, reason string, hangs bool) {
	u.run.endProbes()
	u.stopStep = 0
	if hangs {
		u.stopStep = len(u.Stop)
	}
	s.become(u, StateStopping, reason)
	if u.run.pid != 0 {
		s.escalate(u)
	}
}

// killAgain is how long after SIGKILL it is sent once more; a process may sit in the kernel meanwhile.
const killAgain = 5 * time.Second

func (s *Supervisor) escalate(u *unit) {
	step := StopStep{syscall.SIGKILL, killAgain}
	if u.stopStep < len(u.Stop) {
		step = u.Stop[u.stopStep]
	}
	s.log.Debug("signal sent", "service", u.Name, "signal", signalName(step.Signal))
	s.launcher.signal(u.run.pid, step.Signal)
	u.stopStep++
	s.expireIn(u, step.Grace)
}

// launched: the process exists.
type launched struct {
	unit *unit
	run  *run
	pid  int
}

func (e launched) apply(s *Supervisor) {
	u := e.unit
	e.run.pid = e.pid
	if u.state == StateStopping {
		s.escalate(u)
		return
	}
	if u.Kind == Task {
		return
	}
	s.watch(u)
}

// watch starts the prober of the present run.
func (s *Supervisor) watch(u *unit) {
	ctx, cancel := context.WithCancel(context.Background())
	r := u.run
	r.endProbes = cancel
	p := &prober{service: u.Service}
	s.workers.Go(func() {
		p.run(ctx, func(result Result) { s.tell(probed{u, r, result}) })
	})
}

// exited: the process and all its descendants are gone.
type exited struct {
	unit *unit
	run  *run
	exit Exit
}

func (e exited) apply(s *Supervisor) {
	u := e.unit
	e.run.endProbes()
	u.run = nil
	if e.exit.Reason == "" && u.state == StateStopping {
		e.exit.Reason = u.reason
	}
	u.lastExit = &e.exit
	switch {
	case u.state == StateStopping && !u.comeBack:
		s.become(u, StateStopped, e.exit.String())
	case u.Kind == Task && e.exit.ok() && u.state == StateStarting:
		u.failures = 0
		u.check = Result{OK: true, At: e.exit.At}
		s.become(u, StateDone, "")
	default:
		s.fail(u, e.exit)
	}
}

// fail decides what follows a failure: a start at once, after a pause, or only now and then.
func (s *Supervisor) fail(u *unit, exit Exit) {
	u.comeBack = false
	if s.stopping {
		s.become(u, StateStopped, exit.String())
		return
	}
	if !u.readyAt.IsZero() && time.Since(u.readyAt) >= u.Restart.HealthyAfter {
		u.failures = 0
	}
	u.failures++
	reason := exit.String()
	if exit.Reason != "" {
		reason += ": " + exit.Reason
	}
	u.check = Result{At: exit.At, Error: reason}
	if u.failures >= u.Restart.Burst {
		s.become(u, StateFailed, fmt.Sprintf("failed %d times in a row, next try in %s: %s",
			u.failures, u.Restart.RetryFailed, reason))
		s.expireIn(u, u.Restart.RetryFailed)
		return
	}
	s.become(u, StateBackoff, reason)
	if pause := u.Restart.pause(u.failures); pause > 0 {
		s.expireIn(u, pause)
		return
	}
	s.start(u, reason)
}

// probed: a check gave its result.
type probed struct {
	unit   *unit
	run    *run
	result Result
}

func (e probed) apply(s *Supervisor) {
	u := e.unit
	if u.run != e.run {
		return
	}
	u.check = e.result
	switch {
	case u.state == StateExternal && e.result.OK:
		u.beenReady = true
	case u.state == StateStarting && e.result.OK:
		u.readyAt = time.Now()
		s.become(u, StateReady, "")
	case u.state == StateReady && !e.result.OK:
		s.become(u, StateUnhealthy, e.result.Error)
		s.miss(u)
	case u.state == StateUnhealthy && e.result.OK:
		u.misses = 0
		s.become(u, StateReady, "")
	case u.state == StateUnhealthy:
		s.miss(u)
	}
}

// miss counts a failed liveness probe; at the threshold the service hangs for good, and is restarted.
func (s *Supervisor) miss(u *unit) {
	u.misses++
	if u.misses < u.Probing.FailureThreshold {
		return
	}
	u.comeBack = true
	s.stop(u, fmt.Sprintf("liveness probe failed %d times: %s", u.misses, u.check.Error), true)
}

// expired: the deadline of a state passed.
type expired struct {
	unit  *unit
	epoch int
}

func (e expired) apply(s *Supervisor) {
	u := e.unit
	if e.epoch != u.epoch {
		return
	}
	switch u.state {
	case StateStarting:
		u.comeBack = true
		s.stop(u, fmt.Sprintf("not ready within %s: %s", u.Probing.StartTimeout, u.check.Error), false)
	case StateStopping:
		s.escalate(u)
	case StateBackoff, StateFailed:
		s.start(u, u.reason)
	}
}
