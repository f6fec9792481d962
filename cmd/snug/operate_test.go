package main

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"snug/supervisor"
)

// state wants a service to be in a state at this moment.
func (r *running) state(service string, want supervisor.State) error {
	if now := r.service(service); now.State != want {
		return fmt.Errorf("%s is %s, want %s: %s", service, now.State, want, now.Reason)
	}
	return nil
}

// mustRun runs a command that is to succeed.
func (r *running) mustRun(args ...string) string {
	r.t.Helper()
	out, code := r.snug(args...)
	if code != exitDone {
		r.t.Errorf("snug %s: exit code %d, %s", strings.Join(args, " "), code, out)
	}
	return out
}

func TestCommandsStartStopAndRestart(t *testing.T) {
	t.Parallel()
	r := start(t, dataIn(t))
	r.healthy()
	m := r.setUp()
	m.post("before")

	if out := r.mustRun("stop", "cache"); !strings.HasPrefix(out, "cache is stopped") {
		t.Errorf("snug stop cache: %s", out)
	}
	old := r.pid("chat")
	r.mustRun("restart", "chat")
	if now := r.pid("chat"); now == old || now == 0 {
		t.Errorf("snug restart chat: pid %d, was %d", now, old)
	}
	// Whatever else is restarted meanwhile, what was stopped stays stopped.
	if err := syscall.Kill(r.pid("postgres"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	m.post("without a cache")
	r.within(10*time.Second, func() error { return r.state("postgres", supervisor.StateReady) })
	if err := r.state("cache", supervisor.StateStopped); err != nil {
		t.Error(err)
	}
	if health, err := r.health(); err != nil || health.Status != supervisor.ConditionDegraded {
		t.Errorf("health without the cache: %v, %s", err, describeHealth(health))
	}
	r.mustRun("start", "cache")
	r.healthy()

	old = r.pid("chat")
	r.mustRun("stop", "postgres")
	if err := r.state("postgres", supervisor.StateStopped); err != nil {
		t.Error(err)
	}
	if now := r.pid("chat"); now != old {
		t.Errorf("chat has pid %d, had %d before PostgreSQL was stopped", now, old)
	}
	r.mustRun("start", "postgres")
	r.healthy()
	m.post("after")
	m.checkStored()
	r.stop()
}

// TestCommandsAtOnce gives all commands for one service at once: each is done or says why not, and the last word counts.
func TestCommandsAtOnce(t *testing.T) {
	r := start(t, dataIn(t))
	r.healthy()
	m := r.setUp()
	var commands sync.WaitGroup
	for range 3 {
		for _, action := range []string{"restart", "stop", "start"} {
			commands.Go(func() {
				if out, code := r.snug(action, "chat"); code != exitDone {
					t.Errorf("snug %s chat: exit code %d, %s", action, code, out)
				}
			})
		}
	}
	commands.Wait()
	r.mustRun("stop", "chat")
	if err := r.state("chat", supervisor.StateStopped); err != nil {
		t.Error(err)
	}
	r.mustRun("start", "chat")
	r.healthy()
	m.post("after")
	m.checkStored()
	r.stop()
}

func TestCommandsThatCannotBeDone(t *testing.T) {
	r := start(t, dataIn(t), "SNUG_POSTGRES_BIN=/does/not/exist")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"restart", "nobody"}, exitFailed, `there is no such service: "nobody"; there are postgres-init, postgres, cache, migrate, chat`},
		{[]string{"start", "postgres-init"}, exitFailed, "postgres-init did not come up"},
		{[]string{"start", "chat"}, exitFailed, "it starts by itself as soon as that is ready"},
		{[]string{"stop"}, exitUsage, "wants the name of one service, got 0"},
		{[]string{"stop", "chat", "cache"}, exitUsage, "wants the name of one service, got 2"},
	} {
		if out, code := r.snug(test.args...); code != test.code || !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 {
			t.Errorf("snug %s: exit code %d, want %d; output %q, want %q in its one line", strings.Join(test.args, " "), code, test.code, out, test.want)
		}
	}
	r.stop()
	if out, code := r.snug("start", "chat"); code != exitFailed || !strings.Contains(out, "no Snug runs on") {
		t.Errorf("snug start of a stopped one: %d %q", code, out)
	}
}

func TestSignals(t *testing.T) {
	r := start(t, dataIn(t))
	r.healthy()
	chat, postgres := r.service("chat"), r.service("postgres")
	r.signal(syscall.SIGHUP)
	r.within(20*time.Second, func() error {
		if now := r.service("chat"); now.Pid == chat.Pid || now.State != supervisor.StateReady {
			return fmt.Errorf("chat is %s with pid %d", now.State, now.Pid)
		}
		return nil
	})
	if now := r.service("postgres"); now.Pid != postgres.Pid {
		t.Errorf("SIGHUP has restarted PostgreSQL: pid %d, was %d", now.Pid, postgres.Pid)
	}
	r.signal(syscall.SIGUSR1)
	r.within(5*time.Second, func() error {
		if r.find(`(state of all services condition=healthy)`) == "" || r.find(`(state service=chat state=ready)`) == "" {
			return fmt.Errorf("SIGUSR1 has not logged the state")
		}
		return nil
	})
	r.signal(syscall.SIGQUIT)
	r.within(5*time.Second, func() error {
		if r.find(`(?s)(goroutine \d+ .*supervisor\.\(\*Supervisor\)\.loop)`) == "" {
			return fmt.Errorf("SIGQUIT has not written the goroutines")
		}
		return nil
	})
	r.signal(syscall.SIGPIPE)
	r.healthy()
	r.stop()
}

func (r *running) signal(sig syscall.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}

// TestSecondSignalHurries stops while chat hangs, and so does not hear that it is to stop: it is given ten seconds, but
// not by somebody who asks twice.
func TestSecondSignalHurries(t *testing.T) {
	r := start(t, dataIn(t))
	r.healthy()
	if err := syscall.Kill(r.pid("chat"), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	r.signal(syscall.SIGTERM)
	r.within(5*time.Second, func() error { return r.state("chat", supervisor.StateStopping) })
	begun := time.Now()
	r.signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(30 * time.Second):
		t.Fatal("it does not stop")
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("in a hurry it took %s", took)
	}
	if left := r.processes(); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

func TestFailureEndsItWithACodeOfItsOwn(t *testing.T) {
	r := launch(t, dataIn(t), "SNUG_POSTGRES_BIN=/does/not/exist", "SNUG_ON_FAILURE=exit")
	select {
	case <-r.ended:
	case <-time.After(60 * time.Second):
		t.Fatal("it goes on")
	}
	if code := r.cmd.ProcessState.ExitCode(); code != exitService {
		t.Errorf("exit code %d, want %d", code, exitService)
	}
	if r.find(`(snug: service postgres-init has failed: .*/does/not/exist)`) == "" {
		t.Errorf("it does not say why: %s", r.log)
	}
	if left := r.processes(); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// TestSupervisorKilledEndsPostgresCleanly: a supervisor that is killed cannot stop anybody, so the kernel tells its
// children. PostgreSQL ends as by command, with nothing to recover at the next start.
func TestSupervisorKilledEndsPostgresCleanly(t *testing.T) {
	data := dataIn(t)
	r := start(t, data)
	r.healthy()
	m := r.setUp()
	m.post("before")
	begun := time.Now()
	r.signal(syscall.SIGKILL)
	<-r.ended
	r.within(5*time.Second, func() error {
		if left := r.processes(); len(left) > 0 {
			return fmt.Errorf("processes %v are left", left)
		}
		return nil
	})
	t.Logf("all had ended after %s", time.Since(begun))
	m.r = start(t, data)
	m.r.healthy()
	if m.r.find(`(database system was shut down at)`) == "" {
		t.Error("PostgreSQL does not say that it had been shut down")
	}
	if trouble := m.r.find(`(database system was interrupted|not properly shut down)`); trouble != "" {
		t.Errorf("PostgreSQL had to recover: %s", trouble)
	}
	m.checkStored()
	m.r.stop()
}
