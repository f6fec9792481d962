// Package chattest runs chat servers for tests: on a real PostgreSQL, a real cache and a free TCP port of the loopback.
package chattest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"snug/chat"
	"snug/migrations"
	"snug/store"
	"snug/store/cache"
	"snug/store/postgres/postgrestest"
)

// waitLimit is how long anything may take that is waited for. It is long: tests share their machine.
const waitLimit = 30 * time.Second

// Options says how a server differs from the usual one.
type Options struct {
	DatabaseURL   string                                  // default: a fresh database, with the schema in it
	Cache         *Cache                                  // default: one of the server's own
	Listener      net.Listener                            // default: a free port of 127.0.0.1
	Run           string                                  // folder of the private sockets; default: one of its own
	Slot          int                                     // 0 or 1: servers with the same Run and other slots take over from each other
	ControlSocket string                                  // default: none
	PublicURL     string                                  // default: none
	Proxies       string                                  // default: none
	TLS           *tls.Config                             // default: plain HTTP
	Files         chat.Files                              // Dir: by default one of its own
	MaxConns      int32                                   // of the database; default as in the store
	Tracer        pgx.QueryTracer                         // sees every statement; default: none
	New           func(chat.Config) (*chat.Server, error) // default: chat.New
	Logger        *slog.Logger                            // default: the test's log
}

// Server is a running chat server.
type Server struct {
	URL         string // http://127.0.0.1:PORT, or https
	Addr        string // 127.0.0.1:PORT
	ReadySocket string
	DatabaseURL string
	Files       string // the folder of uploads
	Cache       *Cache
	Store       *store.Store

	cancel  context.CancelFunc
	done    chan struct{}
	err     error
	closing sync.Once
	closed  sync.WaitGroup // of the store
}

// Start runs a server until the test ends, and returns when it is ready. The test's TestMain must be postgrestest.Main.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := Launch(t, o)
	s.WaitReady(t)
	return s
}

// Launch is Start without waiting for readiness.
func Launch(t testing.TB, o Options) *Server {
	t.Helper()
	o.complete(t)
	st, err := store.Open(t.Context(), store.Config{URL: o.DatabaseURL, MaxConns: o.MaxConns, Tracer: o.Tracer, Logger: o.Logger})
	if err != nil {
		t.Fatal(err)
	}
	client, err := cache.Open(o.Cache.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{
		Addr: o.Listener.Addr().String(), ReadySocket: filepath.Join(o.Run, fmt.Sprintf("chat.%d.sock", o.Slot)),
		DatabaseURL: o.DatabaseURL, Files: o.Files.Dir, Cache: o.Cache, Store: st, done: make(chan struct{}),
	}
	s.URL = "http://" + s.Addr
	if o.TLS != nil {
		s.URL = "https://" + s.Addr
	}
	ready, handover := listenPrivately(t, s.ReadySocket), listenPrivately(t, handoverSocket(o.Run, o.Slot))
	server, err := o.New(chat.Config{
		Store: st, Cache: client, Listener: o.Listener, ReadyListener: ready, ControlSocket: o.ControlSocket,
		Handover: handover, Successor: handoverSocket(o.Run, 1-o.Slot),
		Files: o.Files, TLS: o.TLS, PublicURL: o.PublicURL, Proxies: o.Proxies, Version: "test", Logger: o.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.done)
		s.err = server.Serve(ctx)
	}()
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("end of the chat server: %v", err)
		}
		s.closed.Wait()
		_ = client.Close()
		_ = ready.Close()
		_ = handover.Close()
	})
	return s
}

func handoverSocket(run string, slot int) string {
	return filepath.Join(run, fmt.Sprintf("chat.%d.conn.sock", slot))
}

func listenPrivately(t testing.TB, path string) net.Listener {
	t.Helper()
	_ = os.Remove(path) // of the server that had the slot before
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // the path may be the next one's by then
	return l
}

// complete fills in what was left out.
func (o *Options) complete(t testing.TB) {
	t.Helper()
	if o.DatabaseURL == "" {
		o.DatabaseURL = Database(t)
	}
	if o.Cache == nil {
		o.Cache = StartCache(t)
	}
	if o.Listener == nil {
		o.Listener = Listen(t)
	}
	if o.Run == "" {
		o.Run = t.TempDir()
	}
	if o.Files.Dir == "" {
		o.Files.Dir = t.TempDir()
	}
	if o.New == nil {
		o.New = chat.New
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
}

// Stop ends the server as SIGTERM does, and returns what Serve returned. Its connections to the database end soon after.
func (s *Server) Stop() error {
	s.cancel()
	<-s.done
	s.closing.Do(func() { s.closed.Go(s.Store.Close) }) // it waits long for a database that hangs
	return s.err
}

// WaitReady returns when the server says on its private socket that it is ready.
func (s *Server) WaitReady(t testing.TB) {
	t.Helper()
	var last error
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		status, reason, err := s.Ready()
		if err == nil && status == http.StatusOK {
			return
		}
		if last = err; err == nil {
			last = errors.New(reason)
		}
		select {
		case <-s.done:
			t.Fatalf("the chat server ended before it was ready: %v", s.err)
		default:
		}
	}
	t.Fatalf("the chat server does not get ready: %v", last)
}

// Ready asks the private socket whether the server is ready.
func (s *Server) Ready() (status int, reason string, err error) {
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.ReadySocket)
		},
	}}
	response, err := client.Get("http://chat/ready")
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text := make([]byte, 4096)
	n, _ := response.Body.Read(text)
	return response.StatusCode, string(text[:n]), nil
}

// Database makes a fresh database with the schema in it and returns its URL.
func Database(t testing.TB) string {
	t.Helper()
	url := postgrestest.Database(t)
	Migrate(t, url)
	return url
}

// Migrate brings the schema to the database.
func Migrate(t testing.TB, url string) {
	t.Helper()
	if err := migrations.Up(context.Background(), url, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

// Share gives a listener on the same socket, as another process would have it.
func Share(t testing.TB, l net.Listener) net.Listener {
	t.Helper()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	shared, err := net.FileListener(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shared.Close() })
	return shared
}

// Listen opens a free port of the loopback until the test ends.
func Listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// Cache is a running cache server: the embedded one, in this process, or a process of its own.
type Cache struct {
	URL    string
	socket string
	cancel context.CancelFunc
	done   chan struct{}
	err    error

	command func() *exec.Cmd // nil for the embedded one
	process *Process
}

// StartCache runs a cache server until the test ends.
func StartCache(t testing.TB) *Cache {
	t.Helper()
	c := &Cache{socket: filepath.Join(t.TempDir(), "cache.sock")}
	c.URL = "unix://" + c.socket
	c.Start(t)
	t.Cleanup(func() { c.Stop(t) })
	return c
}

// Start runs the server again after Stop, with nothing in it.
func (c *Cache) Start(t testing.TB) {
	t.Helper()
	if c.command != nil {
		c.process = StartProcess(t, c.command())
	} else {
		c.serve()
	}
	client, err := cache.Open(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(5 * time.Millisecond) {
		if err = client.Check(context.Background()); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cache does not answer: %v", err)
		}
	}
}

func (c *Cache) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.done = cancel, make(chan struct{})
	go func() {
		defer close(c.done)
		// What it holds is measured by the heap of the process, and here all of the test is in that.
		c.err = cache.Serve(ctx, cache.ServerConfig{Socket: c.socket, MaxMemory: 1 << 40})
	}()
}

// Stop ends the server, with all it holds; a process by SIGKILL.
func (c *Cache) Stop(t testing.TB) {
	t.Helper()
	if c.command != nil {
		c.process.Kill()
		return
	}
	c.cancel()
	<-c.done
	if c.err != nil {
		t.Errorf("end of the cache: %v", c.err)
	}
}
