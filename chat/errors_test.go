package chat_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
)

func TestErrorsHaveOneForm(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	messages := fmt.Sprintf("/api/channels/%s/messages", ada.general())

	call(t, "GET", s.URL+"/api/nothing", nil).refused(404, "not_found")
	call(t, "GET", s.URL+"/api", nil).refused(404, "not_found")
	call(t, "POST", s.URL+"/nothing", nil).refused(404, "not_found")
	call(t, "GET", s.URL+"/js/nothing.js", nil).refused(404, "not_found")
	ada.call("GET", "/api/channels/not-an-id", nil).refused(404, "not_found")

	a := call(t, "PUT", s.URL+"/api/setup", nil)
	a.refused(405, "method_not_allowed")
	if allow := strings.Join(a.header.Values("Allow"), ", "); allow != "GET, POST" {
		t.Errorf("Allow: %s", allow)
	}
	call(t, "PROPFIND", s.URL+"/api/setup", nil).refused(405, "method_not_allowed")
	call(t, "GET", s.URL+"/api/me", nil).refused(401, "unauthenticated")
	ada.call("GET", "/api/ws", nil).refused(426, "upgrade_required")

	ada.call("POST", messages, strings.Repeat("x", chat.BodyLimit+1)).refused(413, "too_large")
	call(t, "GET", s.URL+"/api/me", nil, "Cookie", strings.Repeat("x", chat.HeaderLimit)).refused(431, "headers_too_large")
	call(t, "GET", s.URL+"/api/me", nil, "Cookie", "snug_session=x; other="+strings.Repeat("x", 8<<10)).refused(401, "unauthenticated")

	ada.call("POST", messages, `{"body":`).refused(422, "invalid", "body")
	ada.call("POST", messages, "").refused(422, "invalid", "body")
	ada.call("POST", messages, `[]`).refused(422, "invalid", "body")
	ada.call("POST", messages, `{}`).refused(422, "invalid", "client_id")
	ada.call("POST", messages, object{"client_id": uuid.New()}).refused(422, "invalid", "body")
	ada.call("POST", messages, `{"client_id":"x","body":7,"extra":1}`).refused(422, "invalid", "client_id", "body", "extra")
	ada.call("POST", messages, "a=b", "Content-Type", "text/plain").refused(422, "invalid", "body")
	ada.call("GET", "/api/channels?colour=1", nil).refused(422, "invalid", "colour")
}

func TestBrokenHTTPIsRefused(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	for _, raw := range []string{"NONSENSE\r\n\r\n", "GET /api/me HTTP/1.1\r\n\r\n", "GET /api/\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /api/setup HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"} {
		conn, err := net.Dial("tcp", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(raw)); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 4096)
		n, _ := conn.Read(got)
		if !strings.HasPrefix(string(got[:n]), "HTTP/1.1 4") {
			t.Errorf("%q is answered with %q", raw, got[:n])
		}
	}
}

func TestPanicsAreLoggedAndNotShown(t *testing.T) {
	var log logBuffer
	s := chattest.Start(t, chattest.Options{New: chat.WithPanic("secret thing"), Logger: log.logger()})
	a := call(t, "GET", s.URL+"/api/panic", nil)
	a.refused(500, "internal")
	if bytes.Contains(a.body, []byte("secret")) || !strings.Contains(log.String(), "secret thing") {
		t.Errorf("answer %s, log %s", a.body, log.String())
	}
	if a.header.Get("Content-Security-Policy") == "" {
		t.Error("the answer lacks the headers of all answers")
	}
	call(t, "GET", s.URL+"/api/setup", nil).want(http.StatusOK)
}

// A request that does not arrive whole is ended, whether its head or its body is missing.
func TestHalfSentRequestsAreEnded(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{ReadRequest: 300 * time.Millisecond})})
	var wait sync.WaitGroup
	for i := range 50 {
		half := []string{"GET /api/setup HTTP/1.1\r\nHost: x\r\n", "POST /api/setup HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{", ""}[i%3]
		wait.Go(func() {
			isEnded(t, s.Addr, half, func(conn net.Conn) {
				if _, err := conn.Write([]byte(half)); err != nil {
					t.Error(err)
				}
			})
		})
	}
	wait.Wait()
}

// isEnded begins something over a connection of its own, and wants the server to close that.
func isEnded(t *testing.T, addr, what string, begin func(net.Conn)) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	began := time.Now()
	begin(conn)
	if err := conn.SetReadDeadline(began.Add(waitLimit)); err != nil {
		t.Error(err)
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("who sends %q is still waited for", what)
	}
	t.Logf("who sends %q is waited for for %v", what, time.Since(began))
}

// logBuffer collects log lines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
