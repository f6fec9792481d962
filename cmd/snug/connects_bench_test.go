package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/supervisor"
)

// traffic is what clients of all kinds do at once, and how it went.
type traffic struct {
	member *member
	addr   string

	connects, refused, answered, turnedAway, cut, goodbyes, abrupt atomic.Int64
	slowest                                                        atomic.Int64 // connect, in nanoseconds

	mu    sync.Mutex
	first map[string]string // of each kind of trouble
}

func (t *traffic) trouble(kind string, counter *atomic.Int64, err error) {
	counter.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.first[kind] == "" {
		t.first[kind] = err.Error()
	}
}

// connect opens connections without a pause, from many addresses, as one has only so many ports, and drops each with a
// reset, so that none stays behind (socket(7), SO_LINGER).
func (t *traffic) connect(ctx context.Context) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	for ctx.Err() == nil {
		dialer.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, byte(rand.N(250)), byte(2+rand.N(250)))}
		begun := time.Now()
		conn, err := dialer.DialContext(ctx, "tcp", t.addr)
		if ctx.Err() != nil {
			return
		}
		t.connects.Add(1)
		if err != nil {
			t.trouble("refused", &t.refused, err)
			continue
		}
		took := int64(time.Since(begun))
		for slowest := t.slowest.Load(); took > slowest && !t.slowest.CompareAndSwap(slowest, took); slowest = t.slowest.Load() {
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

// request sends one request after the other over connections that are kept, until ctx ends. A connection that the server
// has closed between two of them is nothing; a request that gets no whole answer is one that was cut.
func (t *traffic) request(ctx context.Context, make func() string) {
	for ctx.Err() == nil {
		conn, err := net.DialTimeout("tcp", t.addr, 10*time.Second)
		if err != nil {
			t.trouble("refused", &t.refused, err)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		err = t.converse(ctx, conn, make)
		stop()
		_ = conn.Close()
		if err != nil && ctx.Err() == nil {
			t.trouble("cut", &t.cut, err)
		}
	}
}

func (t *traffic) converse(ctx context.Context, conn net.Conn, make func() string) error {
	reader := bufio.NewReader(conn)
	for ctx.Err() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(rand.N(10 * time.Millisecond)))
		if _, err := reader.Peek(1); errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) {
			return nil
		}
		_ = conn.SetReadDeadline(time.Time{})
		if _, err := io.WriteString(conn, make()); err != nil {
			return fmt.Errorf("send a request: %w", err)
		}
		response, err := http.ReadResponse(reader, nil)
		if err != nil {
			return fmt.Errorf("no answer: %w", err)
		}
		body, err := io.ReadAll(response.Body)
		switch {
		case err != nil:
			return fmt.Errorf("half an answer: %w", err)
		case response.StatusCode == http.StatusServiceUnavailable:
			t.trouble("503", &t.turnedAway, errors.New(string(body)))
		case response.StatusCode/100 != 2:
			return fmt.Errorf("answered %d %s", response.StatusCode, body)
		default:
			t.answered.Add(1)
		}
		if response.Close {
			return nil
		}
	}
	return nil
}

func (t *traffic) get() string {
	return fmt.Sprintf("GET /api/me HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", t.addr, t.member.token)
}

func (t *traffic) post() string {
	body := fmt.Sprintf(`{"client_id":"%s","body":"A message of the usual length, as people write them."}`, uuid.New())
	return fmt.Sprintf("POST /api/channels/%s/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		t.member.channel, t.addr, t.member.token, len(body), body)
}

// listen holds a WebSocket open, and connects anew at once when it ends.
func (t *traffic) listen(ctx context.Context) {
	p := newPoster(t.member)
	for ctx.Err() == nil {
		ws, err := p.connect(ctx)
		if err != nil {
			time.Sleep(anewAfter)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = ws.Close() })
		goodbye := false
		for err == nil {
			var f serverFrame
			f, err = readFrame(ws)
			goodbye = goodbye || f.Type == "goodbye"
			if f.Type == "message" {
				p.lastSeq = f.Seq
			}
		}
		stop()
		_ = ws.Close()
		switch {
		case ctx.Err() != nil:
		case goodbye:
			t.goodbyes.Add(1)
		default:
			t.trouble("abrupt", &t.abrupt, err)
		}
	}
}

// BenchmarkConnects restarts chat by plan, and then kills it, SNUG_BENCH_RESTARTS times each, while clients connect
// without a pause and at least SNUG_BENCH_CONNECTS times in each half, send requests and hold WebSockets open. No
// connect may be refused; in the planned half no request may be cut, and no socket end without a goodbye.
func BenchmarkConnects(b *testing.B) {
	restarts, connects := amount(b, "SNUG_BENCH_RESTARTS", 20), amount(b, "SNUG_BENCH_CONNECTS", 1)
	r := startBuilt(b, buildSnug(b, released("bench")...), dataIn(b))
	m := r.setUp()
	for _, half := range []struct {
		name    string
		planned bool
		restart func() error
	}{
		{"restarted by plan", true, func() error { return r.control().Do(b.Context(), supervisor.ActionRestart, "chat") }},
		{"killed", false, func() error { return syscall.Kill(r.service("chat").Pid, syscall.SIGKILL) }},
	} {
		t := &traffic{member: m, addr: strings.TrimPrefix(r.url, "http://"), first: map[string]string{}}
		took := t.whileRestarting(b, restarts, int64(connects), half.restart)
		fmt.Printf("\nchat %s %d times in %s, load %s:\n  %d connects, %d refused, slowest %.0f ms; %d requests answered, %d answered 503, %d cut; %d sockets ended with a goodbye, %d without\n",
			half.name, restarts, took.Round(time.Second), load(), t.connects.Load(), t.refused.Load(), milliseconds(time.Duration(t.slowest.Load())),
			t.answered.Load(), t.turnedAway.Load(), t.cut.Load(), t.goodbyes.Load(), t.abrupt.Load())
		for kind, first := range t.first {
			fmt.Printf("  first %s: %s\n", kind, first)
		}
		if t.refused.Load() > 0 {
			b.Errorf("chat %s: %d connects were refused", half.name, t.refused.Load())
		}
		if half.planned && t.cut.Load()+t.turnedAway.Load()+t.abrupt.Load() > 0 {
			b.Errorf("chat %s: %d requests were cut, %d answered 503, %d sockets ended without a goodbye", half.name, t.cut.Load(), t.turnedAway.Load(), t.abrupt.Load())
		}
		b.ReportMetric(float64(t.connects.Load()), strings.ReplaceAll(half.name, " ", "-")+"-connects")
	}
	b.ReportMetric(0, "ns/op")
}

// whileRestarting lets the clients loose, restarts chat again and again, and goes on until there were enough connects.
func (t *traffic) whileRestarting(b *testing.B, restarts int, connects int64, restart func() error) time.Duration {
	r := t.member.r
	begun := time.Now()
	ctx, stop := context.WithCancel(b.Context())
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() { t.connect(ctx) })
		clients.Go(func() { t.request(ctx, t.get) })
		clients.Go(func() { t.request(ctx, t.post) })
	}
	for range 20 {
		clients.Go(func() { t.listen(ctx) })
	}
	for i := 0; i < restarts || t.connects.Load() < connects; i++ {
		time.Sleep(1100*time.Millisecond + rand.N(200*time.Millisecond))
		if i >= restarts {
			continue
		}
		before := r.service("chat").Restarts
		if err := restart(); err != nil {
			b.Errorf("restart %d: %v", i, err)
		}
		r.within(60*time.Second, func() error {
			if chat := r.service("chat"); chat.Restarts == before || chat.State != supervisor.StateReady {
				return fmt.Errorf("chat is %s after %d restarts", chat.State, chat.Restarts)
			}
			return nil
		})
	}
	stop()
	clients.Wait()
	return time.Since(begun)
}
