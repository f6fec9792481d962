package chat

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"snug/store"
	"snug/store/cache"
)

// How many logins may be tried for one account from one address.
const (
	loginLimit  = 20
	loginWindow = time.Minute
)

// loginLimiter slows down whoever guesses passwords. The count is kept in the cache, for all nodes; without the cache
// each node counts for itself.
type loginLimiter struct {
	cache *cache.Client
	log   *slog.Logger
	local localCounts
}

func newLoginLimiter(c *cache.Client, log *slog.Logger) *loginLimiter {
	return &loginLimiter{cache: c, log: log, local: localCounts{counts: map[string]int{}}}
}

// allow counts a try, and answers RateLimited when it is one too many.
func (l *loginLimiter) allow(ctx context.Context, account, address string) error {
	key := fmt.Sprintf("login:%x", hashToken(account+"\x00"+address)) // of fixed length, whatever was typed as a name
	ok, wait, err := l.cache.Allow(ctx, key, loginLimit, loginWindow)
	if err != nil {
		l.log.Warn("cache is away, logins are counted here alone", "error", err)
		ok, wait = l.local.allow(key, time.Now())
	}
	if ok {
		return nil
	}
	p := newProblem(store.RateLimited, "Too many tries. Wait a little and try again.")
	p.retryAfter = max(wait, time.Second)
	return p
}

// localCounts counts in windows of loginWindow.
type localCounts struct {
	mu     sync.Mutex
	end    time.Time // of the window
	counts map[string]int
}

// maxLocalCounts bounds the memory of a window. Keys beyond it are refused until the window ends.
const maxLocalCounts = 100_000

func (l *localCounts) allow(key string, now time.Time) (bool, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !now.Before(l.end) {
		l.end = now.Add(loginWindow)
		clear(l.counts)
	}
	if l.counts[key] >= loginLimit || len(l.counts) >= maxLocalCounts {
		return false, l.end.Sub(now)
	}
	l.counts[key]++
	return true, 0
}
