package chat_test

import (
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store/postgres/postgrestest"
)

// deployment is two nodes, a cache and a PostgreSQL, each in processes of its own that can be killed.
type deployment struct {
	t       *testing.T
	cluster *postgrestest.Server
	cache   *chattest.Cache
	nodes   [2]*node
	client  *http.Client
	users   []user
	scenes  int
	history *history

	mu       sync.Mutex
	problems []string
}

func newDeployment(t *testing.T) *deployment {
	w := &deployment{t: t, cluster: postgrestest.Cluster(t), cache: startCacheProcess(t), history: newHistory()}
	chattest.Migrate(t, w.cluster.URL())
	for i := range w.nodes {
		w.nodes[i] = startNode(t, w.cluster.URL(), w.cache, chat.Tuning{
			Poll: 100 * time.Millisecond, Drain: 2 * time.Second, Replay: 8, Page: 5,
		})
	}
	w.client = &http.Client{Timeout: attemptLimit, Transport: &http.Transport{MaxIdleConnsPerHost: sceneDevices}}
	ada := setUp(t, w.nodes[0].Server)
	w.users = []user{ada, ada.invite("bob"), ada.invite("cleo"), ada.invite("dan"), ada.invite("eve")}
	return w
}

// problem notes something that must not be.
func (w *deployment) problem(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if text := fmt.Sprintf(format, args...); len(w.problems) < 20 {
		w.problems = append(w.problems, text[:min(len(text), 2000)])
	}
}

// takeProblems returns what was noted, and forgets it.
func (w *deployment) takeProblems() []string {
	for i, n := range w.nodes {
		for _, line := range n.faults() {
			w.problem("node %d logs %s", i, line)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	problems := w.problems
	w.problems = nil
	return problems
}

// hangs is how long something hangs.
const hangs = 700 * time.Millisecond

// breakAndMend does a fault, and returns when all runs again.
func (w *deployment) breakAndMend(f fault) {
	n := w.nodes[f.which%2]
	switch f.what {
	case "kill node":
		n.process.Kill()
		time.Sleep(time.Duration(f.which%200) * time.Millisecond)
		n.start(w.t)
	case "restart node":
		n.end()
		n.start(w.t)
	case "hang node":
		n.process.Signal(syscall.SIGSTOP)
		time.Sleep(hangs)
		n.process.Signal(syscall.SIGCONT)
	case "kill backend":
		if processes := children(w.t, w.cluster.Pid()); len(processes) > 0 { // then PostgreSQL restarts all of itself
			_ = syscall.Kill(processes[f.which%len(processes)], syscall.SIGKILL)
		}
		time.Sleep(hangs / 2)
	case "kill postgres":
		w.cluster.Restart(w.t)
	case "hang postgres":
		all := append(children(w.t, w.cluster.Pid()), w.cluster.Pid())
		signalAll(w.t, all, syscall.SIGSTOP)
		time.Sleep(hangs)
		signalAll(w.t, all, syscall.SIGCONT)
	case "kill cache":
		w.cache.Stop(w.t)
		time.Sleep(time.Duration(f.which%1000) * time.Millisecond)
		w.cache.Start(w.t)
	case "hang cache":
		w.cache.Signal(syscall.SIGSTOP)
		time.Sleep(hangs)
		w.cache.Signal(syscall.SIGCONT)
	}
}
