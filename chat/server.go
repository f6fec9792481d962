package chat

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"snug/chat/web"
	"snug/store"
	"snug/store/cache"
)

// Config is what a [Server] is made of.
type Config struct {
	Store *store.Store
	Cache *cache.Client // what is kept there can be lost: without it, chat goes on alone
	Room  func() error  // why there is no room on the disk for messages, see [store.WriterConfig]; may be nil

	Listener      net.Listener // the public port, open already; the server accepts on it and never closes it
	ReadyListener net.Listener // private: GET /ready answers 200 once the server is ready, and 503 with the reason before
	Handover      net.Listener // a unix socket, on which the server before hands over its idle connections; may be nil
	Successor     string       // path of that socket of the server that takes over at the end; may be empty, or not there
	ControlSocket string       // the supervisor's HTTP over a unix socket, asked for the health of all; may be empty

	Files     Files
	Memory    Memory
	Metrics   Metrics
	TLS       *tls.Config // how to speak on the public port; nil is plain HTTP
	PublicURL string      // where browsers find this server, see [ParsePublicURL]; empty: wherever they ask
	Proxies   string      // whose X-Forwarded-For, -Proto and -Host count, see [ParseProxies]; empty: nobody's
	Version   string
	Logger    *slog.Logger
}

// Server is one node of the chat.
type Server struct {
	cfg       Config
	tuning    tuning
	log       *slog.Logger
	store     *store.Store
	publicURL PublicURL
	proxies   Proxies
	proxyHint proxyHint
	started   time.Time

	app       *fiber.App
	api       huma.API
	problems  map[int]*huma.Response // by status, as the API's description has them
	docs      func() ([]byte, error) // the page that shows the API, made when first asked for
	site      *site
	writer    *store.Writer
	hub       *hub
	passwords *passwords
	rest      *rest
	limits    *limiter
	counters  *counters
	sessions  *sessionWatch
	control   *control // nil without a supervisor
	health    *healthReporter
	errands   *errands
	metrics   *metrics
	conns     *connections
	uploads   *uploads
	streamed  map[string]bool // "METHOD path" of the routes that read the body of their requests themselves
	listener  *sharedListener
	ready     *readiness
	draining  chan struct{} // closed when the server begins to drain

	sockets       sync.WaitGroup
	unusedBuffers sync.Pool // of the WebSocket library, whose way to write is not used
}

// tuning is what tests have otherwise.
type tuning struct {
	readRequest   time.Duration // for a whole request to arrive
	idle          time.Duration // of a connection between requests
	handle        time.Duration // for a request to be answered
	hello         time.Duration // for the first frame of a WebSocket
	ping          time.Duration // between pings to a WebSocket
	silence       time.Duration // after which a WebSocket that says nothing, not even a pong, is dead
	write         time.Duration // for a write to a WebSocket
	drain         time.Duration // for the end of a server, before what is left is cut
	poll          time.Duration // between looks for messages that no event told of
	sessions      time.Duration // between looks for logins that have ended without a word
	sweep         time.Duration // between looks for files that nobody needs
	unusedFiles   time.Duration // for which a file is kept that hangs on no message
	index         time.Duration // between looks for messages that cannot be searched yet
	presenceGrace time.Duration // before somebody who left is told to be away: a page may be loading anew
	outbox        int           // bytes that may wait for one WebSocket; messages are shared by all who wait for them
	sends         int           // of a user in sendsWindow, on all nodes
	sockets       int           // of a user at once, on this node
	replay        int           // messages of a channel that are sent to who missed them; more are told as a gap
	page          int           // messages that are read at once to be sent to who missed them
}

func defaultTuning() tuning {
	return tuning{
		readRequest: 10 * time.Second, idle: 75 * time.Second, handle: 10 * time.Second,
		hello: 10 * time.Second, ping: 25 * time.Second, silence: 60 * time.Second, write: 10 * time.Second,
		drain: 8 * time.Second, poll: 2 * time.Second, sessions: 2 * time.Second, index: 5 * time.Second, presenceGrace: 3 * time.Second,
		sweep: time.Hour, unusedFiles: 24 * time.Hour,
		outbox: 8 << 20, sends: 50_000, sockets: 200, replay: 1000, page: 200,
	}
}

// New makes a server. Nothing runs and nothing is accepted before [Server.Serve].
func New(cfg Config) (*Server, error) { return newServer(cfg, defaultTuning()) }

func newServer(cfg Config, tuning tuning) (*Server, error) {
	if cfg.Store == nil || cfg.Cache == nil || cfg.Listener == nil || cfg.Files.Dir == "" {
		return nil, errors.New("chat needs a store, a cache client, a listener and a folder for files")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{
		cfg: cfg, tuning: tuning, log: cfg.Logger, store: cfg.Store, started: time.Now(),
		rest:      newRest(cfg.Memory),
		limits:    newLimiter(cfg.Cache, cfg.Logger),
		counters:  newCounters(tuning),
		sessions:  &sessionWatch{store: cfg.Store, seen: map[uuid.UUID]bool{}},
		conns:     newConnections(tuning),
		ready:     newReadiness(),
		draining:  make(chan struct{}),
		control:   newControl(cfg.ControlSocket),
		errands:   newErrands(),
		proxyHint: proxyHint{log: cfg.Logger},
		streamed:  map[string]bool{},
		problems:  map[int]*huma.Response{},
	}
	s.passwords = newPasswords(s.rest)
	s.listener = shareListener(cfg.Listener, cfg.TLS, s.conns, cfg.Logger)
	var err error
	if s.publicURL, err = ParsePublicURL(cfg.PublicURL); err != nil {
		return nil, fmt.Errorf("public URL %q: %w", cfg.PublicURL, err)
	}
	if s.proxies, err = ParseProxies(cfg.Proxies); err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	if s.uploads, err = openUploads(cfg.Files); err != nil {
		return nil, err
	}
	if s.site, err = newSite(web.Files, s.publicURL.Path); err != nil {
		return nil, fmt.Errorf("prepare the web client: %w", err)
	}
	s.hub = newHub(hubConfig{Node: uuid.New(), Store: cfg.Store, Cache: cfg.Cache, Tuning: tuning, Logger: cfg.Logger})
	s.metrics = newMetrics(cfg.Store, func() int { return s.writer.Waiting() })
	s.writer = store.NewWriter(store.WriterConfig{Store: cfg.Store, Committed: s.committed, Answered: s.hub.answered, Room: cfg.Room, Online: s.hub.whoIsOnline, Logger: cfg.Logger})
	s.health = &healthReporter{server: s}
	s.app = s.newApp()
	s.docs = sync.OnceValues(func() ([]byte, error) { return renderDocs(s.api.OpenAPI(), s.publicURL.Path) })
	return s, nil
}

// committed takes from the writer newly stored messages, and those that replies among them have changed.
func (s *Server) committed(stored, changed []store.Message) {
	s.metrics.batches.Observe(float64(len(stored)))
	s.rest.stored(len(stored))
	s.hub.committed(stored, changed)
}

// Serve runs the server until ctx ends. Then it says goodbye to the sockets, answers the requests that are under way,
// hands the idle connections to the server that takes over, stores what was sent, and returns nil when all of it is done.
// Any other end is an error.
func (s *Server) Serve(ctx context.Context) error {
	parts := newParts(ctx)
	defer parts.stop()
	parts.run("writer", s.writer.Run)
	parts.run("hub", s.hub.run)
	parts.run("search index", func(ctx context.Context) error { return s.store.KeepIndex(ctx, s.tuning.index, s.rest.flooded.Load) })
	parts.run("rest", s.rest.watch)
	parts.run("sessions", s.watchSessions)
	if s.cfg.ReadyListener != nil {
		parts.run("readiness", s.serveReady)
	}
	if err := s.awaitReady(ctx, parts.failed); err != nil {
		return errors.Join(ignoreEnd(ctx, err), parts.stop())
	}
	front := newParts(ctx)
	defer front.stop()
	accepted := make(chan struct{}) // closed when nothing more is accepted
	front.run("public port", func(context.Context) error {
		defer close(accepted)
		return s.app.Listener(s.listener)
	})
	if s.cfg.Handover != nil {
		front.run("handover", s.inherit)
	}
	front.run("files", s.sweepFiles)
	err := s.serveUntil(ctx, parts.failed, front.failed)
	s.log.Info("chat drains")
	s.ready.set("draining")
	close(s.draining)
	front.cancel()
	_ = s.listener.Close()
	<-accepted
	s.listener.release()
	s.drain()
	s.errands.stop()
	err = errors.Join(err, front.stop(), parts.stop())
	s.sockets.Wait()
	s.hub.turns.working.Wait()
	return err
}

// serveUntil says that the server is ready once that is so, and returns nil when ctx ends, or why the server ended before.
func (s *Server) serveUntil(ctx context.Context, parts, front <-chan error) error {
	for accepting := s.listener.accepting; ; {
		select {
		case <-accepting:
			accepting = nil
			s.ready.set("")
			s.log.Info("chat is ready", "address", s.cfg.Listener.Addr().String(), "after", time.Since(s.started).Round(time.Millisecond).String())
		case <-ctx.Done():
			return nil
		case err := <-parts:
			return err
		case err := <-front:
			return err
		}
	}
}

// ignoreEnd returns nil when err is only that ctx has ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
