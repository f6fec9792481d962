package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// The test binary is also the embedded server, in a process of its own.
func TestMain(m *testing.M) {
	if socket := os.Getenv("CACHE_TEST_SOCKET"); socket != "" {
		os.Exit(serve(socket))
	}
	os.Exit(m.Run())
}

func serve(socket string) int {
	if files, err := strconv.ParseUint(os.Getenv("CACHE_TEST_FILES"), 10, 64); err == nil {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: files}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	if err := Serve(ctx, ServerConfig{Socket: socket, Logger: slog.Default()}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a cache server that a test may stop, kill and start again at the same place.
type process struct {
	url     string
	command func() *exec.Cmd
	running *exec.Cmd
}

func embedded(t *testing.T, env ...string) *process {
	socket := filepath.Join(t.TempDir(), "cache.sock")
	return startProcess(t, "unix://"+socket, func() *exec.Cmd {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(append(os.Environ(), env...), "CACHE_TEST_SOCKET="+socket)
		return cmd
	})
}

func redisServer(t *testing.T) *process {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (Debian: apt-get install redis-server)")
	}
	dir, port := t.TempDir(), freePort(t)
	return startProcess(t, "redis://127.0.0.1:"+port, func() *exec.Cmd {
		return exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no")
	})
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func startProcess(t *testing.T, url string, command func() *exec.Cmd) *process {
	t.Helper()
	p := &process{url: url, command: command}
	p.start(t)
	t.Cleanup(p.kill)
	return p
}

func (p *process) start(t *testing.T) {
	t.Helper()
	p.running = p.command()
	p.running.Stderr = os.Stderr
	p.running.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.running.Start(); err != nil {
		t.Fatal(err)
	}
	client := p.open(t)
	eventually(t, func() error { return client.Check(t.Context()) })
}

func (p *process) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := p.running.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// kill ends it without giving it a chance, and waits until it is gone.
func (p *process) kill() {
	_ = p.running.Process.Kill()
	_ = p.running.Wait()
}

func (p *process) open(t *testing.T) *Client {
	t.Helper()
	client, err := Open(p.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// everyServer runs a test with the embedded server and with Redis.
func everyServer(t *testing.T, test func(t *testing.T, p *process)) {
	t.Run("embedded", func(t *testing.T) { test(t, embedded(t)) })
	t.Run("redis", func(t *testing.T) { test(t, redisServer(t)) })
}

// serveHere runs the embedded server in this process until the test ends.
func serveHere(t *testing.T, cfg ServerConfig) *Client {
	t.Helper()
	cfg.Socket = filepath.Join(t.TempDir(), "cache.sock")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("server: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the server does not end")
		}
		if _, err := os.Lstat(cfg.Socket); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left behind: %v", err)
		}
	})
	client := (&process{url: "unix://" + cfg.Socket}).open(t)
	eventually(t, func() error { return client.Check(t.Context()) })
	return client
}

// eventually waits until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after 15 s: %v", err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
