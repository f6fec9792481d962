package chat

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"snug/store"
)

// Who is logged in may do a lot, and not everything at once. What is limited here is far beyond what people do; it is there
// so that a client that runs wild is a burden to nobody else. Each limit is of one user alone.

// rate is how often a user may do something: so often at once, and so often a second from then on.
type rate struct {
	burst, perSecond float64
}

// The rates of a user on one node, whose counting costs a request nothing.
var (
	freeSends = rate{burst: 200, perSecond: 20} // what is beyond is counted for all nodes: see sendsShare
	typings   = rate{burst: 20, perSecond: 2}   // what is beyond is not told
	reads     = rate{burst: 200, perSecond: 20} // of the WebSocket
	openings  = rate{burst: 1000, perSecond: 200}
)

// The limits of a user on all nodes together.
var (
	newChannels = limit{"channels", 300, 10 * time.Minute} // and direct conversations
	newInvites  = limit{"invites", 300, 10 * time.Minute}
)

// counters counts what users do on this node.
type counters struct {
	sends, typings, reads, openings *rates
	shares                          *shares
}

func newCounters(t tuning) *counters {
	return &counters{
		sends: newRates(freeSends), typings: newRates(typings), reads: newRates(reads), openings: newRates(openings),
		shares: &shares{of: map[uuid.UUID]share{}, limits: []limit{
			{"sends", t.sends / sendsShare, sendsWindow}, {"sends of an hour", sendsOfAnHour / sendsShare, time.Hour},
		}},
	}
}

// rates is how far each user is within a rate.
type rates struct {
	rate
	mu   sync.Mutex
	left map[uuid.UUID]allowance
}

// allowance is how much of a rate was left at a time.
type allowance struct {
	left float64
	at   time.Time
}

func newRates(p rate) *rates { return &rates{rate: p, left: map[uuid.UUID]allowance{}} }

// keptRates is how many users are remembered before those are forgotten that have all of their rate left.
const keptRates = 10_000

// take counts once more and reports whether that is within the rate.
func (p *rates) take(user uuid.UUID, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, known := p.left[user]
	switch {
	case known:
		a.left = p.now(a, now)
	default:
		a.left = p.burst
		if len(p.left) >= keptRates {
			maps.DeleteFunc(p.left, func(_ uuid.UUID, a allowance) bool { return p.now(a, now) >= p.burst })
		}
	}
	a.at = now
	ok := a.left >= 1
	if ok {
		a.left--
	}
	p.left[user] = a
	return ok
}

func (p rate) now(a allowance, now time.Time) float64 {
	return min(p.burst, a.left+max(0, now.Sub(a.at).Seconds())*p.perSecond)
}

// Who sends more than freeSends takes the right to the next sendsShare of them at once, of what all nodes give together: so
// that the cache is asked once for many.
const (
	sendsShare    = 100
	sendsWindow   = 10 * time.Second // see tuning
	sendsOfAnHour = 300_000
)

// shares are what users have left of the sends that the cache has given them.
type shares struct {
	limits []limit // of shares
	mu     sync.Mutex
	of     map[uuid.UUID]share
}

type share struct {
	left int
	end  time.Time
}

// use takes one of a user's share. When nothing is left, it says whether it is known that there is no more before the end.
func (s *shares) use(user uuid.UUID, now time.Time) (ok, refused bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sh, known := s.of[user]
	switch {
	case !known || !now.Before(sh.end):
		delete(s.of, user)
		return false, false, 0
	case sh.left < 0:
		return false, true, sh.end.Sub(now)
	case sh.left == 0:
		return false, false, 0
	}
	sh.left--
	s.of[user] = sh
	return true, false, 0
}

// noShare is the share of who gets none before its end.
const noShare = -1

func (s *shares) give(user uuid.UUID, left int, end time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.of) >= keptRates {
		now := time.Now()
		maps.DeleteFunc(s.of, func(_ uuid.UUID, sh share) bool { return !now.Before(sh.end) })
	}
	s.of[user] = share{left: left, end: end}
}

// allowSend counts a message of a user's, and answers RateLimited when it is one too many.
func (s *Server) allowSend(ctx context.Context, user uuid.UUID) error {
	now, shares := time.Now(), s.counters.shares
	if s.counters.sends.take(user, now) {
		return nil
	}
	ok, refused, wait := shares.use(user, now)
	switch {
	case ok:
		return nil
	case refused:
		return tooMuch("You send too much. Wait a little, and send this again.", wait)
	}
	for _, limit := range shares.limits {
		if limited := s.limits.take(ctx, limit, user.String()); limited != nil {
			wait = s.problem(limited).retryAfter
			shares.give(user, noShare, now.Add(wait))
			return tooMuch("You send too much. Wait a little, and send this again.", wait)
		}
	}
	shares.give(user, sendsShare-1, now.Add(sendsWindow))
	return nil
}

func tooMuch(message string, wait time.Duration) *Problem {
	p := newProblem(store.RateLimited, message)
	p.retryAfter = max(wait, time.Second)
	return p
}
