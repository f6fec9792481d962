package proc

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestChildrenAreThoseThatLive(t *testing.T) {
	dir := t.TempDir()
	ended, alive := run(t, dir, "echo"), run(t, dir, "echo; exec sleep 600")
	if err := syscall.Kill(ended.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	find := func(pid int) int {
		return slices.IndexFunc(Children(os.Getpid()), func(c Child) bool { return c.Pid == pid })
	}
	for deadline := time.Now().Add(10 * time.Second); find(ended.Process.Pid) >= 0; {
		if time.Now().After(deadline) {
			t.Fatal("one that has ended, and was not waited for, is among the children")
		}
		time.Sleep(time.Millisecond)
	}
	if find(alive.Process.Pid) < 0 {
		t.Error("one that lives is not among the children")
	}
	if found := Children(alive.Process.Pid); len(found) > 0 {
		t.Errorf("children of one that has none: %v", found)
	}
}

func TestKillHitsNobodyElse(t *testing.T) {
	sleep := run(t, t.TempDir(), "echo; exec sleep 600")
	child, ok := look(sleep.Process.Pid)
	if !ok || child.Parent != os.Getpid() || !strings.Contains(child.Title(), "sleep 600") {
		t.Fatalf("the child is seen as %+v, %q", child, child.Title())
	}
	for what, other := range map[string]Child{
		"another's child":        {Pid: child.Pid, Parent: 1, Started: child.Started},
		"one that began earlier": {Pid: child.Pid, Parent: child.Parent, Started: child.Started - Tick},
	} {
		other.Kill()
		if !child.Alive() {
			t.Fatalf("%s was meant, and its namesake hit", what)
		}
	}
	child.Kill()
	if state, _ := sleep.Process.Wait(); state.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("it ended with %v", state)
	}
	if child.Alive() {
		t.Error("it still counts as alive")
	}
	child.Kill() // of nobody
}

func TestStartedIsTheTimeSinceBoot(t *testing.T) {
	begun := uptime(t)
	sleep := run(t, t.TempDir(), "echo; exec sleep 600")
	child, _ := look(sleep.Process.Pid)
	if child.Started < begun-Tick || child.Started > uptime(t)+2*Tick {
		t.Errorf("started %v after boot, want it from %v on", child.Started, begun)
	}
}

// uptime is rounded down to the hundredth of a second.
func uptime(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	up, err := time.ParseDuration(strings.Fields(string(text))[0] + "s")
	if err != nil {
		t.Fatal(err)
	}
	return up
}

func FuzzParseStat(f *testing.F) {
	own, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(own))
	f.Add("7 (a) R 1 (b) S 5 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 42 0 0")
	f.Add("7 (gone) Z 5 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 42 0 0")
	f.Add("7 (")
	f.Add("")
	f.Fuzz(func(t *testing.T, stat string) {
		if child, ok := parseStat(7, stat); !ok && child != (Child{}) {
			t.Errorf("%q is no process, and %+v", stat, child)
		}
	})
}

func TestParseStat(t *testing.T) {
	odd := "7 (a) R 1 (b) S 5 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 42 0 0"
	if child, ok := parseStat(7, odd); !ok || child != (Child{Pid: 7, Parent: 5, Started: 43 * Tick}) {
		t.Errorf("one with an odd name is %+v, %v", child, ok)
	}
	if child, ok := parseStat(7, strings.Replace(odd, ") S ", ") Z ", 1)); ok {
		t.Errorf("one that has ended is %+v", child)
	}
}
