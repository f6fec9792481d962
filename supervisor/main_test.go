package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleVariable makes the test binary behave as a supervisor, or as one of its children, instead of testing.
const roleVariable = "SUPERVISOR_TEST_ROLE"

func TestMain(m *testing.M) {
	role, argument, _ := strings.Cut(os.Getenv(roleVariable), " ")
	switch role {
	case "":
		os.Exit(m.Run())
	case "supervise":
		supervise(argument)
	case "supervise-answerers":
		superviseAnswerers(argument)
	case "answer":
		answer(argument)
	default:
		behave(role)
	}
}

// supervise runs services named after their behaviour, comma separated, until SIGTERM; a second one hurries.
func supervise(services string) {
	terminated := make(chan os.Signal, 2)
	signal.Notify(terminated, syscall.SIGTERM)
	ctx, stop := context.WithCancel(context.Background())
	var table []Service
	for name := range strings.SplitSeq(services, ",") {
		grace := time.Second
		if name == "patient" {
			grace = time.Minute
		}
		table = append(table, Service{
			Name:     name,
			Required: true,
			Ready:    func(context.Context, Process) error { return nil },
			Stop:     []StopStep{{syscall.SIGTERM, grace}},
			Command: func() (Command, error) {
				return Command{
					Path: "/proc/self/exe",
					Args: []string{name},
					Env:  []string{roleVariable + "=" + name, tokenVariable + "=" + os.Getenv(tokenVariable)},
				}, nil
			},
		})
	}
	s, err := New(Config{Services: table, Logger: slog.New(slog.NewJSONHandler(os.Stdout, nil))})
	go func() {
		<-terminated
		stop()
		<-terminated
		s.Hurry()
	}()
	if err == nil {
		err = s.Run(ctx)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// behave is a child: each role is one way to be difficult.
func behave(role string) {
	switch role {
	case "calm":
		_ = unix.Pause()
	case "deaf", "patient":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
		time.Sleep(time.Hour)
	case "escape": // leaves processes in sessions of their own, whose parent is gone at once
		for range 3 {
			spawn("fork-and-go")
		}
		time.Sleep(time.Hour)
	case "fork-and-go":
		spawn("deaf")
	case "breed": // makes orphans that end at once
		cmd := exec.Command("/bin/sh", "-c", "i=0; while [ $i -lt 500 ]; do (sleep 0.02 &); i=$((i+1)); done; echo bred")
		cmd.Stdout = os.Stdout
		_ = cmd.Run()
		time.Sleep(time.Hour)
	case "flood":
		printForever()
	case "mutter":
		mutter()
	case "supervise-logged":
		superviseLogged()
	case "breed-many":
		breedMany()
	case "crash":
		fmt.Println(`{"time":"2026-01-02T03:04:05Z","level":"ERROR","msg":"no disk left"}`)
		os.Exit(3)
	}
	os.Exit(0)
}

// spawn starts a process in a session of its own and waits only for one that forks on.
func spawn(role string) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err == nil && strings.HasPrefix(role, "fork") {
		_ = cmd.Wait()
	}
}
