package chat

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"snug/store/cache"
)

// Tuning is what tests have otherwise; what is not set is as usual.
type Tuning struct {
	ReadRequest, Idle, Hello, Ping, Silence, Write, Drain, Poll, Sessions, Index, PresenceGrace, Sweep, UnusedFiles time.Duration

	Outbox, Replay, Page, Sends, Sockets int
}

// With returns a New whose servers are tuned.
func With(t Tuning) func(Config) (*Server, error) {
	tuning := defaultTuning()
	for to, from := range map[*time.Duration]time.Duration{
		&tuning.readRequest: t.ReadRequest, &tuning.idle: t.Idle, &tuning.hello: t.Hello, &tuning.ping: t.Ping,
		&tuning.silence: t.Silence, &tuning.write: t.Write, &tuning.drain: t.Drain, &tuning.poll: t.Poll,
		&tuning.sessions: t.Sessions, &tuning.index: t.Index, &tuning.presenceGrace: t.PresenceGrace,
		&tuning.sweep: t.Sweep, &tuning.unusedFiles: t.UnusedFiles,
	} {
		if from != 0 {
			*to = from
		}
	}
	for to, from := range map[*int]int{&tuning.outbox: t.Outbox, &tuning.replay: t.Replay, &tuning.page: t.Page, &tuning.sends: t.Sends, &tuning.sockets: t.Sockets} {
		if from != 0 {
			*to = from
		}
	}
	return func(cfg Config) (*Server, error) { return newServer(cfg, tuning) }
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
	Method, Path string
	Access       string // who may: public, member, notGuest, admin or owner
}

var classes = map[access]string{public: "public", member: "member", notGuest: "notGuest", admin: "admin", owner: "owner"}

// Routes is the table of routes.
func Routes() []Route {
	var list []Route
	for _, r := range routes() {
		list = append(list, Route{Method: r.method, Path: r.path, Access: classes[r.access]})
	}
	return list
}

// ClientFrames are the types of the frames that a client may send.
func ClientFrames() []string { return slices.Sorted(maps.Keys(clientFrames)) }

// Description is the OpenAPI document of all routes.
func (s *Server) Description() ([]byte, error) { return json.Marshal(s.api.OpenAPI()) }

// ClientOf is who sent a request that came from peer with these lines of X-Forwarded-For.
func ClientOf(p Proxies, peer netip.Addr, lines []string) netip.Addr { return p.client(peer, lines) }

// Notice tells log of peers that are not believed, but name another client.
func Notice(log *slog.Logger, peers ...netip.Addr) {
	h := proxyHint{log: log}
	for _, peer := range peers {
		h.notice(peer)
	}
}

// The bounds that tests go to.
const (
	BodyLimit   = bodyLimit
	HeaderLimit = headerLimit
)

// ReplayLimit is how many messages are sent to who missed them.
var ReplayLimit = defaultTuning().replay

// The limits of guessing, as numbers of tries.
var (
	LoginLimit     = guesses.most
	AccountLimit   = guessesAt.most
	StrangerLimit  = guessesStrange.most
	AddressLimit   = guessesFrom.most
	WrongCodeLimit = wrongCodes.most
)

// MaxLocalCounts is how much is counted without the cache.
const MaxLocalCounts = maxLocalCounts

// LocalCounts is how limits are counted without the cache.
type LocalCounts struct{ counts localCounts }

// NewLocalCounts counts nothing yet.
func NewLocalCounts() *LocalCounts {
	return &LocalCounts{localCounts{counts: map[string]*localCount{}}}
}

// Allow counts once more.
func (l *LocalCounts) Allow(key string, most int, window time.Duration) (bool, time.Duration) {
	return l.counts.allow(key, limit{most: most, window: window}, time.Now())
}

// GiveBack counts once less.
func (l *LocalCounts) GiveBack(key string) { l.counts.giveBack(key) }

// Len is how much is counted.
func (l *LocalCounts) Len() int { return len(l.counts.counts) }

// Exhaust uses up one of the limits.
func Exhaust(ctx context.Context, c *cache.Client, name string, parts ...string) error {
	limit := map[string]limit{
		guessesAt.name: guessesAt, guessesFrom.name: guessesFrom, newChannels.name: newChannels, newInvites.name: newInvites,
	}[name]
	for range limit.most {
		if _, _, err := c.Allow(ctx, limit.key(parts...), limit.most, limit.window); err != nil {
			return err
		}
	}
	return nil
}

// PlainCell is text that no spreadsheet takes for a formula.
func PlainCell(text string) string { return plainCell(text) }

// FileName is the name that a file is given.
func FileName(given string) string { return fileName(given) }

// UploadsAtOnce is how many files a user may upload at the same time.
const UploadsAtOnce = uploadsAtOnce

// FreeSends is how many messages a user may send at once before they are counted for all nodes.
var FreeSends = int(freeSends.burst)

// Rates is how often users may do something.
type Rates struct{ rates *rates }

// NewRates begins with all of the rate left.
func NewRates(burst, perSecond float64) *Rates {
	return &Rates{newRates(rate{burst: burst, perSecond: perSecond})}
}

// Take counts once more.
func (r *Rates) Take(user uuid.UUID, now time.Time) bool { return r.rates.take(user, now) }

// FillFrameFiles leaves no room for more files of frames.
func (s *Server) FillFrameFiles() { s.hub.files.bytes.Add(filedAtOnce) }

// FrameFileBytes is how much is in files of frames.
func (s *Server) FrameFileBytes() int64 { return s.hub.files.bytes.Load() }
