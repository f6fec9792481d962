package chat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"snug/migrations"
)

// readiness is why the server is not ready, or nothing when it is.
type readiness struct {
	mu     sync.Mutex
	reason string
	was    chan struct{} // closed when the server has become ready
}

func newReadiness() *readiness { return &readiness{reason: "starting", was: make(chan struct{})} }

// set changes the reason. A server becomes ready once.
func (r *readiness) set(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.reason = reason; reason == "" {
		close(r.was)
	}
}

func (r *readiness) get() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reason
}

// readyPatience is how long an answer waits for a server that is not ready yet: so whoever asks hears of it at once, and
// not only when asking next. It is less than what a probe waits.
const readyPatience = 400 * time.Millisecond

// wait waits a moment for the server to become ready, unless it was already.
func (r *readiness) wait(ctx context.Context) {
	select {
	case <-r.was:
	case <-ctx.Done():
	case <-time.After(readyPatience):
	}
}

// awaitReady returns once the database answers and has the schema that this program needs.
func (s *Server) awaitReady(ctx context.Context, failed <-chan error) error {
	const pause = 20 * time.Millisecond
	for {
		err := s.checkDatabase(ctx)
		if err == nil {
			return nil
		}
		if reason := strings.Join(strings.Fields(err.Error()), " "); reason != s.ready.get() {
			s.log.Info("chat waits", "for", reason)
			s.ready.set(reason)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-time.After(pause):
		}
	}
}

func (s *Server) checkDatabase(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	version, err := s.store.SchemaVersion(ctx)
	if err != nil {
		return fmt.Errorf("database does not answer: %w", err)
	}
	if latest := migrations.Latest(); version < latest {
		return fmt.Errorf("database schema is at version %d, this program needs %d: run snug migrate up", version, latest)
	}
	return nil
}

// serveReady answers on the private listener until ctx ends.
func (s *Server) serveReady(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, r *http.Request) {
		s.ready.wait(r.Context())
		if reason := s.ready.get(); reason != "" {
			http.Error(w, reason, http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	server := &http.Server{Handler: mux, ReadTimeout: time.Second, IdleTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(s.cfg.ReadyListener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
