package chat

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	fastws "github.com/fasthttp/websocket"
	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"snug/store"
)

// frameLimit is the largest frame that a client may send, in bytes: enough for the longest message when each of its
// characters is written as two escapes of 6 bytes.
const frameLimit = 128 << 10

// conn is one WebSocket. What serves it ends before the socket's handler returns, since what is under the socket goes back
// to a pool then and would carry a late write to a stranger:
//
//   - the reader, which is the handler itself, takes the client's frames;
//   - the worker, while there is work, does in turn those that need the database;
//   - the turn, while there is something to write, decides what is due and alone writes. The goroutine is lent by turns.
type conn struct {
	server *Server
	ws     *fastws.Conn
	net    net.Conn        // under ws; other than that, it belongs to this socket alone, and its Close does close
	raw    syscall.RawConn // under net, for writes that do not wait; nil if what is written is encrypted first
	who    identity
	out    *outbox
	turns  *turns
	gone   chan struct{} // closed when the socket's handler is about to return

	ctx    context.Context // ends when what the client still wants done is not worth waiting for
	cancel context.CancelFunc
	*work

	reads     sync.WaitGroup // of pages that the writer asked for
	readEnded chan struct{}  // closed when the reader has ended
	written   chan struct{}  // closed when nothing more is written
	unwritten sync.Once      // closes written

	// Of the turn alone.
	delivery delivery
	fetching bool
	resuming bool // the client is not told yet that it has what it missed

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
	return websocket.New(func(ws *websocket.Conn) { s.serveSocket(ws.Conn, who) }, s.socketConfig())(c)
}

func (s *Server) socketConfig() websocket.Config {
	return websocket.Config{
		// fasthttp's buffer is under the one for reading, and the one for writing is used for nothing but closing.
		ReadBufferSize: 1 << 10, WriteBufferSize: 256, WriteBufferPool: &s.closeBuffers,
		RecoverHandler: func(*websocket.Conn) {
			if r := recover(); r != nil {
				s.log.Error("socket panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			}
		},
	}
}

// refuseSocket upgrades a request all the same, and closes the socket at once.
func (s *Server) refuseSocket(c *fiber.Ctx, why ending) error {
	return websocket.New(func(ws *websocket.Conn) {
		_ = ws.WriteControl(fastws.CloseMessage, fastws.FormatCloseMessage(why.code, why.reason), time.Now().Add(time.Second))
		ws.SetReadLimit(frameLimit)
		_ = ws.SetReadDeadline(time.Now().Add(time.Second))
		for {
			if _, _, err := ws.NextReader(); err != nil {
				return
			}
		}
	}, s.socketConfig())(c)
}

// serveSocket serves one socket from the upgrade to its end.
func (s *Server) serveSocket(ws *fastws.Conn, who identity) {
	c := &conn{
		server: s, ws: ws, net: underlying(ws), who: who, turns: s.hub.turns, gone: make(chan struct{}), work: newWork(),
		readEnded: make(chan struct{}), written: make(chan struct{}), delivery: *newDelivery(),
		faults: faults{left: faultsAtOnce}, typed: map[uuid.UUID]time.Time{}, channels: map[uuid.UUID]int64{},
	}
	c.raw = rawOf(c.net)
	c.out = newOutbox(s.tuning.outbox, func() { c.turns.give(c) })
	c.ctx, c.cancel = context.WithCancel(context.Background())
	defer close(c.gone)
	s.metrics.sockets.Inc()
	defer s.metrics.sockets.Dec()
	defer c.keepTime()()
	_ = c.net.SetWriteDeadline(time.Time{}) // there is one for the answer to the upgrade
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

// underlying is the connection under ws. What fasthttp lends to a socket is a wrapper out of a pool, whose Close does
// nothing and whose other methods may be another connection's once the socket's handler has returned.
func underlying(ws *fastws.Conn) net.Conn {
	if lent, ok := ws.NetConn().(interface{ UnsafeConn() net.Conn }); ok {
		return lent.UnsafeConn()
	}
	return ws.NetConn()
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
