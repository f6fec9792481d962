package chat

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A flood is told of once, and the rest after it; what is less than a flood, not at all; and a login is followed by a rest.
func TestFloodsAndRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan string, 10)
		tell := func(what string) func() { return func() { told <- what } }
		r := newRest(Memory{Flood: tell("flood"), Rest: tell("rest")})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- r.watch(ctx) }()
		expect := func(flooded bool, want ...string) {
			t.Helper()
			synctest.Wait()
			var got []string
			for len(told) > 0 {
				got = append(got, <-told)
			}
			if !slices.Equal(got, want) || r.flooded.Load() != flooded {
				t.Errorf("told of %q, flooded %v; want %q, %v", got, r.flooded.Load(), want, flooded)
			}
		}

		r.stored(floodSize - 1)
		time.Sleep(2 * restAfter)
		expect(false)

		for range 3 { // each within the time of the one before
			r.stored(floodSize)
			time.Sleep(restAfter - time.Millisecond)
		}
		expect(true, "flood")
		time.Sleep(time.Millisecond)
		expect(false, "rest")
		time.Sleep(10 * restAfter)
		expect(false)

		r.later()
		time.Sleep(restAfter)
		expect(false, "rest")

		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
