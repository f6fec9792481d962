package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// limitedVariable marks the test that runs itself once more, under limits.
const limitedVariable = "SUPERVISOR_TEST_LIMITED"

// TestLimitsOfServices runs a supervisor in a process that was given few files and core dumps.
func TestLimitsOfServices(t *testing.T) {
	if os.Getenv(limitedVariable) == "" {
		var core unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
			t.Fatal(err)
		}
		if core.Max == 0 { // a supervisor ran in this process before, and without a capability there is no way back
			t.Log("core dumps are off here for good, so that is only looked at")
		}
		dumps := fmt.Sprintf("--core=%d:%d", min(core.Max, 1_000_000), min(core.Max, 1_000_000))
		cmd := exec.Command("prlimit", "--nofile=256:4096", dumps, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), limitedVariable+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	pid := runOne(t, Service{
		Name:     "sleeper",
		Ready:    FuncCheck(func(context.Context) error { return nil }),
		OOMScore: 300,
		Command: func() (Command, error) {
			return Command{Path: "/bin/sleep", Args: []string{"sleep", "60"}}, nil
		},
	})
	wanted, err := OOMScoreAdj(300)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"limits":        "\nMax open files            4096                 4096",
		"limits ":       "\nMax core file size        0                    0",
		"oom_score_adj": fmt.Sprintf("%d\n", wanted),
	} {
		got, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, strings.TrimSpace(file)))
		if err != nil || !strings.Contains("\n"+string(got), want) {
			t.Errorf("%v, %s, want %q in it", err, got, want)
		}
	}
}

// runOne supervises one service in this process until the test ends, and returns its pid when it is ready.
func runOne(t *testing.T, service Service) int {
	t.Helper()
	s, err := New(Config{Services: []Service{service}, Logger: slog.New(slog.NewTextHandler(os.Stdout, nil))})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		status := s.Snapshot().Services[0]
		if status.State == StateReady {
			return status.Pid
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ready: %+v", status)
		}
	}
}

func TestOOMScoresKeepTheirOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		own := rapid.IntRange(-maxOOMScore, maxOOMScore).Draw(t, "own")
		a := rapid.IntRange(-2*maxOOMScore, 2*maxOOMScore).Draw(t, "a")
		b := rapid.IntRange(a, 2*maxOOMScore).Draw(t, "b")
		low, high := placeOOMScore(own, a), placeOOMScore(own, b)
		if low > high || low < -maxOOMScore || high > maxOOMScore || placeOOMScore(own, 0) != own {
			t.Fatalf("own %d: %d becomes %d, %d becomes %d", own, a, low, b, high)
		}
	})
	if got := placeOOMScore(0, 300); got != 300 {
		t.Errorf("300 becomes %d where nothing else is set", got)
	}
	if got := placeOOMScore(900, 300); got != 930 {
		t.Errorf("300 above 900 becomes %d", got)
	}
}

func TestOOMScoreBelowOurOwnIsRefusedToTheUnprivileged(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may lower it")
	}
	if err := applyOOMScore(os.Getpid(), -10); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("error %v", err)
	}
}
