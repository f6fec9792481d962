package chat

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// perSocket is the time between two goodbyes, as long as there are not too many for that.
const perSocket = 2 * time.Millisecond

// On connections that nobody else will read, requests are taken and answered that begin within lastRequests and have
// arrived within lastBytes.
const (
	lastRequests = 250 * time.Millisecond
	lastBytes    = time.Second
)

// drain ends what clients see, once nothing more is accepted: connections between two requests go to the server that
// takes over, sockets are told to come back to it, and the rest of the requests is answered.
func (s *Server) drain() {
	ctx, cancel := context.WithTimeout(context.Background(), s.tuning.drain)
	defer cancel()
	now := time.Now()
	leave, how := farewell{by: now.Add(lastRequests), arrived: now.Add(lastBytes)}, goodbyeForNow
	if next := findHeir(ctx, s.cfg.Successor); next != nil {
		defer next.close()
		how = goodbyeToHeir
		if s.cfg.TLS == nil { // the keys of a connection cannot be handed over
			leave = farewell{by: longAgo, arrived: now.Add(s.tuning.drain), pass: next.take}
		}
	}
	s.conns.leave(leave)
	s.hub.goodbye(ctx, how)
	s.conns.wait(ctx)
	if err := s.app.ShutdownWithContext(ctx); err != nil {
		s.log.Warn("requests were cut off by the end of the server", "error", err)
	}
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

// goodbyes is how sockets are sent away.
type goodbyes struct {
	longest time.Duration // over which the goodbyes are spread at most
	back    int           // seconds after which a client is to come back, or one more
	answer  time.Duration // how long it may take to answer the close
}

var (
	// To the server that takes over a client may come at once: the goodbyes are spread already.
	goodbyeToHeir = goodbyes{longest: 2 * time.Second, answer: closeWait}
	goodbyeForNow = goodbyes{longest: 500 * time.Millisecond, back: 1, answer: 500 * time.Millisecond}
)

// after is when the nth of some sockets is told goodbye.
func (g goodbyes) after(n, count int) time.Duration {
	spread := min(g.longest, time.Duration(count)*perSocket)
	return spread * time.Duration(n) / time.Duration(count)
}

// ending is how one socket ends.
func (g goodbyes) ending() ending {
	back := g.back
	if back > 0 {
		back += rand.N(2)
	}
	return ending{code: closeRestart, reason: "server restarts", answer: g.answer,
		last: encodeFrame(goodbyeFrame{Type: "goodbye", Reason: "restart", RetryAfter: back})}
}

// goodbye ends all sockets in a way that makes their clients come back, and returns when they are gone. When ctx ends
// before, the rest are cut off.
func (h *hub) goodbye(ctx context.Context, how goodbyes) {
	var conns []*conn
	h.do(func() {
		h.leaving = true
		for c := range h.conns {
			conns = append(conns, c)
		}
	})
	var wait sync.WaitGroup
	for n, c := range conns {
		wait.Go(func() {
			turn := time.NewTimer(how.after(n, len(conns)))
			defer turn.Stop()
			select {
			case <-turn.C:
			case <-c.gone:
			case <-ctx.Done():
			}
			c.goodbye(ctx, how.ending())
		})
	}
	wait.Wait()
}
