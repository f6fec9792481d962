package chat

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"
)

// sharedListener accepts on a socket that others hold too, in this process or the supervisor's.
//
// fasthttp gives up serving at the first error of Accept. Here an error, of which "too many open files" is the likely
// one, is logged and tried again. Close ends this listener's Accept and leaves the socket itself open and listening.
type sharedListener struct {
	net.Listener
	security  *tls.Config // nil for plain connections
	conns     *connections
	log       *slog.Logger
	once      sync.Once
	closed    chan struct{}
	began     sync.Once
	accepting chan struct{} // closed when Accept was called first
}

// Backoff between failed accepts, as in net/http's Server.
const (
	acceptBackoffMin = 5 * time.Millisecond
	acceptBackoffMax = time.Second
)

func shareListener(l net.Listener, security *tls.Config, conns *connections, log *slog.Logger) *sharedListener {
	return &sharedListener{Listener: l, security: security, conns: conns, log: log, closed: make(chan struct{}), accepting: make(chan struct{})}
}

// Accept waits for the next connection. It returns io.EOF once Close was called.
func (l *sharedListener) Accept() (net.Conn, error) {
	l.began.Do(func() { close(l.accepting) })
	for backoff := acceptBackoffMin; ; backoff = min(2*backoff, acceptBackoffMax) {
		if l.isClosed() {
			return nil, io.EOF
		}
		conn, err := l.Listener.Accept()
		if err == nil {
			if l.security != nil {
				conn = tls.Server(conn, l.security) // the handshake is made by whoever reads first
			}
			return l.conns.add(conn), nil // also after Close: who was accepted is answered
		}
		if l.isClosed() {
			return nil, io.EOF
		}
		l.log.Warn("accept failed, trying again", "error", err, "after", backoff)
		select {
		case <-l.closed:
		case <-time.After(backoff):
		}
	}
}

// Close makes Accept return. Connections that nobody accepted yet stay in the socket's queue for its other holders.
func (l *sharedListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.setDeadline(longAgo)
	})
	return nil
}

// release leaves the socket as it was, to whoever goes on with it. It is to be called when Accept has returned for good.
func (l *sharedListener) release() { l.setDeadline(time.Time{}) }

func (l *sharedListener) isClosed() bool {
	select {
	case <-l.closed:
		return true
	default:
		return false
	}
}

// setDeadline interrupts a waiting Accept of TCP and unix listeners. A deadline is the runtime's, not the socket's: other
// processes that hold the socket do not notice.
func (l *sharedListener) setDeadline(t time.Time) {
	if d, ok := l.Listener.(interface{ SetDeadline(time.Time) error }); ok {
		if err := d.SetDeadline(t); err != nil {
			l.log.Warn("set deadline of listener", "error", err)
		}
	}
}
