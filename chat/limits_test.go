package chat_test

import (
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store/cache"
)

// tryFrom tries a password from an address.
func tryFrom(t *testing.T, s *chattest.Server, address, username, password string) answer {
	t.Helper()
	return call(t, "POST", s.URL+"/api/auth/login", object{"username": username, "password": password}, "X-Forwarded-For", address)
}

// exhaust uses up one of the limits of guessing.
func exhaust(t *testing.T, s *chattest.Server, name string, parts ...string) {
	t.Helper()
	client, err := cache.Open(s.Cache.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := chat.Exhaust(t.Context(), client, name, parts...); err != nil {
		t.Fatal(err)
	}
}

// However much others guess, from wherever, who knows the password gets in, and who does not gets few tries.
func TestGuessingLocksNobodyOut(t *testing.T) {
	s := chattest.Start(t, chattest.Options{Proxies: "private"})
	ada := setUp(t, s)
	const home, elsewhere, lair = "198.51.100.1", "198.51.100.2", "203.0.113.1"
	tryFrom(t, s, home, "ada", password).want(200)

	t.Run("one account, from everywhere", func(t *testing.T) {
		exhaust(t, s, "account", "ada")
		for range chat.StrangerLimit {
			tryFrom(t, s, lair, "ada", "guess guess").refused(401, "unauthenticated")
		}
		tryFrom(t, s, lair, "ada", "guess guess").refused(429, "rate_limited")
		tryFrom(t, s, lair, "ada", password).refused(429, "rate_limited")
		tryFrom(t, s, elsewhere, "ada", password).want(200)
		for range chat.StrangerLimit + 1 {
			tryFrom(t, s, home, "ada", "mistyped").refused(401, "unauthenticated")
		}
		tryFrom(t, s, home, "ada", password).want(200)
	})
	t.Run("all accounts, from one address", func(t *testing.T) {
		ada.invite("bob")
		tryFrom(t, s, lair, "bob", password).want(200)
		exhaust(t, s, "address", lair)
		tryFrom(t, s, lair, "eve", "guess guess").refused(429, "rate_limited")
		tryFrom(t, s, lair, "bob", "mistyped").refused(401, "unauthenticated")
		tryFrom(t, s, lair, "bob", password).want(200) // a neighbour who was there before
		tryFrom(t, s, home, "bob", password).want(200)
	})
	t.Run("one address of many of IPv6", func(t *testing.T) {
		exhaust(t, s, "address", "2001:db8::/64")
		tryFrom(t, s, "2001:db8::7:8", "eve", "guess guess").refused(429, "rate_limited")
		tryFrom(t, s, "2001:db8:0:1::7", "eve", "guess guess").refused(401, "unauthenticated")
	})
}

// What was right does not count, also without the cache.
func TestWhoKnowsThePasswordIsNotLimited(t *testing.T) {
	for _, cached := range []bool{true, false} {
		t.Run(fmt.Sprintf("cache=%t", cached), func(t *testing.T) {
			s := chattest.Start(t, chattest.Options{})
			ada := setUp(t, s)
			if !cached {
				s.Cache.Stop(t)
				defer s.Cache.Start(t)
			}
			for range chat.LoginLimit + 1 {
				ada.login(password)
			}
		})
	}
}

func TestLocalCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counts := chat.NewLocalCounts()
		for range 2 {
			for i := range 3 {
				if ok, _ := counts.Allow("a", 3, time.Minute); !ok {
					t.Fatalf("try %d is refused", i)
				}
			}
			time.Sleep(20 * time.Second)
			if ok, wait := counts.Allow("a", 3, time.Minute); ok || wait != 40*time.Second {
				t.Errorf("the fourth: %v, wait %v", ok, wait)
			}
			counts.GiveBack("a")
			if ok, _ := counts.Allow("a", 3, time.Minute); !ok {
				t.Error("after one was given back")
			}
			time.Sleep(40 * time.Second)
		}
		for i := range chat.MaxLocalCounts + 10 {
			if ok, _ := counts.Allow(fmt.Sprint(i), 3, time.Minute); !ok {
				t.Fatalf("many others lock %d out", i)
			}
		}
		if counts.Len() > chat.MaxLocalCounts {
			t.Errorf("%d are remembered", counts.Len())
		}
	})
}

// A flood of logins takes neither the memory nor the time of others.
func TestAFloodOfLogins(t *testing.T) {
	s := chattest.Start(t, chattest.Options{Proxies: "private"})
	setUp(t, s)
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var busy atomic.Int32
	var wait sync.WaitGroup
	done := make(chan struct{})
	for i := range 300 {
		wait.Go(func() {
			a := tryFrom(t, s, fmt.Sprintf("203.0.113.%d", i%250), fmt.Sprint("user", i), password)
			if a.status == http.StatusServiceUnavailable {
				a.refused(503, "unavailable")
				busy.Add(1)
				return
			}
			a.refused(401, "unauthenticated")
		})
	}
	go func() {
		defer close(done)
		wait.Wait()
	}()
	var slowest time.Duration
	var most uint64
	for flooded := true; flooded; {
		begun := time.Now()
		call(t, "GET", s.URL+"/api/health", nil).want(200)
		slowest = max(slowest, time.Since(begun))
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapInuse)
		select {
		case <-done:
			flooded = false
		default:
		}
	}
	t.Logf("%d of 300 were refused at once; /api/health took %v at most; the heap grew by %d MiB", busy.Load(), slowest, (int64(most)-int64(before.HeapInuse))>>20)
	if busy.Load() == 0 {
		t.Error("300 passwords were let in at once")
	}
	if slowest > time.Second {
		t.Errorf("/api/health took %v", slowest)
	}
	// Each password takes 19 MiB while it is hashed, and until the next collection: what matters is that it is not 300 of them.
	if grown := int64(most) - int64(before.HeapInuse); grown > 400<<20 {
		t.Errorf("the heap grew by %d MiB", grown>>20)
	}
}
