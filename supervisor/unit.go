package supervisor

import (
	"fmt"
	"time"
)

// unit is one service as the loop sees it. Nothing but the loop touches it.
type unit struct {
	Service
	state  State
	since  time.Time
	reason string

	// run is the life that serves or is about to; nil when there is none.
	run *run
	// successor comes up beside run in an overlapped restart; retiring is the one before run, on its way out.
	successor, retiring *run
	// then is what follows StateStopping.
	then outcome

	// beenReady says that it was ready, or done, once: what comes after it may start.
	beenReady bool
	failures  int // in a row
	misses    int // liveness probes failed in a row
	starts    int
	restarts  map[Cause]int
	startedIn time.Duration // from the latest launch to ready
	check     Result
	lastExit  *Exit

	// order is the command under way, queue those that wait for it.
	order *order
	queue []*order

	// pause ends a stay in StateBackoff or StateFailed; epoch tells a late one from the present one.
	pause *time.Timer
	epoch int
}

// outcome is what is to follow once a service that was told to stop has ended.
type outcome int

const (
	thenStopped outcome = iota
	thenRestart
	thenFail
)

// become is the one place where a service changes its state.
func (s *Supervisor) become(u *unit, to State, cause Cause, reason string) {
	if !u.state.allows(to) {
		panic(fmt.Sprintf("supervisor: %s cannot go from %s to %s", u.Name, u.state, to))
	}
	from, spent := u.state, time.Since(u.since)
	u.state, u.since, u.reason = to, time.Now(), reason
	u.epoch++
	if u.pause != nil {
		u.pause.Stop()
	}
	if to == StateReady || to == StateDone {
		u.beenReady = true
	}
	switch {
	case u.Port != nil && to == StateReady:
		u.Port.lend(u.Ready, u.run.process)
	case u.Port != nil:
		u.Port.takeBack()
	}
	s.note(u, from, spent, cause)
}

// startIn leaves StateBackoff or StateFailed after a pause.
func (s *Supervisor) startIn(u *unit, d time.Duration, cause Cause) {
	epoch := u.epoch
	u.pause = time.AfterFunc(d, func() { s.tell(pauseOver{u, epoch, cause}) })
}

func (s *Supervisor) start(u *unit, cause Cause, reason string) {
	u.countStart(cause)
	u.misses = 0
	u.check = Result{At: time.Now(), Error: "not asked yet"}
	u.run = s.launch(u)
	s.become(u, StateStarting, cause, reason)
}

func (u *unit) countStart(cause Cause) {
	u.starts++
	if u.starts > 1 {
		u.restarts[cause]++
	}
}

// stop ends the unit's run by its escalation; one that is known to hang by SIGKILL at once.
func (s *Supervisor) stop(u *unit, then outcome, cause Cause, reason string) {
	step := 0
	switch {
	case cause == CauseLiveness:
		step = len(u.Stop)
	case s.hurrying:
		step = len(u.Stop) - 1
	}
	u.then = then
	s.end(u, u.run, cause, reason, step)
	s.become(u, StateStopping, cause, reason)
}

// stopAll stops a unit for good, and whatever lives of it.
func (s *Supervisor) stopAll(u *unit, reason string) {
	if u.state != StateStopping {
		s.stop(u, thenStopped, CauseCommand, reason)
	}
	u.then = thenStopped
	for _, r := range u.runs() {
		s.end(u, r, CauseCommand, reason, 0)
	}
}

// settled says that nothing of the unit lives and that it will not start by itself.
func (u *unit) settled() bool {
	switch u.state {
	case StateDone, StateStopped:
		return !u.lives()
	default:
		return u.state == StateExternal
	}
}

func (u *unit) lives() bool {
	return u.Kind != External && (u.run != nil || u.successor != nil || u.retiring != nil)
}

// runs are all lives of the unit.
func (u *unit) runs() []*run {
	var runs []*run
	for _, r := range []*run{u.run, u.successor, u.retiring} {
		if r != nil {
			runs = append(runs, r)
		}
	}
	return runs
}

// succeed begins an overlapped restart: the new process comes up while the old one serves.
func (s *Supervisor) succeed(u *unit) {
	u.successor = s.launch(u)
	s.log.Info("restarting", "service", u.Name, "old", u.run.process.Pid)
}

// handOver makes the successor, which is ready, the one that serves, and has the old one retire.
func (s *Supervisor) handOver(u *unit) {
	u.retiring, u.run, u.successor = u.run, u.successor, nil
	u.countStart(CauseCommand)
	u.misses = 0
	s.becomeReady(u, "restarted")
	s.end(u, u.retiring, CauseCommand, "restart", 0)
}

// takeOver makes the successor the one that serves before it is ready, as the old one has ended.
func (s *Supervisor) takeOver(u *unit, exit Exit) {
	u.run, u.successor = u.successor, nil
	u.countStart(CauseCommand)
	u.misses = 0
	u.check = Result{At: time.Now(), Error: "not asked yet"}
	s.become(u, StateStarting, exit.Cause, "the old process has ended: "+exit.String())
}

func (s *Supervisor) becomeReady(u *unit, reason string) {
	u.run.becomeReady()
	u.startedIn = u.run.readyAt.Sub(u.run.begun)
	s.become(u, StateReady, "", reason)
}

// fail decides what follows the end of a run that nobody asked for: nothing more, or a start, at once, after a pause,
// or only now and then.
func (s *Supervisor) fail(u *unit, r *run, exit Exit) {
	if s.stopping {
		s.become(u, StateStopped, exit.Cause, exit.String())
		return
	}
	reason := exit.describe()
	if exit.Cause == CauseExit && u.Restart.Policy != RestartAlways {
		u.check = Result{OK: true, At: exit.At}
		s.become(u, StateDone, exit.Cause, reason)
		return
	}
	u.check = Result{At: exit.At, Error: reason}
	if u.Restart.Policy == RestartNever {
		s.become(u, StateFailed, exit.Cause, reason+"; it is not restarted, as that is its policy")
		return
	}
	if !r.readyAt.IsZero() && time.Since(r.readyAt) >= u.Restart.HealthyAfter {
		u.failures = 0
	}
	u.failures++
	if u.failures >= u.Restart.Burst {
		s.giveUp(u, exit.Cause, reason)
		return
	}
	s.become(u, StateBackoff, exit.Cause, reason)
	if pause := u.Restart.pause(u.failures); pause > 0 {
		s.startIn(u, pause, exit.Cause)
		return
	}
	s.start(u, exit.Cause, reason)
}

// giveUp calls a service failed: the whole ends for it, if so configured, or it is retried slowly.
func (s *Supervisor) giveUp(u *unit, cause Cause, reason string) {
	if s.onFailure == ExitOnFailure && u.Required {
		s.become(u, StateFailed, cause, fmt.Sprintf("failed %d times in a row: %s", u.failures, reason))
		s.failed = &FailedError{Service: u.Name, Reason: reason}
		s.beginStop()
		return
	}
	s.become(u, StateFailed, cause, fmt.Sprintf("failed %d times in a row, next try in %s: %s",
		u.failures, u.Restart.RetryFailed, reason))
	s.startIn(u, u.Restart.RetryFailed, cause)
}
