package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
	"snug/store/cache"
)

// node is a chat server in a process of its own, to be killed and started again. Its port stays open meanwhile, as the
// supervisor keeps it in production.
type node struct {
	*chattest.Server
	listener *os.File
	log      *os.File
	config   nodeConfig
	process  *chattest.Process
}

// nodeConfig is what the process is told in its environment.
type nodeConfig struct {
	Database, Cache, Ready, Files string
	Tuning                        chat.Tuning
}

const nodeVariable = "SNUG_TEST_NODE"

// startNode runs a node until the test ends.
func startNode(t *testing.T, database string, c *chattest.Cache, tuning chat.Tuning) *node {
	t.Helper()
	dir, listener := t.TempDir(), chattest.Listen(t)
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = file.Close(), log.Close() })
	addr := listener.Addr().String()
	n := &node{listener: file, log: log, config: nodeConfig{Database: database, Cache: c.URL, Ready: filepath.Join(dir, "ready"), Files: t.TempDir(), Tuning: tuning}}
	n.Server = &chattest.Server{URL: "http://" + addr, Addr: addr, ReadySocket: n.config.Ready, DatabaseURL: database, Cache: c}
	n.start(t)
	return n
}

// start runs the process, and returns when it is ready.
func (n *node) start(t *testing.T) {
	t.Helper()
	encoded, err := json.Marshal(n.config)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), nodeVariable+"="+string(encoded))
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{n.listener}, n.log, n.log
	n.process = chattest.StartProcess(t, cmd)
	n.WaitReady(t)
}

// faults are the lines of the node's log that must not be there.
func (n *node) faults() []string {
	text, err := os.ReadFile(n.log.Name())
	if err != nil {
		return []string{err.Error()}
	}
	return badLines.FindAllString(string(text), 20)
}

var badLines = regexp.MustCompile(`(?m)^(.*level=ERROR.*|.*DATA RACE.*|panic: .*|fatal error: .*)$`)

// serveNode is the process: it serves on file descriptor 3 until SIGTERM, and returns its exit code.
func serveNode(encoded string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	if err := runNode(ctx, encoded); err != nil {
		fmt.Fprintln(os.Stderr, "panic: the node ended:", err)
		return 1
	}
	return 0
}

func runNode(ctx context.Context, encoded string) error {
	var config nodeConfig
	if err := json.Unmarshal([]byte(encoded), &config); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	database, err := store.Open(ctx, store.Config{URL: config.Database, Logger: log})
	if err != nil {
		return err
	}
	quick, err := cache.Open(config.Cache)
	if err != nil {
		return err
	}
	public, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	_ = os.Remove(config.Ready) // of the process before
	ready, err := net.Listen("unix", config.Ready)
	if err != nil {
		return err
	}
	server, err := chat.With(config.Tuning)(chat.Config{
		Store: database, Cache: quick, Files: chat.Files{Dir: config.Files}, Listener: public, ReadyListener: ready, Version: "test", Logger: log,
	})
	if err != nil {
		return err
	}
	return server.Serve(ctx)
}

// end stops the process as a planned restart does.
func (n *node) end() { n.process.End(10 * time.Second) }

const cacheVariable = "SNUG_TEST_CACHE"

// startCacheProcess runs the embedded cache in a process of its own until the test ends.
func startCacheProcess(t *testing.T) *chattest.Cache {
	socket := filepath.Join(t.TempDir(), "cache.sock")
	return chattest.StartCacheProcess(t, "unix://"+socket, func() *exec.Cmd {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), cacheVariable+"="+socket)
		return cmd
	})
}

// serveCache is that process.
func serveCache(socket string) int {
	if err := cache.Serve(context.Background(), cache.ServerConfig{Socket: socket}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
