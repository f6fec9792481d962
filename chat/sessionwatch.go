package chat

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"snug/store"
)

// sessionWatch keeps logins and what the database has of them together: it writes down when they were used, and closes
// sockets whose logins have ended without this node being told, as by the command line or while the cache was away.
type sessionWatch struct {
	store *store.Store
	mu    sync.Mutex
	seen  map[uuid.UUID]bool // logins that were used since the last note
}

// noteUse is how often the use of logins is written down, and usePrecision how exactly.
const (
	noteUse      = 15 * time.Second
	usePrecision = time.Minute
)

// used says that a login was used now. It costs the request nothing.
func (w *sessionWatch) used(session store.Session, now time.Time) {
	if now.Sub(session.LastUsed) < usePrecision {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[session.ID] = true
}

// take returns the logins that were used since the last time.
func (w *sessionWatch) take() []uuid.UUID {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := slices.Collect(maps.Keys(w.seen))
	clear(w.seen)
	return ids
}

// note writes down which logins were used: those of requests, and of open sockets.
func (w *sessionWatch) note(ctx context.Context, open []uuid.UUID) error {
	ids := append(w.take(), open...)
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return w.store.TouchSessions(ctx, ids)
}

// watchSessions runs the watch until ctx ends.
func (s *Server) watchSessions(ctx context.Context) error {
	check, note := time.NewTicker(s.tuning.sessions), time.NewTicker(noteUse)
	defer check.Stop()
	defer note.Stop()
	failing := false
	for {
		var err error
		select {
		case <-ctx.Done():
			// What is not written down at the end is lost, when the database is away; it is a minute at most.
			_ = s.sessions.note(context.WithoutCancel(ctx), nil)
			return nil
		case <-check.C:
			err = s.checkSessions(ctx)
		case <-note.C:
			err = s.sessions.note(ctx, s.hub.openSessions())
		}
		if err != nil && !failing && ctx.Err() == nil {
			s.log.Warn("cannot look after logins", "error", err)
		}
		failing = err != nil
	}
}

// checkSessions closes the sockets of logins that have ended, and sees to the roles of the others.
func (s *Server) checkSessions(ctx context.Context) error {
	open := s.hub.openSessions()
	if len(open) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	live, err := s.store.LiveSessions(ctx, open)
	if err != nil {
		return err
	}
	roles := make(map[uuid.UUID]store.Role, len(live))
	for _, l := range live {
		roles[l.ID] = l.Role
	}
	s.hub.post(func() {
		for _, id := range open {
			role, lives := roles[id]
			if !lives {
				s.hub.closeSession(id)
			}
			for c := range s.hub.sessions[id] {
				s.hub.lookAs(c, role)
			}
		}
	})
	return nil
}

// openSessions are the logins that have sockets here.
func (h *hub) openSessions() (ids []uuid.UUID) {
	h.do(func() { ids = slices.Collect(maps.Keys(h.sessions)) })
	return ids
}
