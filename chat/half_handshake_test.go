package chat_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"snug/chat"
	"snug/chat/chattest"
)

// Who begins TLS and does not go on has as long as who sends half a request: the whole of the handshake and of the request
// must arrive by then, however it dribbles in. Others are served over TLS meanwhile.
func TestHalfSentHandshakesAreEnded(t *testing.T) {
	const patience = time.Second
	certified := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate, and clients that accept it
	t.Cleanup(certified.Close)
	s := chattest.Start(t, chattest.Options{TLS: certified.TLS, New: chat.With(chat.Tuning{ReadRequest: patience})})
	hello := clientHello(t)
	var wait sync.WaitGroup
	for what, begin := range map[string]func(net.Conn){
		"nothing":             func(net.Conn) {},
		"a byte":              func(c net.Conn) { _, _ = c.Write(hello[:1]) },
		"half a ClientHello":  func(c net.Conn) { _, _ = c.Write(hello[:len(hello)/2]) },
		"a ClientHello":       func(c net.Conn) { _, _ = c.Write(hello) },
		"a slow ClientHello":  func(c net.Conn) { go dribble(c, hello) },
		"a handshake":         func(c net.Conn) { _ = tls.Client(c, clientOf(certified)).Handshake() },
		"half a request":      func(c net.Conn) { _, _ = tls.Client(c, clientOf(certified)).Write([]byte("GET /api/setup HTT")) },
		"half of a body":      func(c net.Conn) { _, _ = tls.Client(c, clientOf(certified)).Write([]byte(halfBody)) },
		"a request, no TLS":   func(c net.Conn) { _, _ = c.Write([]byte("GET /api/setup HTTP/1.1\r\nHost: x\r\n\r\n")) },
		"half of one, no TLS": func(c net.Conn) { _, _ = c.Write([]byte("GET")) },
	} {
		wait.Go(func() { isEnded(t, s.Addr, what, begin) })
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		wait.Wait()
	}()
	for served := 0; ; served++ {
		askAlone(t, clientOf(certified), s.URL+"/api/setup")
		select {
		case <-ended:
			t.Logf("%d others were served meanwhile", served)
			return
		default:
		}
	}
}

const halfBody = "POST /api/setup HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"

// clientHello is what a client sends first.
func clientHello(t *testing.T) []byte {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	go func() { _ = tls.Client(theirs, &tls.Config{ServerName: "localhost"}).Handshake() }()
	hello := make([]byte, 16<<10)
	n, err := ours.Read(hello)
	if err != nil {
		t.Fatal(err)
	}
	return hello[:n]
}

// dribble sends one byte after the other, until the connection is closed. All of them would take much longer than anything is
// waited for.
func dribble(conn net.Conn, data []byte) {
	tick := time.NewTicker(2 * waitLimit / time.Duration(len(data)))
	defer tick.Stop()
	for i := range data {
		if _, err := conn.Write(data[i : i+1]); err != nil {
			return
		}
		<-tick.C
	}
}

func clientOf(server *httptest.Server) *tls.Config {
	return server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
}

// askAlone asks something over a connection of its own; without a configuration, not over TLS.
func askAlone(t *testing.T, over *tls.Config, url string) {
	t.Helper()
	client := http.Client{Timeout: waitLimit, Transport: &http.Transport{TLSClientConfig: over, DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
}
