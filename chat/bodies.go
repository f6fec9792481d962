package chat

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"

	"github.com/gofiber/fiber/v2"

	"snug/store"
)

// Requests come to us when their headers are there. The bodies of most are read before a handler sees them, and are small;
// some handlers take the body as it comes.

// wholeBody reads the body of a request, which must be there within the time that a request has.
func (s *Server) wholeBody(c *fiber.Ctx) error {
	body := c.Request().BodyStream()
	if body == nil {
		return c.Next()
	}
	if s.streamed[c.Method()+" "+c.Path()] {
		err := c.Next()
		if err != nil {
			answerEarly(c)
		}
		return err
	}
	length := c.Request().Header.ContentLength()
	if length > bodyLimit {
		return fiber.ErrRequestEntityTooLarge
	}
	content, err := io.ReadAll(io.LimitReader(body, bodyLimit+1))
	switch {
	case err != nil:
		return s.brokenBody(c, err)
	case len(content) > bodyLimit:
		return fiber.ErrRequestEntityTooLarge
	case len(content) < length:
		return s.brokenBody(c, io.ErrUnexpectedEOF)
	}
	c.Request().SetBodyStream(bytes.NewReader(content), len(content)) // where huma reads it
	return c.Next()
}

// answerEarly lets the answer reach a client that may still be sending its request, and then ends the connection.
func answerEarly(c *fiber.Ctx) {
	c.Context().SetConnectionClose()
	if conn, ok := c.Context().Conn().(*clientConn); ok {
		conn.unread.Store(true)
	}
}

// brokenBody is the error of a body that did not come to its end. What follows on the connection is no request.
func (s *Server) brokenBody(c *fiber.Ctx, err error) error {
	c.Context().SetConnectionClose()
	select {
	case <-s.draining:
		return newProblem(store.Unavailable, "The server restarts. Send this again in a moment.")
	default:
	}
	var network net.Error
	if errors.As(err, &network) && network.Timeout() {
		return fiber.ErrRequestTimeout
	}
	return fiber.ErrBadRequest
}

// streaming registers a handler that reads the body of its requests as it comes, from arriving.
func streaming(register registration) registration {
	return func(s *Server, app *fiber.App, r route) {
		s.streamed[r.method+" "+r.path] = true
		register(s, app, r)
	}
}

// slowest is how fast bodies must come and go on the average, in bytes a second: who is slower holds what others need.
const slowest = 4 << 10

// pace gives each part of a long body a time of its own, as long as all goes on at some speed.
type pace struct {
	began    time.Time
	patience time.Duration // without anything, and at the beginning
	done     int64         // bytes
	deadline func(time.Time) error
}

// next sets when the next part must have come or gone.
func (p *pace) next() error {
	now := time.Now()
	if p.began.IsZero() {
		p.began = now
	}
	by := p.began.Add(p.patience + time.Duration(p.done)*time.Second/slowest)
	return p.deadline(earlier(by, now.Add(p.patience)))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// pacedReader reads from a reader at a pace: of its source, or of who is sent what is read.
type pacedReader struct {
	io.Reader
	pace pace
}

func (r *pacedReader) Read(p []byte) (int, error) {
	if err := r.pace.next(); err != nil {
		return 0, err
	}
	n, err := r.Reader.Read(p)
	r.pace.done += int64(n)
	return n, err
}

// arriving is the body of a request, as it comes.
func (s *Server) arriving(c *fiber.Ctx) io.Reader {
	body := c.Request().BodyStream()
	if body == nil {
		return bytes.NewReader(nil)
	}
	return &pacedReader{Reader: body, pace: pace{patience: s.tuning.readRequest, deadline: c.Context().Conn().SetReadDeadline}}
}
