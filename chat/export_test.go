package chat

import (
	"time"

	"github.com/gofiber/fiber/v2"
)

// Timing gives tests other durations.
type Timing struct {
	ReadRequest, Idle, Hello, Ping, Silence, Write, Drain, Poll, PresenceGrace time.Duration
}

// WithTiming returns a New whose servers have the durations that are set.
func WithTiming(t Timing) func(Config) (*Server, error) {
	timing := defaultTiming()
	for to, from := range map[*time.Duration]time.Duration{
		&timing.readRequest: t.ReadRequest, &timing.idle: t.Idle, &timing.hello: t.Hello, &timing.ping: t.Ping,
		&timing.silence: t.Silence, &timing.write: t.Write, &timing.drain: t.Drain, &timing.poll: t.Poll,
		&timing.presenceGrace: t.PresenceGrace,
	} {
		if from != 0 {
			*to = from
		}
	}
	return func(cfg Config) (*Server, error) { return newServer(cfg, timing) }
}

// WithPanic is New for a server that panics with the value at GET /api/panic.
func WithPanic(value any) func(Config) (*Server, error) {
	return func(cfg Config) (*Server, error) {
		s, err := New(cfg)
		if err == nil {
			s.app.Get("/api/panic", func(*fiber.Ctx) error { panic(value) })
		}
		return s, err
	}
}

// Route is a route of the table.
type Route struct {
	Method, Path  string
	Member, Admin bool // who may: those who are logged in, or owners and admins
}

// Routes is the table of routes.
func Routes() []Route {
	var list []Route
	for _, r := range routes() {
		list = append(list, Route{Method: r.method, Path: r.path, Member: r.access == member, Admin: r.access == admin})
	}
	return list
}

// The bounds that tests go to.
const (
	BodyLimit   = bodyLimit
	HeaderLimit = headerLimit
	LoginLimit  = loginLimit
	ReplayLimit = replayLimit
)
