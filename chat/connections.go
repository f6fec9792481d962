package chat

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// connections are the clients' connections that this server has accepted or inherited, and has not closed.
type connections struct {
	idle time.Duration // of a connection between requests

	mu     sync.Mutex
	open   map[*clientConn]bool
	ending *farewell // nil until the server drains
	over   sync.Once
	empty  chan struct{} // closed when none is left after that
}

// farewell says what becomes of the connections that are between two requests when the server drains. A request is never
// cut: one that has begun to arrive is answered first, and one that arrives later reaches whoever reads the connection
// then.
type farewell struct {
	by      time.Time            // when to part; those who send a request before it are still answered here
	arrived time.Time            // when the whole of a request must have arrived
	pass    func(net.Conn) error // hands the connection to the next server; nil when there is none
}

func newConnections(t tuning) *connections {
	return &connections{idle: t.idle, open: map[*clientConn]bool{}, empty: make(chan struct{})}
}

// add takes a connection that was just accepted.
func (c *connections) add(conn net.Conn) *clientConn { return c.track(&clientConn{Conn: conn, all: c}) }

// inherit takes a connection that another server has had, between two requests.
func (c *connections) inherit(conn net.Conn) *clientConn {
	return c.track(&clientConn{Conn: conn, all: c, inherited: true})
}

func (c *connections) track(conn *clientConn) *clientConn {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn.ending = c.ending
	c.open[conn] = true
	return conn
}

func (c *connections) forget(conn *clientConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.open[conn] {
		return
	}
	delete(c.open, conn)
	c.noteEmpty()
}

// leave begins to part with the connections. No more may be added than those whose Accept was under way.
func (c *connections) leave(f farewell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = &f
	for conn := range c.open {
		conn.leave(&f)
	}
	c.noteEmpty()
}

func (c *connections) noteEmpty() {
	if c.ending != nil && len(c.open) == 0 {
		c.over.Do(func() { close(c.empty) })
	}
}

// wait returns when no connection is left, or cuts off the rest when ctx ends.
func (c *connections) wait(ctx context.Context) {
	select {
	case <-c.empty:
		return
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Conn.Close()
	}
}

// lastAnswer reports whether connections are closed after the answer that is under way.
func (c *connections) lastAnswer() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending != nil && c.ending.pass == nil
}

// changed is told by fasthttp where a connection is.
func (c *connections) changed(conn net.Conn, state fasthttp.ConnState) {
	ours, ok := conn.(*clientConn)
	if !ok {
		return
	}
	ours.mu.Lock()
	defer ours.mu.Unlock()
	switch state {
	case fasthttp.StateActive:
		ours.busy = true
	case fasthttp.StateIdle:
		ours.busy = false
	case fasthttp.StateHijacked:
		ours.socket = true
	}
}

// clientConn is a connection that knows whether it is between two requests, and can then be parted with; and whose peer
// may still be sending when it is closed with an answer.
type clientConn struct {
	net.Conn
	all    *connections
	unread atomic.Bool // the peer was answered before all that it sends was read

	mu        sync.Mutex
	busy      bool // the first byte of a request was read, and the answer is not written
	socket    bool // it is a WebSocket, and stays busy
	inherited bool // and nothing was read since
	ending    *farewell
}

// Read reads. While the connection is being parted with and nothing of a request has arrived, it ends with io.EOF, and
// the connection is somebody else's.
func (c *clientConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.begin()
	} else if errors.Is(err, os.ErrDeadlineExceeded) && c.part() {
		return 0, io.EOF // of which fasthttp makes no answer
	}
	return n, err
}

// begin notes that a request has begun to arrive. It has its time, also if the connection was just to be parted with.
func (c *clientConn) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.busy && c.ending != nil {
		_ = c.Conn.SetReadDeadline(c.ending.arrived)
	}
	c.busy, c.inherited = true, false
}

// leave ends the wait for a request, and for the rest of one, at the times of the farewell.
func (c *clientConn) leave(f *farewell) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ending = f
	switch {
	case !c.busy:
		_ = c.Conn.SetReadDeadline(f.by)
	case !c.socket:
		_ = c.Conn.SetReadDeadline(f.arrived)
	}
}

// part reports whether the connection ends here, since nothing has come for too long or it is time to part. Where there is
// a next server, that has it from then on: Close closes this process's descriptor, not the connection.
func (c *clientConn) part() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy || c.ending == nil {
		return c.inherited
	}
	if c.ending.pass != nil {
		_ = c.ending.pass(c.Conn) // if it fails, the connection just ends, between two requests
	}
	return true
}

// SetReadDeadline is net.Conn's; what is set for a request gives way to the farewell.
func (c *clientConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.busy && c.ending != nil && !c.socket && c.ending.arrived.Before(t):
		t = c.ending.arrived
	case c.busy:
	case c.ending != nil:
		t = c.ending.by
	case c.inherited: // fasthttp takes it for new
		t = time.Now().Add(c.all.idle)
	}
	return c.Conn.SetReadDeadline(t)
}

// lingerTime is how long a peer may go on sending what nobody reads.
const lingerTime = time.Second

// Close closes the connection; where the peer may still be sending, after it has got the answer. The kernel would cut such
// a connection with a reset, which destroys the answer on its way (RFC 9112, section 9.6).
func (c *clientConn) Close() error {
	defer c.all.forget(c)
	half, ok := c.Conn.(interface{ CloseWrite() error })
	if c.unread.Load() && ok && half.CloseWrite() == nil && c.Conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	return c.Conn.Close()
}
