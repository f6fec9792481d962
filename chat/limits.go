package chat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"snug/store"
	"snug/store/cache"
)

// limit is how often something may be done in a window of time.
type limit struct {
	name   string
	most   int
	window time.Duration
}

// The limits of guessing. None of them can be used to lock somebody else out: what others guess, from elsewhere, makes
// Snug strict with addresses that the account has no login from, and even those have a few tries of their own. What was
// right does not count.
var (
	guesses         = limit{"guess", 20, time.Minute}         // of one account's password, from one address
	guessesAt       = limit{"account", 100, 15 * time.Minute} // of one account's password, from everywhere: beyond it, guessesStrange
	guessesStrange  = limit{"strange", 3, 15 * time.Minute}   // the same as guesses, from an address that is not known
	guessesFrom     = limit{"address", 200, 15 * time.Minute} // of all accounts' passwords, from an address: beyond it, none of accounts that do not know it
	guessesOfOwn    = limit{"own", 20, time.Minute}           // of one's own password, when it is changed
	wrongCodes      = limit{"code", 60, 15 * time.Minute}     // of invites and resets, from an address
	triesWithInvite = limit{"invite", 100, time.Minute}       // to register with one invite, from one address
)

// limiter counts for all nodes in the cache; without the cache each node counts for itself.
type limiter struct {
	cache *cache.Client
	log   *slog.Logger
	local localCounts
	rest  atomic.Int64 // until when the cache is not asked, in Unix nanoseconds
}

// A cache that does not answer in countTime is not asked again for cacheRest: one that hangs would hold up every login.
const (
	countTime = time.Second
	cacheRest = 3 * time.Second
)

var errResting = errors.New("the cache did not answer a moment ago")

// ask asks the cache, unless it did not answer a moment ago.
func (l *limiter) ask(ctx context.Context, question func(context.Context) error) error {
	if time.Now().UnixNano() < l.rest.Load() {
		return errResting
	}
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	err := question(ctx)
	if err != nil {
		l.log.Warn("cache is away, limits are counted here alone", "error", err)
		l.rest.Store(time.Now().Add(cacheRest).UnixNano())
	}
	return err
}

func newLimiter(c *cache.Client, log *slog.Logger) *limiter {
	return &limiter{cache: c, log: log, local: localCounts{counts: map[string]*localCount{}}}
}

// key is of fixed length, whatever was typed as a name.
func (l limit) key(parts ...string) string {
	return fmt.Sprintf("%s:%x", l.name, hashToken(fmt.Sprintf("%q", parts)))
}

// take counts once more of what parts name, and answers RateLimited when it is one too many.
func (l *limiter) take(ctx context.Context, limit limit, parts ...string) error {
	key := limit.key(parts...)
	var ok bool
	var wait time.Duration
	err := l.ask(ctx, func(ctx context.Context) (err error) {
		ok, wait, err = l.cache.Allow(ctx, key, limit.most, limit.window)
		return err
	})
	if err != nil {
		ok, wait = l.local.allow(key, limit, time.Now())
	}
	if ok {
		return nil
	}
	p := newProblem(store.RateLimited, "Too many tries. Wait a little and try again.")
	p.retryAfter = max(wait, time.Second)
	return p
}

// giveBack counts once less: what was taken shall not count.
func (l *limiter) giveBack(ctx context.Context, limit limit, parts ...string) {
	key := limit.key(parts...)
	l.local.giveBack(key)
	_ = l.ask(ctx, func(ctx context.Context) error { return l.cache.GiveBack(ctx, key, limit.window) }) // else the try stays counted
}

// guess is a try of a password.
type guess struct {
	account string    // as it was typed, in lower case
	userID  uuid.UUID // zero: there is no such account
	address string    // from where
}

// allowGuess counts a try of a password, and answers RateLimited when it is one too many.
func (s *Server) allowGuess(ctx context.Context, g guess) error {
	address := network(g.address)
	if err := s.limits.take(ctx, guesses, g.account, address); err != nil {
		return err
	}
	byAccount, byAddress := s.limits.take(ctx, guessesAt, g.account), s.limits.take(ctx, guessesFrom, address)
	if byAccount == nil && byAddress == nil {
		return nil
	}
	known, err := s.store.HasLoggedInFrom(ctx, g.userID, g.address)
	if err != nil || known {
		return err
	}
	if byAddress != nil {
		return byAddress
	}
	return s.limits.take(ctx, guessesStrange, g.account, address)
}

// guessedRight uncounts a try: who knows the password does not guess.
func (l *limiter) guessedRight(ctx context.Context, g guess) {
	address := network(g.address)
	l.giveBack(ctx, guesses, g.account, address)
	l.giveBack(ctx, guessesAt, g.account)
	l.giveBack(ctx, guessesFrom, address)
}

// wrongCode counts a code that is not good; other errors stay as they are. A code that is good is never refused.
func (s *Server) wrongCode(ctx context.Context, err error) error {
	if store.CodeOf(err) != store.NotFound {
		return err
	}
	if limited := s.limits.take(ctx, wrongCodes, network(requestOf(ctx).ip)); limited != nil {
		return limited
	}
	return err
}

// network is what one client has of addresses: one of IPv4, but 2^64 of IPv6 (RFC 6177).
func network(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil || a.Is4() {
		return address
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
}

// localCounts counts for one node.
type localCounts struct {
	mu     sync.Mutex
	counts map[string]*localCount
}

type localCount struct {
	n   int
	end time.Time // of the window
}

// maxLocalCounts bounds the memory. Beyond it, some are forgotten: to refuse others instead would lock them out.
const maxLocalCounts = 100_000

func (l *localCounts) allow(key string, limit limit, now time.Time) (bool, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts[key]
	if c == nil || !now.Before(c.end) {
		l.makeRoom()
		c = &localCount{end: now.Add(limit.window)}
		l.counts[key] = c
	}
	if c.n >= limit.most {
		return false, c.end.Sub(now)
	}
	c.n++
	return true, 0
}

// makeRoom forgets any one of too many.
func (l *localCounts) makeRoom() {
	if len(l.counts) < maxLocalCounts {
		return
	}
	for key := range l.counts {
		delete(l.counts, key)
		return
	}
}

func (l *localCounts) giveBack(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.counts[key]; c != nil && c.n > 0 {
		c.n--
	}
}
