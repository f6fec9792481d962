package cache

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestCheckTellsTheTruth(t *testing.T) {
	everyServer(t, func(t *testing.T, p *process) {
		c := p.open(t)
		limit := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			begin := time.Now()
			err := c.Check(ctx)
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("a check with 500 ms took %v", took)
			}
			return err
		}
		p.signal(t, syscall.SIGSTOP)
		eventually(t, func() error { // its threads do not stop at once
			if limit() == nil {
				return fmt.Errorf("a stopped server passes the check")
			}
			return nil
		})
		p.signal(t, syscall.SIGCONT)
		eventually(t, limit)
		p.kill()
		if limit() == nil {
			t.Error("a killed server passes the check")
		}
		p.start(t)
		eventually(t, limit)
	})
}

// Two may check at the same time, on one server.
func TestChecksDoNotDisturbEachOther(t *testing.T) {
	p := embedded(t)
	c := p.open(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				if err := c.Check(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestOpenRefusesWhatIsNoCache(t *testing.T) {
	for _, url := range []string{"", "localhost:6379", "http://localhost", "redis://:secret@host:port"} {
		_, err := Open(url)
		if err == nil {
			t.Errorf("Open(%q) is fine", url)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("Open tells the password: %v", err)
		}
	}
}

func TestAllow(t *testing.T) {
	everyServer(t, func(t *testing.T, p *process) {
		const limit, window = 50, 1500 * time.Millisecond
		clients := []*Client{p.open(t), p.open(t)} // two nodes
		var allowed atomic.Int64
		begin := time.Now()
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for range 20 {
					ok, retryAfter, err := clients[i%2].Allow(t.Context(), "login:ada", limit, window)
					switch {
					case err != nil:
						t.Error(err)
					case ok:
						allowed.Add(1)
					case retryAfter <= 0 || retryAfter > window:
						t.Errorf("try again after %v of a window of %v", retryAfter, window)
					}
				}
			})
		}
		wg.Wait()
		if took := time.Since(begin); took > window-2*tick {
			t.Skipf("320 uses took %v, longer than the window", took)
		}
		if got := allowed.Load(); got != limit {
			t.Errorf("%d uses were allowed at once, want %d", got, limit)
		}
		if ok, _, err := clients[0].Allow(t.Context(), "login:bob", limit, window); !ok || err != nil {
			t.Errorf("another key: %v, %v", ok, err)
		}
		eventually(t, func() error {
			ok, retryAfter, err := clients[1].Allow(t.Context(), "login:ada", limit, window)
			if err == nil && !ok {
				err = fmt.Errorf("not allowed for %v", retryAfter)
			}
			return err
		})
		if recovered := time.Since(begin); recovered < window-2*tick {
			t.Errorf("allowed again after %v of a window of %v", recovered, window)
		}
	})
}

func TestAllowFailsWhenTheCacheIsGone(t *testing.T) {
	p := embedded(t)
	c := p.open(t)
	p.kill()
	if _, _, err := c.Allow(t.Context(), "key", 1, time.Second); err == nil {
		t.Error("no error without a server")
	}
}

// What is given back does not count, also when the window has passed meanwhile.
func TestGiveBack(t *testing.T) {
	everyServer(t, func(t *testing.T, p *process) {
		const limit, window = 3, time.Second
		c := p.open(t)
		use := func() bool {
			t.Helper()
			ok, _, err := c.Allow(t.Context(), "login:eve", limit, window)
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		begin := time.Now()
		for range 2 * limit {
			if !use() {
				t.Fatal("a use is refused although those before were given back")
			}
			if err := c.GiveBack(t.Context(), "login:eve", window); err != nil {
				t.Fatal(err)
			}
		}
		uses := 0
		for use() {
			uses++
		}
		if time.Since(begin) < window && uses != limit {
			t.Errorf("%d uses were allowed, want %d", uses, limit)
		}
		if err := c.GiveBack(t.Context(), "login:new", window); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			left, err := c.redis.Exists(t.Context(), "snug:limit:login:new").Result()
			if err != nil {
				t.Fatal(err)
			}
			if left == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("a count stays for ever")
			}
		}
	})
}
