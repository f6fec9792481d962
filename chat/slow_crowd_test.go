package chat_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"snug/chat"
	"snug/chat/chattest"
)

// slowCount is how many slow ones there are at once.
const slowCount = 10_000

// slowTime is how long the node gives them: longer than a busy machine takes to connect them all.
const slowTime = 20 * time.Second

// slowBeginnings are what slow ones send before they stop.
func slowBeginnings(addr string) []string {
	head := "Host: " + addr + "\r\nUser-Agent: slow\r\n"
	return []string{
		"",
		"GET /api/hea",
		"GET /api/health HTTP/1.1\r\n" + head + "Accept: text/",
		"POST /api/auth/login HTTP/1.1\r\n" + head + "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"username\": \"ad",
		"POST /api/auth/login HTTP/1.1\r\n" + head + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"user",
		"GET /api/ws HTTP/1.1\r\n" + head + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Ver",
	}
}

// Ten thousand at once begin something and do not go on: requests, their bodies, handshakes, and WebSockets that never say
// hello. Everybody else is served meanwhile, /api/health answers within a second, and in the end the slow are gone.
func TestTenThousandSlowOnesHoldNobodyUp(t *testing.T) {
	allowFiles(t, slowCount+1000)
	n := startNode(t, chattest.Database(t), chattest.StartCache(t), chat.Tuning{ReadRequest: slowTime, Hello: slowTime})
	ada := setUp(t, n.Server)
	bob := ada.invite("bob")
	bobs, _ := bob.open(nil)
	bobs.next("resumed")
	files := n.openFiles(t)

	slow := slowOnes(t, ada)
	for deadline := time.Now().Add(slowTime); n.openFiles(t)-files < slowCount*99/100; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open at once", n.openFiles(t)-files)
		}
	}
	var worst time.Duration
	late := 0 // a machine that is busy with other tests may be so now and then
	for round := range 20 {
		begin := time.Now()
		askAlone(t, nil, n.URL+"/api/health")
		if time.Since(begin) > time.Second {
			late++
		}
		call(t, "POST", n.URL+"/api/auth/login", object{"username": "bob", "password": password}).want(200)
		client, _ := ada.open(nil)
		client.send(sendFrame(ada.general(), fmt.Sprint("while others are slow ", round)))
		client.next("ack")
		bobs.next("message")
		_ = client.ws.Close()
		worst = max(worst, time.Since(begin))
	}
	if late > 2 {
		t.Errorf("%d times of 20 /api/health took more than a second", late)
	}
	t.Logf("with %d slow ones, the slowest of 20 logins and messages took %v; the node had %s of memory", len(slow), worst, n.memory(t))

	var left atomic.Int64
	var wait sync.WaitGroup
	deadline := time.Now().Add(waitLimit)
	for _, conn := range slow {
		wait.Go(func() {
			_ = conn.SetReadDeadline(deadline)
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				left.Add(1)
			}
			_ = conn.Close()
		})
	}
	wait.Wait()
	if left.Load() > 0 {
		t.Errorf("%d of the slow are not cut off", left.Load())
	}
	for deadline := time.Now().Add(waitLimit); n.openFiles(t) > files+50; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d files are open, before the slow came there were %d", n.openFiles(t), files)
		}
	}
	if faults := n.faults(); len(faults) > 0 {
		t.Error(strings.Join(faults, "\n"))
	}
}

// slowOnes connects them all, each of which sends the beginning of something. Of each user a hundred open WebSockets and
// do not say hello.
func slowOnes(t *testing.T, ada user) []net.Conn {
	t.Helper()
	beginnings := slowBeginnings(ada.server.Addr)
	conns := make([]net.Conn, slowCount)
	var next atomic.Int64
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < slowCount; i = next.Add(1) - 1 {
				conn, err := net.DialTimeout("tcp", ada.server.Addr, waitLimit)
				if err != nil {
					t.Errorf("slow one %d: %v", i, err)
					return
				}
				conns[i] = conn
				begin := beginnings[i%int64(len(beginnings))]
				if i < 100 {
					begin = ada.upgradeRequest()
				}
				if _, err := io.WriteString(conn, begin); err != nil {
					t.Errorf("slow one %d: %v", i, err)
				}
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return conns
}

// allowFiles has this process, and those that it starts, open so many files, or skips the test.
func allowFiles(t *testing.T, count uint64) {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur >= count {
		return
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: count, Max: max(count, limit.Max)}); err != nil {
		t.Skipf("a process may open %d files here, and %d are needed: raise `ulimit -n`", limit.Max, count)
	}
	t.Cleanup(func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) })
}

// openFiles is how many files the node has open.
func (n *node) openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", n.process.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// memory is what the node takes of it.
func (n *node) memory(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.process.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}
