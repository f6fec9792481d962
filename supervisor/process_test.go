package supervisor

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// tokenVariable marks all processes of one test, by whatever number this namespace knows them.
const tokenVariable = "SUPERVISOR_TEST_TOKEN"

// real is a supervisor in a process of its own.
type real struct {
	t      *testing.T
	cmd    *exec.Cmd
	token  string
	output *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// everyWay runs a test with the supervisor as a child subreaper, and as PID 1 of a PID namespace.
func everyWay(t *testing.T, services string, test func(r *real)) {
	t.Run("subreaper", func(t *testing.T) {
		t.Parallel()
		test(begun(t, services, os.Args[0]))
	})
	t.Run("pid1", func(t *testing.T) {
		t.Parallel()
		if os.Getuid() != 0 {
			t.Skip("a PID namespace needs root")
		}
		test(begun(t, services, "unshare", "--fork", "--pid", "--mount-proc", "--kill-child", os.Args[0]))
	})
}

func begun(t *testing.T, services string, argv ...string) *real {
	t.Helper()
	r := &real{t: t, token: fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano()), output: &lockedBuffer{}}
	r.cmd = exec.Command(argv[0], argv[1:]...)
	r.cmd.Env = append(os.Environ(), roleVariable+"=supervise "+services, tokenVariable+"="+r.token)
	r.cmd.Stdout, r.cmd.Stderr = r.output, r.output
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range r.pids("") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		if t.Failed() {
			t.Logf("log of the supervisor:\n%s", r.output)
		}
	})
	return r
}

// pids are the living processes of this test that play a role; all of them for the empty role.
func (r *real) pids(role string) []int {
	var found []int
	for _, p := range processes() {
		environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), "environ"))
		if err != nil || p.zombie {
			continue
		}
		variables := strings.Split(string(environ), "\x00")
		if !slices.Contains(variables, tokenVariable+"="+r.token) {
			continue
		}
		if role == "" || slices.Contains(variables, roleVariable+"="+role) {
			found = append(found, p.pid)
		}
	}
	return found
}

// supervisorPid is the supervisor itself, also behind unshare.
func (r *real) supervisorPid() int {
	for _, pid := range r.pids("") {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		environ, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if bytes.Contains(environ, []byte(roleVariable+"=supervise")) && !bytes.HasPrefix(cmdline, []byte("unshare")) {
			return pid
		}
	}
	r.t.Fatal("the supervisor is gone")
	return 0
}

// within polls until check returns nil, and fails with its last error.
func (r *real) within(limit time.Duration, check func() error) {
	r.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("not within %s: %v", limit, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (r *real) have(role string, count int) func() error {
	return func() error {
		if pids := r.pids(role); len(pids) != count {
			return fmt.Errorf("%d processes %q, want %d", len(pids), role, count)
		}
		return nil
	}
}

// stop sends SIGTERM and wants exit code 0 and nobody left.
func (r *real) stop(limit time.Duration) {
	r.t.Helper()
	_ = syscall.Kill(r.supervisorPid(), syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() { ended <- r.cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			r.t.Errorf("the supervisor ended with %v", err)
		}
	case <-time.After(limit):
		r.t.Fatalf("the supervisor did not stop within %s", limit)
	}
	if pids := r.pids(""); len(pids) > 0 {
		r.t.Errorf("survivors: %v", pids)
	}
}

func TestKilledProcessIsReplaced(t *testing.T) {
	everyWay(t, "calm", func(r *real) {
		r.within(10*time.Second, r.have("calm", 1))
		for range 3 {
			old := r.pids("calm")[0]
			_ = syscall.Kill(old, syscall.SIGKILL)
			r.within(10*time.Second, func() error {
				if pids := r.pids("calm"); len(pids) != 1 || pids[0] == old {
					return fmt.Errorf("processes %v, want one other than %d", pids, old)
				}
				return nil
			})
		}
		r.stop(10 * time.Second)
	})
}

func TestWhatIgnoresSignalsIsKilled(t *testing.T) {
	everyWay(t, "deaf", func(r *real) {
		r.within(10*time.Second, r.have("deaf", 1))
		r.stop(10 * time.Second)
	})
}

func TestNoDescendantSurvivesAStop(t *testing.T) {
	everyWay(t, "escape", func(r *real) {
		r.within(10*time.Second, r.have("deaf", 3))
		r.stop(10 * time.Second)
	})
}

func TestNoDescendantSurvivesItsService(t *testing.T) {
	everyWay(t, "escape,calm", func(r *real) {
		r.within(10*time.Second, r.have("deaf", 3))
		escaped, calm := r.pids("deaf"), r.pids("calm")
		_ = syscall.Kill(r.pids("escape")[0], syscall.SIGKILL)
		r.within(10*time.Second, func() error {
			now := r.pids("deaf")
			if len(now) != 3 || slices.ContainsFunc(now, func(pid int) bool { return slices.Contains(escaped, pid) }) {
				return fmt.Errorf("escaped %v, were %v", now, escaped)
			}
			return nil
		})
		if now := r.pids("calm"); !slices.Equal(now, calm) {
			r.t.Errorf("the other service was hurt: %v, was %v", now, calm)
		}
		r.stop(10 * time.Second)
	})
}

func TestOrphansAreReaped(t *testing.T) {
	everyWay(t, "breed", func(r *real) {
		r.within(60*time.Second, func() error {
			if !strings.Contains(r.output.String(), "bred") {
				return fmt.Errorf("still breeding")
			}
			return nil
		})
		supervisor := r.supervisorPid()
		r.within(time.Second, func() error {
			for _, p := range processes() {
				if p.ppid == supervisor && p.zombie {
					return fmt.Errorf("zombie %d", p.pid)
				}
			}
			return nil
		})
		r.stop(10 * time.Second)
	})
}

func TestChildrenEndWithTheSupervisor(t *testing.T) {
	r := begun(t, "calm,deaf", os.Args[0])
	r.within(10*time.Second, r.have("deaf", 1))
	r.within(10*time.Second, r.have("calm", 1))
	_ = syscall.Kill(r.supervisorPid(), syscall.SIGKILL)
	r.within(time.Second, r.have("", 0))
}

func TestReasonOfACrashIsTold(t *testing.T) {
	r := begun(t, "crash", os.Args[0])
	r.within(10*time.Second, func() error {
		if !strings.Contains(r.output.String(), `"reason":"exit code 3: no disk left"`) {
			return fmt.Errorf("no reason in the log")
		}
		return nil
	})
	if !strings.Contains(r.output.String(), `{"time":"2026-01-02T03:04:05Z","level":"ERROR","msg":"no disk left","service":"crash"}`) {
		t.Error("the child's line did not keep its time and level")
	}
	r.stop(10 * time.Second)
}
