package chat

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"snug/store"
)

// frameLimit is the largest frame that a client may send, in bytes: enough for the longest message when each of its
// characters is written as two escapes of 6 bytes.
const frameLimit = 128 << 10

// conn is one WebSocket. What serves it ends before serveSocket returns:
//
//   - the reader, which is serveSocket itself, takes the client's frames;
//   - the worker, while there is work, does in turn those that need the database;
//   - the turn, while there is something to write, decides what is due and alone writes. The goroutine is lent by turns.
type conn struct {
	server *Server
	net    net.Conn
	early  []byte // what the client has sent with the request
	who    identity

	// What each delivery needs is together, and so in the processor's cache at once.
	out outbox
	raw syscall.RawConn // under net, for writes that do not wait; nil if what is written is encrypted first

	// Of the turn alone.
	delivery delivery
	fetching bool
	resuming bool // the client is not told yet that it has what it missed

	turns *turns
	gone  chan struct{} // closed when serveSocket is about to return

	ctx    context.Context // ends when what the client still wants done is not worth waiting for
	cancel context.CancelFunc
	*work

	reads     sync.WaitGroup // of pages that the writer asked for
	readEnded chan struct{}  // closed when the reader has ended
	written   chan struct{}  // closed when nothing more is written
	unwritten sync.Once      // closes written

	// Of the reader alone.
	greeted bool
	faults  faults
	typed   map[uuid.UUID]time.Time // when the user was last told to be typing where

	// Of the hub's goroutine alone.
	welcomed bool
	sight    sight
	channels map[uuid.UUID]int64 // with the rev since which the user is known to be a member
}

// openSocket upgrades a request to a WebSocket.
func (s *Server) openSocket(c *fiber.Ctx) error {
	upgrade := websocket.IsWebSocketUpgrade(c)
	token, byCookie := credentials(c)
	origin := c.Get(fiber.HeaderOrigin)
	// Browsers send Origin with every upgrade (RFC 6455, section 4.1), and the cookie whoever asks.
	if byCookie && token != "" && origin != "" && !s.ownOrigin(origin, requestOf(c.UserContext()).host) {
		return newProblem(store.Forbidden, "This request came from another site.")
	}
	who, err := s.identify(c.UserContext(), token)
	if err != nil {
		if !upgrade || s.problem(err).Detail.Code != store.Unauthenticated {
			return err
		}
		// A browser tells its page nothing of a refused upgrade, but the close code of an open socket.
		return s.refuseSocket(c, ending{code: closeUnauthenticated, reason: "log in first"})
	}
	if !upgrade {
		return fiber.ErrUpgradeRequired
	}
	if !s.counters.openings.take(who.User.ID, time.Now()) {
		return s.refuseSocket(c, ending{code: closeTooMuch, reason: "too many connections; come back more slowly"})
	}
	return s.upgrade(c, func(conn net.Conn, early []byte) { s.serveSocket(conn, early, who) })
}

// upgrade answers a request with a WebSocket, if it asks for one, and lets serve have it until that returns: the connection,
// and what the client has sent already.
//
// The library makes the handshake alone. What it lends for a socket would stay as long as the socket, in the size that
// requests need, and belongs to a pool: a late write through it reaches a stranger. The connection itself is nobody else's.
func (s *Server) upgrade(c *fiber.Ctx, serve func(conn net.Conn, early []byte)) error {
	return websocket.New(func(ws *websocket.Conn) {
		conn, early := detach(ws.NetConn())
		s.sockets.Go(func() {
			defer conn.Close()
			defer s.surviveSocket(nil)
			serve(conn, early)
		})
	}, websocket.Config{ // of any origin: openSocket has looked
		ReadBufferSize: 256, WriteBufferSize: 256, WriteBufferPool: &s.unusedBuffers, RecoverHandler: s.surviveSocket,
	})(c)
}

// surviveSocket lets a panic end the socket and no more.
func (s *Server) surviveSocket(*websocket.Conn) {
	if r := recover(); r != nil {
		s.log.Error("socket panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	}
}

// detach takes a connection from what fasthttp lends, and what was read of it beyond the request.
func detach(lent net.Conn) (conn net.Conn, early []byte) {
	conn = lent
	if wrapper, ok := lent.(interface{ UnsafeConn() net.Conn }); ok {
		conn = wrapper.UnsafeConn()
	}
	_ = conn.SetReadDeadline(longAgo) // so that nothing more is read
	early, _ = io.ReadAll(lent)
	_ = conn.SetDeadline(time.Time{})
	return conn, early
}

// refuseSocket upgrades a request all the same, and closes the socket at once.
func (s *Server) refuseSocket(c *fiber.Ctx, why ending) error {
	return s.upgrade(c, func(conn net.Conn, _ []byte) {
		_ = conn.SetDeadline(time.Now().Add(time.Second))
		if _, err := conn.Write(closeFrame(why.code, why.reason)); err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(conn, frameLimit)) // the client's answer
		}
	})
}

// serveSocket serves one socket from the upgrade to its end.
func (s *Server) serveSocket(netConn net.Conn, early []byte, who identity) {
	c := &conn{
		server: s, net: netConn, raw: rawOf(netConn), early: early, who: who, turns: s.hub.turns, gone: make(chan struct{}), work: newWork(),
		readEnded: make(chan struct{}), written: make(chan struct{}), delivery: *newDelivery(),
		faults: faults{left: faultsAtOnce}, typed: map[uuid.UUID]time.Time{}, channels: map[uuid.UUID]int64{},
	}
	defer s.rest.later()
	s.rest.later()
	c.out.limit, c.out.due = s.tuning.outbox, func() { c.turns.give(c) }
	c.ctx, c.cancel = context.WithCancel(context.Background())
	defer close(c.gone)
	s.metrics.sockets.Inc()
	defer s.metrics.sockets.Dec()
	defer c.keepTime()()
	if !s.hub.enter(c) {
		c.out.close(goodbyeToHeir.ending())
	}
	defer func() {
		close(c.readEnded)
		s.hub.leave(c)
		late := time.AfterFunc(lastWork, c.cancel)
		c.out.close(ending{code: closeNormal})
		c.doing.Wait()
		<-c.written
		late.Stop()
		c.cancel()
		c.reads.Wait()
	}()
	c.read()
}

// keepTime sends pings, and ends the socket with its login. It goes on until stop is called.
func (c *conn) keepTime() (stop func()) {
	every := c.server.tuning.ping
	var ping *time.Timer
	ping = time.AfterFunc(never, func() {
		if c.out.closing() {
			return // and is not set again, should it have begun before it was stopped
		}
		c.out.put(frameItem(pingFrame))
		ping.Reset(every)
	})
	ping.Reset(every)
	expiry := time.AfterFunc(time.Until(c.who.Session.ExpiresAt), func() {
		c.out.close(ending{code: closeUnauthenticated, reason: "login has expired"})
	})
	return func() {
		ping.Stop()
		expiry.Stop()
	}
}

// never is longer than any server runs.
const never = 100 * 365 * 24 * time.Hour

// panicked notes a panic in something that serves the socket, which ends by it.
func (c *conn) panicked(reason any) {
	c.server.log.Error("socket panicked", "panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
	c.cancel()
	_ = c.net.Close()
}

// rawOf is what is under a connection of the network itself.
func rawOf(conn net.Conn) syscall.RawConn {
	if ours, ok := conn.(*clientConn); ok {
		conn = ours.Conn
	}
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			return raw
		}
	}
	return nil
}

// goodbye ends the socket once what the client has sent is done and answered, and returns when it has ended. When ctx
// ends before, it is cut off.
func (c *conn) goodbye(ctx context.Context, end ending) {
	c.leave()
	select {
	case <-c.finished:
	case <-c.gone:
	case <-ctx.Done():
	}
	c.out.close(end)
	select {
	case <-c.gone:
	case <-ctx.Done():
		c.cancel()
		_ = c.net.Close()
		<-c.gone
	}
}

// faults is how many more mistakes a client may make before it is taken for hostile: so many at once, and one more
// each second.
type faults struct {
	left float64
	at   time.Time
}

const faultsAtOnce = 30

// more counts a mistake and reports whether it was one too many.
func (f *faults) more(now time.Time) bool {
	if !f.at.IsZero() {
		f.left = min(faultsAtOnce, f.left+now.Sub(f.at).Seconds())
	}
	f.at = now
	f.left--
	return f.left < 0
}
