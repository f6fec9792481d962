package supervisor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func do(t *testing.T, s *Supervisor, action Action, name string) {
	t.Helper()
	if err := s.Do(t.Context(), action, name); err != nil {
		t.Fatalf("%s %s: %v", action, name, err)
	}
}

func TestStoppedServiceStaysStoppedUntilStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w, Service{Name: "app", Required: true, Ready: well}, Service{Name: "after", After: []string{"app"}, Ready: well})
		defer end()
		want(t, s, "after", StateReady)
		do(t, s, ActionStop, "app")
		want(t, s, "app", StateStopped)
		time.Sleep(time.Hour)
		want(t, s, "app", StateStopped)
		want(t, s, "after", StateReady) // it lives through it
		do(t, s, ActionStart, "app")
		want(t, s, "app", StateReady)
		do(t, s, ActionStart, "app") // which changes nothing
		if status, _ := s.Snapshot().Find("app"); status.Restarts != 1 || status.RestartsBy[CauseCommand] != 1 {
			t.Errorf("restarts %d, %v", status.Restarts, status.RestartsBy)
		}
	})
}

func TestRestartWithoutOverlapStopsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w, Service{Name: "app", Ready: well})
		defer end()
		want(t, s, "app", StateReady)
		do(t, s, ActionRestart, "app")
		want(t, s, "app", StateReady)
		if got := strings.Join(w.history, ", "); got != "start app, end app, start app" {
			t.Errorf("what happened: %s", got)
		}
		status, _ := s.Snapshot().Find("app")
		if status.LastExit.Cause != CauseCommand || status.Restarts != 1 {
			t.Errorf("status %+v", status)
		}
	})
}

// slow is ready only some time after it was first asked in each process.
func slow(after time.Duration) Check {
	begun := map[Process]time.Time{}
	lock := make(chan struct{}, 1)
	return func(_ context.Context, p Process) error {
		lock <- struct{}{}
		defer func() { <-lock }()
		if begun[p].IsZero() {
			begun[p] = time.Now()
		}
		if time.Since(begun[p]) < after {
			return errors.New("not yet")
		}
		return nil
	}
}

func TestOverlappedRestartIsNeverNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w, Service{Name: "app", Required: true, Overlap: true, Ready: slow(3 * time.Second), Live: well})
		defer end()
		time.Sleep(10 * time.Second)
		want(t, s, "app", StateReady)
		old, _ := s.Snapshot().Find("app")
		ctx, cancel := context.WithCancel(t.Context())
		watched := make(chan bool)
		go func() {
			always := true
			for snapshot := range s.Watch(ctx) {
				always = always && snapshot.Condition == ConditionHealthy
			}
			watched <- always
		}()
		do(t, s, ActionRestart, "app")
		cancel()
		if !<-watched {
			t.Error("it was not healthy all the while")
		}
		if got := strings.Join(w.history, ", "); got != "start app, start app, end app" {
			t.Errorf("what happened: %s", got)
		}
		now, _ := s.Snapshot().Find("app")
		if now.Pid == old.Pid || now.Pid == 0 {
			t.Errorf("pid %d, was %d", now.Pid, old.Pid)
		}
	})
}

func TestOldProcessGoesOnWhenTheNewOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w, Service{Name: "app", Required: true, Overlap: true, Ready: well})
		defer end()
		want(t, s, "app", StateReady)
		old, _ := s.Snapshot().Find("app")
		w.broken["app"] = errors.New("no such file")
		err := s.Do(t.Context(), ActionRestart, "app")
		if err == nil || !strings.Contains(err.Error(), "the old one goes on") || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("error %v", err)
		}
		want(t, s, "app", StateReady)
		if now, _ := s.Snapshot().Find("app"); now.Pid != old.Pid || now.Restarts != 0 {
			t.Errorf("status %+v", now)
		}
	})
}

func TestOldProcessDiesWhileTheNewOneComesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w, Service{Name: "app", Required: true, Overlap: true, Ready: slow(3 * time.Second), Live: well})
		defer end()
		time.Sleep(10 * time.Second)
		restarted := make(chan error, 1)
		go func() { restarted <- s.Do(t.Context(), ActionRestart, "app") }()
		time.Sleep(time.Second)
		old, _ := s.Snapshot().Find("app")
		w.locked(func() { w.endLocked(old.Pid, Exit{Code: 1, At: time.Now()}) })
		want(t, s, "app", StateStarting)
		if err := <-restarted; err != nil {
			t.Error(err)
		}
		want(t, s, "app", StateReady)
		if got := strings.Join(w.history, ", "); got != "start app, start app, end app" {
			t.Errorf("what happened: %s", got)
		}
	})
}

func TestCommandsAreSerialised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.stubborn["app"] = true // so that it takes time to stop, and no two commands end at the same moment
		s, end := begin(t, w, Service{Name: "app", Ready: slow(time.Second)})
		defer end()
		time.Sleep(5 * time.Second)
		var ended []Action
		lock := make(chan struct{}, 1)
		results := make(chan error, 4)
		for _, action := range []Action{ActionRestart, ActionStop, ActionStart, ActionRestart} {
			go func() {
				err := s.Do(t.Context(), action, "app")
				lock <- struct{}{}
				ended = append(ended, action)
				<-lock
				results <- err
			}()
			synctest.Wait()
		}
		for range 4 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		if !slices.Equal(ended, []Action{ActionRestart, ActionStop, ActionStart, ActionRestart}) {
			t.Errorf("ended in the order %v", ended)
		}
		want(t, s, "app", StateReady)
	})
}

func TestCommandThatCannotSucceedSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.broken["base"] = errors.New("no such file")
		s, end := begin(t, w,
			Service{Name: "base", Required: true, Ready: well},
			Service{Name: "app", After: []string{"base"}, Required: true, Ready: well},
			Service{Name: "front", After: []string{"app"}, Ready: well},
			Service{Name: "outside", Kind: External, Live: well})
		time.Sleep(time.Minute)
		for _, test := range []struct {
			action Action
			name   string
			want   string
			is     error
		}{
			{ActionStart, "nobody", `no such service: "nobody"`, ErrUnknownService},
			{ActionStop, "outside", "run by somebody else", ErrRefused},
			{"dance", "app", "none of start, stop and restart", ErrRefused},
			{ActionStart, "app", "app waits for base, which is failed", nil},
			{ActionStart, "front", "front waits for base, which is failed", nil},
			{ActionStart, "base", "base did not come up: could not be launched: no such file", nil},
			{ActionRestart, "base", "base did not come up: could not be launched: no such file", nil},
		} {
			err := s.Do(t.Context(), test.action, test.name)
			if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%s %s: %v, want %q", test.action, test.name, err, test.want)
			}
		}
		end()
		if err := s.Do(t.Context(), ActionStart, "app"); !errors.Is(err, ErrRefused) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestCommandIsAnsweredWhenAllStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w, Service{Name: "app", Ready: slow(time.Hour), Probing: Probing{StartTimeout: 2 * time.Hour}})
		answer := make(chan error, 1)
		go func() { answer <- s.Do(t.Context(), ActionStart, "app") }()
		synctest.Wait()
		end()
		if err := <-answer; !errors.Is(err, ErrRefused) {
			t.Errorf("answer %v", err)
		}
	})
}

func TestWithdrawnCommandMakesWayForTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w, Service{Name: "app", Ready: slow(time.Hour), Probing: Probing{StartTimeout: 2 * time.Hour}})
		defer end()
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Do(impatient, ActionStart, "app"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("answer %v", err)
		}
		do(t, s, ActionStop, "app")
		want(t, s, "app", StateStopped)
	})
}

func TestPolicies(t *testing.T) {
	for _, test := range []struct {
		policy Policy
		code   int
		want   State
	}{
		{RestartAlways, 0, StateReady},
		{RestartAlways, 1, StateReady},
		{RestartOnFailure, 0, StateDone},
		{RestartOnFailure, 1, StateReady},
		{RestartNever, 0, StateDone},
		{RestartNever, 1, StateFailed},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			s, end := begin(t, w, Service{Name: "app", Ready: well, Restart: Restart{Policy: test.policy}})
			defer end()
			time.Sleep(time.Minute)
			w.end("app", Exit{Code: test.code, At: time.Now()})
			time.Sleep(time.Hour)
			want(t, s, "app", test.want)
			do(t, s, ActionStart, "app")
			want(t, s, "app", StateReady)
		})
	}
}

func TestExitOnFailureEndsTheWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.broken["app"] = errors.New("no such file")
		services := []Service{{Name: "extra", Ready: well}, {Name: "app", Required: true, Ready: well}}
		for i := range services {
			services[i].Command = func() (Command, error) { return Command{}, nil }
		}
		s := newSupervisor(t, w, Config{Services: services, OnFailure: ExitOnFailure})
		begun := time.Now()
		s.loop(t.Context())
		if s.failed == nil || s.failed.Service != "app" || !strings.Contains(s.failed.Error(), "no such file") {
			t.Errorf("it ended with %v", s.failed)
		}
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("it took %s", took)
		}
		if len(w.alive) > 0 {
			t.Errorf("%d processes are left", len(w.alive))
		}
	})
}

func TestUnwellServiceIsNotRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var full atomic.Bool
		live := func(context.Context, Process) error {
			if full.Load() {
				return Unwell(errors.New("the disk is full"))
			}
			return nil
		}
		s, end := begin(t, w, Service{Name: "app", Required: true, Ready: well, Live: live})
		defer end()
		time.Sleep(time.Minute)
		full.Store(true)
		time.Sleep(time.Hour)
		want(t, s, "app", StateUnhealthy)
		if status, _ := s.Snapshot().Find("app"); status.Restarts != 0 || status.Reason != "the disk is full" {
			t.Errorf("status %+v", status)
		}
		full.Store(false)
		time.Sleep(2 * time.Second)
		want(t, s, "app", StateReady)
	})
}

func TestSlowStartThatTellsOfItselfIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		begun := time.Now()
		recovering := func(context.Context, Process) error {
			if time.Since(begun) < time.Hour {
				return Unwell(errors.New("recovering"))
			}
			return nil
		}
		s, end := begin(t, w, Service{Name: "app", Required: true, Ready: recovering})
		defer end()
		time.Sleep(time.Hour - time.Second)
		want(t, s, "app", StateStarting)
		time.Sleep(2 * time.Second)
		want(t, s, "app", StateReady)
		if status, _ := s.Snapshot().Find("app"); status.Restarts != 0 {
			t.Errorf("it was restarted %d times", status.Restarts)
		}
	})
}

func TestHurryCutsTheGraceShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.stubborn["app"], w.stubborn["base"] = true, true
		s, end := begin(t, w,
			Service{Name: "base", Ready: well},
			Service{Name: "app", After: []string{"base"}, Ready: well, Stop: []StopStep{{syscall.SIGTERM, time.Minute}, {syscall.SIGQUIT, time.Minute}}})
		want(t, s, "app", StateReady)
		go func() {
			time.Sleep(time.Second)
			s.Hurry() // app gets SIGQUIT, and base its SIGTERM without waiting for app
			time.Sleep(time.Second)
			s.Hurry() // both get SIGKILL
		}()
		begun := time.Now()
		end()
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("the stop took %s", took)
		}
	})
}

func TestEventsTellWhatHappenedAndWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w, Service{Name: "app", Ready: well})
		defer end()
		time.Sleep(time.Minute)
		seen := s.Events(t.Context(), 0)
		if len(seen) != 2 || seen[1].To != StateReady || seen[1].Seq != 2 {
			t.Fatalf("events %+v", seen)
		}
		next := make(chan []Event, 1)
		go func() { next <- s.Events(t.Context(), seen[1].Seq) }()
		synctest.Wait()
		w.end("app", Exit{Code: 1, At: time.Now()})
		got := <-next
		if got[0].To != StateBackoff || got[0].Cause != CauseCrash || got[0].Reason != "exit code 1" {
			t.Errorf("events %+v", got)
		}
		for range 2 * historyLength {
			do(t, s, ActionRestart, "app")
		}
		all := s.Events(t.Context(), 0)
		if len(all) != historyLength {
			t.Errorf("%d events are kept", len(all))
		}
	})
}
