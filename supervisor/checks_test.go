package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestDialChecks(t *testing.T) {
	ctx := t.Context()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "s")
	local, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	for name, check := range map[string]Check{"tcp": TCPCheck(tcp.Addr().String()), "unix": UnixCheck(socket)} {
		if err := check(ctx, Process{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, _ = tcp.Close(), local.Close()
	if err := TCPCheck(tcp.Addr().String())(ctx, Process{}); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("nobody listens on TCP: %v", err)
	}
	if err := UnixCheck(socket)(ctx, Process{}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("nobody listens on the socket: %v", err)
	}
}

func TestURLCheck(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header().Set("Location", "/200")
		w.WriteHeader(status)
		fmt.Fprint(w, "as it is\nand more")
	}))
	defer server.Close()
	for path, want := range map[string]string{"/200": "", "/204": "", "/302": "answered 302: as it is", "/503": "answered 503: as it is"} {
		err := URLCheck(server.URL+path)(t.Context(), Process{})
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestSteadyCheck(t *testing.T) {
	begun := time.Now()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	p := Process{Pid: cmd.Process.Pid}
	if err := SteadyCheck(time.Hour)(t.Context(), p); err == nil || err.Error() != "is ready when it has run for 1h0m0s" {
		t.Errorf("a young process: %v", err)
	}
	if age, err := processAge(p.Pid); err != nil || age < -clockTick || age > time.Since(begun)+2*clockTick {
		t.Errorf("it is said to be %s old, %v", age, err)
	}
	if err := SteadyCheck(0)(t.Context(), Process{Pid: 1 << 30}); err == nil {
		t.Error("a process that does not exist is steady")
	}
}

// reaperVariable marks the test that runs itself once more: a reaper takes all children of its process, those of other
// tests too.
const reaperVariable = "SUPERVISOR_TEST_REAPER"

func TestCommandCheck(t *testing.T) {
	if os.Getenv(reaperVariable) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), reaperVariable+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	r, err := newReaper()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { r.run(ctx); close(ended) }()
	defer func() { cancel(); <-ended }()
	ask := func(timeout time.Duration, script string) error {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		check := CommandCheck(Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"A=B"}, Dir: "/"})
		return check(ctx, Process{service: "bot", reaper: r})
	}
	for script, want := range map[string]string{
		"exit 0":                     "",
		"echo fine; cat":             "", // its standard input is at its end
		"echo a; echo no bot; false": "exit code 1: no bot",
		"exit 3":                     "exit code 3",
		"kill -9 $$":                 "SIGKILL",
		"echo $A $SUPERVISOR_SERVICE $PWD; exit 1":              "exit code 1: B bot /",
		"head -c 1000000 /dev/zero; echo; echo the end; exit 1": "exit code 1: the end",
		"sleep 1000 & exit 0":                                   "", // nobody waits for what it leaves behind
		"(sleep 1000 & sleep 1000 &) ; exit 4":                  "exit code 4",
	} {
		if err := ask(10*time.Second, script); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
	}
	if err := ask(50*time.Millisecond, "trap '' TERM; sleep 1000 & sleep 1000"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that hangs: %v", err)
	}
	if err := CommandCheck(Command{Path: "/no/such"})(ctx, Process{reaper: r}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no such program: %v", err)
	}
	if err := CommandCheck(Command{})(ctx, Process{}); err == nil {
		t.Error("ran without a supervisor")
	}
	for _, p := range processes() {
		if p.ppid == os.Getpid() && !p.zombie {
			t.Errorf("process %d is left", p.pid)
		}
	}
}

func TestHTTPCheck(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			<-release
		}
		status, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.WriteHeader(max(200, status))
		fmt.Fprint(w, "no disk\nand more")
	}))
	server.Listener = listener
	server.Start()
	defer server.Close()
	defer close(release)
	for path, want := range map[string]string{"/200": "", "/503": "answered 503: no disk"} {
		err := HTTPCheck(socket, path)(t.Context(), Process{})
		if (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := HTTPCheck(socket, "/hang")(ctx, Process{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("one that hangs: %v", err)
	}
	if err := HTTPCheck(socket+"x", "/")(t.Context(), Process{}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("nobody listens: %v", err)
	}
}
