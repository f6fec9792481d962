package chat

import (
	"context"
	"fmt"
	"net"
	"runtime/debug"
	"sync"
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

// conn is one WebSocket. Three goroutines serve it, all of which end before the socket's handler returns, since what is
// under the socket goes back to a pool then and would carry a late write to a stranger:
//
//   - the reader, which is the handler itself, takes the client's frames;
//   - the worker does in turn those that need the database;
//   - the writer alone writes, and decides what is due.
type conn struct {
	server *Server
	ws     *fastws.Conn
	net    net.Conn // under ws; other than that, it belongs to this socket alone, and its Close does close
	who    identity
	out    *outbox
	gone   chan struct{} // closed when the socket's handler is about to return

	ctx    context.Context // ends when what the client still wants done is not worth waiting for
	cancel context.CancelFunc

	work     chan func(context.Context)
	workMu   sync.Mutex
	undone   int           // in work or under way
	leaving  bool          // nothing more goes into work
	finished chan struct{} // closed when leaving and nothing is undone

	pages     chan page      // what the writer asked for
	reads     sync.WaitGroup // of pages
	readEnded chan struct{}  // closed when the reader has ended

	// Of the reader alone.
	greeted bool
	faults  faults
	typed   map[uuid.UUID]time.Time // when the user was last told to be typing where

	// Of the hub's goroutine alone.
	welcomed bool
	sight    sight
	channels map[uuid.UUID]int64 // with the rev since which the user is known to be a member
}

// workQueue is how many of a client's wishes may wait for the database. A client that has more is not read meanwhile.
const workQueue = 64

// lastWork is how long the wishes of a client that is gone are still worth being done.
const lastWork = 3 * time.Second

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
		return websocket.New(refuseSocket, s.socketConfig())(c)
	}
	if !upgrade {
		return fiber.ErrUpgradeRequired
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

// refuseSocket closes the socket of somebody who is not logged in.
func refuseSocket(ws *websocket.Conn) {
	_ = ws.WriteControl(fastws.CloseMessage, fastws.FormatCloseMessage(closeUnauthenticated, "log in first"),
		time.Now().Add(time.Second))
	ws.SetReadLimit(frameLimit)
	_ = ws.SetReadDeadline(time.Now().Add(time.Second))
	for {
		if _, _, err := ws.NextReader(); err != nil {
			return
		}
	}
}

// serveSocket serves one socket from the upgrade to its end.
func (s *Server) serveSocket(ws *fastws.Conn, who identity) {
	c := &conn{
		server: s, ws: ws, net: underlying(ws), who: who, out: newOutbox(s.tuning.outbox), gone: make(chan struct{}),
		work: make(chan func(context.Context), workQueue), finished: make(chan struct{}),
		pages: make(chan page, 1), readEnded: make(chan struct{}),
		faults: faults{left: faultsAtOnce}, typed: map[uuid.UUID]time.Time{}, channels: map[uuid.UUID]int64{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	defer close(c.gone)
	s.metrics.sockets.Inc()
	defer s.metrics.sockets.Dec()
	var parts sync.WaitGroup
	parts.Go(c.survive(c.write))
	parts.Go(c.survive(c.doWork))
	if !s.hub.enter(c) {
		c.out.close(goodbyeToHeir.ending())
	}
	defer func() {
		close(c.readEnded)
		s.hub.leave(c)
		close(c.work)
		late := time.AfterFunc(lastWork, c.cancel)
		c.out.close(ending{code: closeNormal})
		parts.Wait()
		late.Stop()
		c.cancel()
		c.reads.Wait()
	}()
	c.read()
}

// survive is part, whose panic ends the socket and no more.
func (c *conn) survive(part func()) func() {
	return func() {
		defer func() {
			if r := recover(); r != nil {
				c.server.log.Error("socket panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
				c.cancel()
				_ = c.net.Close()
			}
		}()
		part()
	}
}

// underlying is the connection under ws. What fasthttp lends to a socket is a wrapper out of a pool, whose Close does
// nothing and whose other methods may be another connection's once the socket's handler has returned.
func underlying(ws *fastws.Conn) net.Conn {
	if lent, ok := ws.NetConn().(interface{ UnsafeConn() net.Conn }); ok {
		return lent.UnsafeConn()
	}
	return ws.NetConn()
}

// goodbye ends the socket once what the client has sent is done and answered, and returns when it has ended. When ctx
// ends before, it is cut off.
func (c *conn) goodbye(ctx context.Context, end ending) {
	c.workMu.Lock()
	c.leaving = true
	if c.undone == 0 {
		close(c.finished)
	}
	c.workMu.Unlock()
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

// enqueue gives the worker something to do, and waits while it has too much. When the socket is to be ended, the job is
// dropped: it is not answered, so the client sends it again when it is back.
func (c *conn) enqueue(job func(context.Context)) {
	c.workMu.Lock()
	if c.leaving {
		c.workMu.Unlock()
		select { // what was sent before has the time of the machine first
		case <-c.finished:
		case <-c.ctx.Done():
		}
		return
	}
	c.undone++
	c.workMu.Unlock()
	select {
	case c.work <- job:
	case <-c.ctx.Done():
	}
}

// doWork does what the reader enqueues, in that order.
func (c *conn) doWork() {
	for job := range c.work {
		ctx, cancel := context.WithTimeout(c.ctx, c.server.tuning.handle)
		job(ctx)
		cancel()
		c.workMu.Lock()
		if c.undone--; c.undone == 0 && c.leaving {
			close(c.finished)
		}
		c.workMu.Unlock()
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
