package chat_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"snug/chat/chattest"
	"snug/migrations"
	"snug/store/postgres/postgrestest"
)

type health struct {
	Status   string
	Version  string
	Services []struct {
		Name  string
		State string
		Check struct{ OK bool }
	}
}

// healthBy asks until the health is as wanted, and fails the test when an answer takes longer than a second.
func healthBy(t *testing.T, s *chattest.Server, status int, want string) health {
	t.Helper()
	var h health
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(20 * time.Millisecond) {
		begin := time.Now()
		a := call(t, "GET", s.URL+"/api/health", nil)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("the health took %v", took)
		}
		a.into(&h)
		if a.status == status && h.Status == want {
			return h
		}
		if time.Now().After(deadline) {
			t.Fatalf("the health is %d %s, want %d %s", a.status, a.body, status, want)
		}
	}
}

func TestHealthWithoutASupervisor(t *testing.T) {
	cluster := postgrestest.Cluster(t)
	chattest.Migrate(t, cluster.URL())
	s := chattest.Start(t, chattest.Options{DatabaseURL: cluster.URL()})
	h := healthBy(t, s, 200, "healthy")
	if len(h.Services) != 3 || h.Version != "test" {
		t.Errorf("health %+v", h)
	}
	s.Cache.Stop(t)
	if h := healthBy(t, s, 200, "degraded"); h.Services[1].Name != "cache" || h.Services[1].Check.OK {
		t.Errorf("health without a cache %+v", h)
	}
	s.Cache.Start(t)
	healthBy(t, s, 200, "healthy")
	hang := append(children(t, cluster.Pid()), cluster.Pid())
	signalAll(t, hang, syscall.SIGSTOP)
	healthBy(t, s, 503, "unhealthy")
	signalAll(t, hang, syscall.SIGCONT)
	healthBy(t, s, 200, "healthy")
	cluster.Kill(syscall.SIGQUIT)
	healthBy(t, s, 503, "unhealthy")
	cluster.Restart(t)
	healthBy(t, s, 200, "healthy")
}

// children are the processes whose parent is pid.
func children(t *testing.T, pid int) (pids []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, stat := range stats {
		content, err := os.ReadFile(stat)
		if err != nil {
			continue // ended since
		}
		var child, parent int
		var state string
		_, rest, _ := strings.Cut(string(content), ") ")
		if _, err := fmt.Sscan(rest, &state, &parent); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(string(content), &child); err == nil && parent == pid {
			pids = append(pids, child)
		}
	}
	return pids
}

func signalAll(t *testing.T, pids []int, signal syscall.Signal) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && err != syscall.ESRCH {
			t.Fatal(err)
		}
	}
}

// supervisor answers on a control socket as the real one does.
func supervisor(t *testing.T, handler http.HandlerFunc) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return socket
}

func TestHealthIsTheSupervisors(t *testing.T) {
	const report = `{"status":"starting","services":[{"name":"postgres","state":"backoff"}]}`
	socket := supervisor(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/health" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(report))
	})
	s := chattest.Start(t, chattest.Options{ControlSocket: socket})
	if a := call(t, "GET", s.URL+"/api/health", nil).want(503); string(a.body) != report {
		t.Errorf("health %s", a.body)
	}
}

func TestHealthIsTrueWhenTheSupervisorIsNot(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"hangs":          func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"talks nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) },
	} {
		t.Run(name, func(t *testing.T) {
			healthBy(t, chattest.Start(t, chattest.Options{ControlSocket: supervisor(t, handler)}), 200, "healthy")
		})
	}
	t.Run("is gone", func(t *testing.T) {
		healthBy(t, chattest.Start(t, chattest.Options{ControlSocket: filepath.Join(t.TempDir(), "none.sock")}), 200, "healthy")
	})
}

func TestReadyWhenTheDatabaseIs(t *testing.T) {
	url := postgrestest.Database(t)
	l := chattest.Listen(t)
	s := chattest.Launch(t, chattest.Options{DatabaseURL: url, Listener: l})
	want := fmt.Sprintf("database schema is at version 0, this program needs %d: run snug migrate up\n", migrations.Latest())
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(5 * time.Millisecond) {
		status, reason, err := s.Ready()
		if err == nil && status == 503 && reason == want {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("ready says %d %q, %v", status, reason, err)
		}
	}
	// Nobody accepts on the public port yet: a request waits in the socket's queue, and is answered later.
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /api/setup HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes before the server was ready", n)
	}
	chattest.Migrate(t, url)
	s.WaitReady(t)
	if err := conn.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Errorf("the request that waited: %v", err)
	}
}

func TestAServerThatIsNotReadyEnds(t *testing.T) {
	s := chattest.Launch(t, chattest.Options{DatabaseURL: "postgres://nobody@/none?host=/nonexistent"})
	if status, reason, err := s.Ready(); err != nil || status != 503 || reason == "" {
		t.Errorf("ready says %d %q, %v", status, reason, err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestHealthIsJSONOfTheDocumentedForm(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	var h map[string]any
	call(t, "GET", s.URL+"/api/health", nil).want(200).into(&h)
	if head := call(t, "HEAD", s.URL+"/api/health", nil).want(200); len(head.body) > 0 {
		t.Errorf("HEAD has the body %s", head.body)
	}
	for _, key := range []string{"status", "timestamp", "version", "uptime_seconds", "services"} {
		if _, ok := h[key]; !ok {
			t.Errorf("the health has no %s", key)
		}
	}
	for _, service := range h["services"].([]any) {
		for _, key := range []string{"name", "state", "since", "restarts", "required", "check", "last_exit"} {
			if _, ok := service.(map[string]any)[key]; !ok {
				encoded, _ := json.Marshal(service)
				t.Errorf("service %s has no %s", encoded, key)
			}
		}
	}
}
