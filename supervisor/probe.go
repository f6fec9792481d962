package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Check asks a service whether it is well; nil means yes. It should return when ctx ends: one that does not
// is counted as a failure, and nothing waits for it. For a service that somebody else runs the process is the zero one.
type Check func(ctx context.Context, p Process) error

// FuncCheck is a check that is the same for every process of a service.
func FuncCheck(ask func(context.Context) error) Check {
	return func(ctx context.Context, _ Process) error { return ask(ctx) }
}

// Unwell is what a check returns when a service answers, and says that it cannot work for a reason that a restart would
// not mend, such as a full disk. It makes the service unhealthy, and never gets it restarted. One that is starting gets
// all of its time to start again.
func Unwell(err error) error { return unwell{err} }

type unwell struct{ error }

func (u unwell) Unwrap() error { return u.error }

// prober asks one run of a service: first whether it is ready, from then on whether it is alive.
type prober struct {
	service Service
	process Process
	// asked is the answer to a check that is under way.
	asked chan error
}

// run sends each result until ctx ends: of the readiness probe until one is good, of the liveness probe from then on.
func (p *prober) run(ctx context.Context, report func(Result)) {
	timing := p.service.Probing
	begun := time.Now()
	for p.service.Kind != External {
		result := p.ask(ctx, p.service.Ready)
		if ctx.Err() != nil {
			return
		}
		report(result)
		interval := timing.ReadyInterval
		switch {
		case result.OK:
			interval = timing.LiveInterval
		case time.Since(begun) > eagerFor:
			interval *= 10
		}
		if !pause(ctx, interval) {
			return
		}
		if result.OK {
			break
		}
	}
	for p.service.Live != nil {
		asked := time.Now()
		result := p.ask(ctx, p.service.Live)
		if ctx.Err() != nil {
			return
		}
		report(result)
		interval := timing.LiveInterval
		if !result.OK { // what is in doubt is asked again sooner
			interval = min(interval, timing.Timeout)
		}
		if !pause(ctx, interval-time.Since(asked)) {
			return
		}
	}
}

// eagerFor is how long a process is asked often whether it is ready.
const eagerFor = time.Second

func (p *prober) ask(ctx context.Context, check Check) Result {
	begun := time.Now()
	timeout := time.NewTimer(p.service.Probing.Timeout)
	defer timeout.Stop()
	if p.asked != nil { // by a question that was given up; its answer is about the past
		select {
		case <-p.asked:
		case <-timeout.C:
			return p.result(begun, context.DeadlineExceeded)
		case <-ctx.Done():
			return p.result(begun, ctx.Err())
		}
	}
	p.asked = make(chan error, 1)
	go func(answer chan<- error) {
		ctx, cancel := context.WithTimeout(ctx, p.service.Probing.Timeout)
		defer cancel()
		answer <- check(ctx, p.process)
	}(p.asked)
	var err error
	select {
	case err = <-p.asked:
		p.asked = nil
	case <-timeout.C:
		err = context.DeadlineExceeded
	case <-ctx.Done():
		err = ctx.Err()
	}
	return p.result(begun, err)
}

func (p *prober) result(begun time.Time, err error) Result {
	now := time.Now()
	result := Result{OK: err == nil, At: now, LatencyMS: float64(now.Sub(begun).Microseconds()) / 1000}
	switch {
	case errors.As(err, new(unwell)):
		result.Error, result.unwell = err.Error(), true
	case errors.Is(err, context.DeadlineExceeded):
		result.Error = fmt.Sprintf("no answer within %s", p.service.Probing.Timeout)
	case err != nil:
		result.Error = err.Error()
	}
	return result
}

// pause waits, and says whether it was for the whole time.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
