package peers

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"
)

// Server is a plain chat server on fasthttp/websocket: a goroutine for each connection reads what it sends; a message is
// encoded once, and written to one connection after the other.
type Server struct {
	store    func(context.Context, *message) error // gives the message its seq
	upgrader websocket.FastHTTPUpgrader

	mu    sync.RWMutex
	conns map[*conn]bool
}

// conn is one client. Its mutex keeps frames apart that several senders write to it.
type conn struct {
	ws *websocket.Conn
	mu sync.Mutex
	author
}

func newServer(store func(context.Context, *message) error) *Server {
	return &Server{store: store, conns: map[*conn]bool{}}
}

// Serve serves until the listener is closed.
func (s *Server) Serve(listener net.Listener) error {
	return fasthttp.Serve(listener, func(ctx *fasthttp.RequestCtx) {
		if err := s.upgrader.Upgrade(ctx, s.serveSocket); err != nil {
			slog.Warn("cannot upgrade", "error", err)
		}
	})
}

func (s *Server) serveSocket(ws *websocket.Conn) {
	id := uuid.New()
	c := &conn{ws: ws, author: author{ID: id, Username: "user-" + id.String()[:8], DisplayName: "User " + id.String()[:8]}}
	s.mu.Lock()
	s.conns[c] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	for {
		_, frame, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if err := s.take(c, frame); err != nil {
			slog.Warn("a client is cut off", "error", err)
			return
		}
	}
}

// take does what a frame says. That a client is gone is for its reader to find out.
func (s *Server) take(c *conn, frame []byte) error {
	var in send
	if err := json.Unmarshal(frame, &in); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	if in.Type == "hello" {
		c.write([]byte(`{"type":"resumed"}`))
		return nil
	}
	m := newMessage(in, c.author)
	if err := s.store(context.Background(), &m); err != nil {
		return fmt.Errorf("store message: %w", err)
	}
	if err := s.broadcast(encode(news{Type: "message", Message: m})); err != nil {
		return err
	}
	c.write(encode(ack{Type: "ack", ClientID: in.ClientID.String(), Message: m}))
	return nil
}

func (s *Server) broadcast(payload []byte) error {
	prepared, err := websocket.NewPreparedMessage(websocket.TextMessage, payload)
	if err != nil {
		return fmt.Errorf("prepare frame: %w", err)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for c := range s.conns {
		c.mu.Lock()
		_ = c.ws.WritePreparedMessage(prepared)
		c.mu.Unlock()
	}
	return nil
}

func (c *conn) write(payload []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.ws.WriteMessage(websocket.TextMessage, payload)
}
