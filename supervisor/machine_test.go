package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// failer is what helpers need of a test.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// world stands in for the kernel in virtual time: its processes exist only as entries, so that a day of crashes,
// hangs and stops passes in a moment. Real processes are in process_test.go.
type world struct {
	t       failer
	nextPid int
	// alive are the processes by pid; calls into it are made by minders and by the loop.
	lock  chan struct{}
	alive map[int]*simulated
	// what happened, in order: "start chat", "end chat"
	history []string
	// stubborn services ignore every signal but SIGKILL.
	stubborn map[string]bool
	broken   map[string]error
}

type simulated struct {
	service Service
	slot    int
	ended   chan Exit
}

func newWorld(t failer) *world {
	return &world{t: t, lock: make(chan struct{}, 1), alive: map[int]*simulated{}, stubborn: map[string]bool{}, broken: map[string]error{}}
}

func (w *world) locked(f func()) {
	w.lock <- struct{}{}
	defer func() { <-w.lock }()
	f()
}

func (w *world) launch(s Service, slot int, _ *run) (pid int, ended <-chan Exit, err error) {
	w.locked(func() {
		if err = w.broken[s.Name]; err != nil {
			return
		}
		for _, p := range w.alive {
			if p.service.Name == s.Name && (!s.Overlap || p.slot == slot) {
				w.t.Errorf("two processes of %s in slot %d", s.Name, slot)
			}
		}
		w.nextPid++
		p := &simulated{service: s, slot: slot, ended: make(chan Exit, 1)}
		w.alive[w.nextPid] = p
		w.history = append(w.history, "start "+s.Name)
		pid, ended = w.nextPid, p.ended
	})
	return pid, ended, err
}

func (w *world) signal(pid int, sig syscall.Signal) {
	w.locked(func() {
		if p := w.alive[pid]; p != nil && (sig == syscall.SIGKILL || !w.stubborn[p.service.Name]) {
			w.endLocked(pid, Exit{Code: -1, Signal: signalName(sig), At: time.Now()})
		}
	})
}

func (w *world) endLocked(pid int, exit Exit) {
	p := w.alive[pid]
	if exit.Cause = CauseCrash; exit.ok() {
		exit.Cause = CauseExit
	}
	delete(w.alive, pid)
	w.history = append(w.history, "end "+p.service.Name)
	p.ended <- exit
}

// end ends the process of a service, if it has one.
func (w *world) end(name string, exit Exit) {
	w.locked(func() {
		for pid, p := range w.alive {
			if p.service.Name == name {
				w.endLocked(pid, exit)
				return
			}
		}
	})
}

// begin runs a supervisor over a world inside a synctest bubble, and returns how to end it.
func begin(t failer, w *world, services ...Service) (*Supervisor, func()) {
	t.Helper()
	for i := range services {
		if services[i].Command == nil && services[i].Kind != External {
			services[i].Command = func() (Command, error) { return Command{}, nil }
		}
	}
	s := newSupervisor(t, w, Config{Services: services})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.loop(ctx)
	}()
	return s, func() {
		cancel()
		<-done
		if len(w.alive) > 0 {
			t.Errorf("%d processes outlived the supervisor", len(w.alive))
		}
	}
}

// newSupervisor makes one whose processes live in a world.
func newSupervisor(t failer, w *world, config Config) *Supervisor {
	t.Helper()
	config.Logger = slog.New(slog.DiscardHandler)
	s, err := New(config)
	if err != nil {
		t.Fatalf("%v", err)
	}
	s.launcher = w
	return s
}

func well(context.Context, Process) error { return nil }

func want(t *testing.T, s *Supervisor, name string, state State) {
	t.Helper()
	synctest.Wait()
	if status, _ := s.Snapshot().Find(name); status.State != state {
		t.Fatalf("%s is %s (%s), want %s", name, status.State, status.Reason, state)
	}
}

func TestStartIsOrderedAndStopIsReversed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w,
			Service{Name: "init", Kind: Task, Required: true},
			Service{Name: "database", After: []string{"init"}, Required: true, Ready: well},
			Service{Name: "cache", Ready: well},
			Service{Name: "app", After: []string{"database", "cache"}, Required: true, Ready: well},
		)
		want(t, s, "database", StateWaiting)
		want(t, s, "cache", StateReady)
		if got := s.Snapshot().Condition; got != ConditionStarting {
			t.Errorf("condition %s during the first start", got)
		}
		w.end("init", Exit{})
		want(t, s, "init", StateDone)
		want(t, s, "app", StateReady)
		if got := s.Snapshot().Condition; got != ConditionHealthy {
			t.Errorf("condition %s with all ready", got)
		}
		end()
		got := strings.Join(w.history, ", ")
		stops := got[strings.LastIndex(got, "end init")+len("end init, "):]
		if !strings.Contains(stops, "end app, end database") && !strings.Contains(stops, "end app, end cache, end database") {
			t.Errorf("stopped in the wrong order: %s", got)
		}
	})
}

func TestCrashAfterHealthRestartsAtOnceThenBacksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		s, end := begin(t, w, Service{Name: "app", Required: true, Ready: well})
		defer end()
		want(t, s, "app", StateReady)
		time.Sleep(time.Minute)
		w.end("app", Exit{Code: 1})
		want(t, s, "app", StateReady) // no virtual time has passed
		w.end("app", Exit{Code: 1})
		want(t, s, "app", StateBackoff)
		if got := s.Snapshot().Condition; got != ConditionUnhealthy {
			t.Errorf("condition %s while the app is down", got)
		}
		time.Sleep(DefaultRestart.Min * 6 / 5)
		want(t, s, "app", StateReady)
		status, _ := s.Snapshot().Find("app")
		if status.Restarts != 2 || status.LastExit == nil || status.LastExit.Code != 1 {
			t.Errorf("status after two restarts: %+v", status)
		}
		time.Sleep(DefaultRestart.HealthyAfter)
		w.end("app", Exit{Code: 1})
		want(t, s, "app", StateReady) // the spell of health forgave the earlier failures
	})
}

func TestFailuresInARowAreRetriedSlowly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.broken["app"] = errors.New("no such file")
		s, end := begin(t, w, Service{Name: "app", Required: true, Ready: well})
		defer end()
		time.Sleep(time.Minute)
		want(t, s, "app", StateFailed)
		status, _ := s.Snapshot().Find("app")
		if !strings.Contains(status.Reason, "no such file") {
			t.Errorf("reason %q does not say why", status.Reason)
		}
		w.locked(func() { delete(w.broken, "app") })
		time.Sleep(DefaultRestart.RetryFailed)
		want(t, s, "app", StateReady)
	})
}

func TestStopEscalatesToKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.stubborn["app"] = true
		s, end := begin(t, w, Service{Name: "app", Ready: well, Stop: []StopStep{{syscall.SIGINT, 3 * time.Second}, {syscall.SIGQUIT, 2 * time.Second}}})
		want(t, s, "app", StateReady)
		begun := time.Now()
		end()
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("killed after %s, want 5s", took)
		}
	})
}

func TestHangingServiceIsFoundAndRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.stubborn["app"] = true
		var hang atomic.Bool
		live := func(ctx context.Context, _ Process) error {
			if hang.Load() {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		s, end := begin(t, w, Service{Name: "app", Required: true, Ready: well, Live: live})
		defer end()
		time.Sleep(time.Minute + time.Millisecond) // just after a probe
		want(t, s, "app", StateReady)
		hang.Store(true)
		time.Sleep(DefaultProbing.LiveInterval + DefaultProbing.Timeout)
		want(t, s, "app", StateUnhealthy)
		time.Sleep(2*DefaultProbing.Timeout - 2*time.Millisecond)
		want(t, s, "app", StateUnhealthy)
		time.Sleep(2 * time.Millisecond)
		want(t, s, "app", StateReady)
		status, _ := s.Snapshot().Find("app")
		if status.LastExit.Cause != CauseLiveness || !strings.Contains(status.LastExit.Reason, "liveness") || status.LastExit.Signal != "SIGKILL" {
			t.Errorf("last exit does not tell of the liveness probe: %+v", status.LastExit)
		}
		if status.RestartsBy[CauseLiveness] != 1 || status.RestartsBy[CauseCrash] != 0 {
			t.Errorf("restarts by cause: %v", status.RestartsBy)
		}
	})
}

func TestCheckThatNeverReturnsHurtsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		release := make(chan struct{})
		deaf := func(context.Context, Process) error { <-release; return nil }
		s, end := begin(t, w,
			Service{Name: "deaf", Ready: deaf, Probing: Probing{StartTimeout: 5 * time.Second}},
			Service{Name: "deafened", Ready: well, Live: deaf},
			Service{Name: "app", Ready: well})
		want(t, s, "app", StateReady)
		time.Sleep(10 * time.Second)
		for _, name := range []string{"deaf", "deafened"} {
			if status, _ := s.Snapshot().Find(name); status.Restarts == 0 {
				t.Errorf("not restarted: %+v", status)
			}
		}
		end()
		close(release)
	})
}

func TestOptionalServiceOnlyDegrades(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.broken["cache"] = errors.New("no")
		s, end := begin(t, w,
			Service{Name: "cache", Ready: well},
			Service{Name: "app", Required: true, After: []string{"cache"}, Ready: well})
		defer end()
		time.Sleep(time.Second)
		want(t, s, "app", StateReady)
		if got := s.Snapshot().Condition; got != ConditionDegraded {
			t.Errorf("condition %s without the optional service", got)
		}
	})
}

func TestExternalServiceIsOnlyProbed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var up atomic.Bool
		live := func(context.Context, Process) error {
			if up.Load() {
				return nil
			}
			return errors.New("connection refused")
		}
		s, end := begin(t, w,
			Service{Name: "database", Kind: External, Required: true, Live: live},
			Service{Name: "app", Required: true, After: []string{"database"}, Ready: well})
		defer end()
		time.Sleep(time.Minute)
		want(t, s, "app", StateWaiting)
		up.Store(true)
		time.Sleep(DefaultProbing.LiveInterval)
		want(t, s, "app", StateReady)
		want(t, s, "database", StateExternal)
		if got := s.Snapshot().Condition; got != ConditionHealthy {
			t.Errorf("condition %s", got)
		}
	})
}

// What comes after an external service that is not there waits for it only if it is required.
func TestOptionalExternalServiceHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		dead := FuncCheck(func(context.Context) error { return errors.New("connection refused") })
		s, end := begin(t, w,
			Service{Name: "cache", Kind: External, Live: dead},
			Service{Name: "database", Kind: External, Required: true, Live: dead},
			Service{Name: "chat", Required: true, After: []string{"cache"}, Ready: well},
			Service{Name: "migrate", After: []string{"database"}, Ready: well})
		defer end()
		time.Sleep(time.Minute)
		want(t, s, "chat", StateReady)
		want(t, s, "migrate", StateWaiting)
	})
}

func TestTableIsChecked(t *testing.T) {
	command := func() (Command, error) { return Command{}, nil }
	daemon := func(name string, after ...string) Service {
		return Service{Name: name, After: after, Command: command, Ready: well}
	}
	for _, test := range []struct {
		want     string
		services []Service
	}{
		{"a → b → c → a", []Service{daemon("a", "b"), daemon("b", "c"), daemon("c", "a")}},
		{"a → a", []Service{daemon("a", "a")}},
		{`"a" comes after "x", which does not exist`, []Service{daemon("a", "x")}},
		{`"a" is there twice`, []Service{daemon("a"), daemon("a")}},
		{`"a" has no command`, []Service{{Name: "a", Ready: well}}},
		{`"a" has no readiness probe`, []Service{{Name: "a", Command: command}}},
		{`"a" has no liveness probe`, []Service{{Name: "a", Kind: External}}},
		{"a service has no name", []Service{daemon("")}},
	} {
		_, err := New(Config{Services: test.services})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q in it", err, test.want)
		}
	}
}

func TestPauseGrowsUpToTheMaximum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policy := DefaultRestart
		failures := rapid.IntRange(1, 200).Draw(t, "failures")
		pause := policy.pause(failures)
		if failures == 1 && pause != 0 {
			t.Errorf("first failure pauses %s", pause)
		}
		if failures > 1 && (pause < policy.Min*4/5 || pause > policy.Max) {
			t.Errorf("pause %s after %d failures", pause, failures)
		}
	})
}

func TestEveryStateIsInTheTable(t *testing.T) {
	reachable := []State{StateWaiting, StateExternal}
	for i := 0; i < len(reachable); i++ {
		for _, next := range transitions[reachable[i]] {
			if !slices.Contains(reachable, next) {
				reachable = append(reachable, next)
			}
		}
	}
	if len(reachable) != 10 {
		t.Errorf("%d of 10 states can be reached: %v", len(reachable), reachable)
	}
}
