package supervisor

import (
	"context"
	"sync/atomic"
	"syscall"
	"time"
)

// run is one life of a service: from the decision to launch it until nothing of it is left.
type run struct {
	// process has no pid until the launch is done. Only the loop reads and writes that.
	process Process
	phase   phase
	// begun is when it was launched, readyAt when it became ready; zero if it has not yet.
	begun, readyAt time.Time
	// endProbes ends the run's prober.
	endProbes func()
	// step is the next one of the escalation; cause and reason are why it was told to end.
	step   int
	cause  Cause
	reason string
	// lastError is the last line that the process logged as an error.
	lastError atomic.Pointer[string]

	// deadline bounds the present phase or step; epoch tells a late one from the present one.
	deadline *time.Timer
	epoch    int
}

type phase int

const (
	phaseStarting phase = iota
	phaseReady
	phaseEnding
)

// launch begins a life of the unit, in a slot that no other of its lives has.
func (s *Supervisor) launch(u *unit) *run {
	r := &run{begun: time.Now(), endProbes: func() {}}
	for _, other := range u.runs() {
		if other.process.Slot == 0 {
			r.process.Slot = 1
		}
	}
	s.expect(u, r, u.Probing.StartTimeout)
	s.workers.Go(func() { s.mind(u, r, r.process.Slot) })
	return r
}

// expect gives the run's present phase or step so much time.
func (s *Supervisor) expect(u *unit, r *run, d time.Duration) {
	r.forget()
	epoch := r.epoch
	r.deadline = time.AfterFunc(d, func() { s.tell(overdue{u, r, epoch}) })
}

// forget gives the present phase all the time it wants.
func (r *run) forget() {
	r.epoch++
	if r.deadline != nil {
		r.deadline.Stop()
	}
}

func (r *run) becomeReady() {
	r.forget()
	r.phase, r.readyAt = phaseReady, time.Now()
}

// end has a run stop by the escalation of its service, from the given step on. One that is on its way out already is
// only told if that is a later step than its next.
func (s *Supervisor) end(u *unit, r *run, cause Cause, reason string, step int) {
	if r == nil || r.phase == phaseEnding && step < r.step {
		return
	}
	r.endProbes()
	if r.phase != phaseEnding {
		r.phase, r.cause, r.reason = phaseEnding, cause, reason
		r.forget()
	}
	r.step = step
	if r.process.Pid != 0 {
		s.escalate(u, r)
	}
}

// killAgain is how long after SIGKILL it is sent once more; a process may sit in the kernel meanwhile.
const killAgain = 5 * time.Second

func (s *Supervisor) escalate(u *unit, r *run) {
	step := StopStep{syscall.SIGKILL, killAgain}
	if r.step < len(u.Stop) {
		step = u.Stop[r.step]
	}
	s.log.Debug("signal sent", "service", u.Name, "pid", r.process.Pid, "signal", signalName(step.Signal))
	s.launcher.signal(r.process.Pid, step.Signal)
	r.step++
	s.expect(u, r, step.Grace)
}

// watch starts the prober of a run.
func (s *Supervisor) watch(u *unit, r *run) {
	ctx, cancel := context.WithCancel(context.Background())
	r.endProbes = cancel
	asked := r.process
	asked.service, asked.reaper = u.Name, s.reaper
	p := &prober{service: u.Service, process: asked}
	s.workers.Go(func() {
		p.run(ctx, func(result Result) { s.tell(probed{u, r, result}) })
	})
}
