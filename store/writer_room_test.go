package store

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var errFull = errors.New("the disk is full: make room")

func checkFull(t *testing.T, err error) {
	t.Helper()
	checkNotNow(t, err)
	if e, ok := err.(*Error); !ok || !strings.Contains(e.Message, "disk") || !errors.Is(err, errFull) {
		t.Errorf("%v, want the reason", err)
	}
}

// While the disk is full, sends are refused at once without the database, and the disk is asked only now and then.
func TestFullDiskRefusesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		w := NewWriter(WriterConfig{Room: func() error {
			asked++
			return errFull
		}})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		begin := time.Now()
		for range 1000 {
			_, err := w.Send(t.Context(), Send{ClientID: uuid.New(), Body: "hello"})
			checkFull(t, err)
			time.Sleep(time.Millisecond)
		}
		if waited := time.Since(begin); waited != time.Second {
			t.Errorf("the sends waited for %v", waited-time.Second)
		}
		if asked < 5 || asked > 10 {
			t.Errorf("the disk was asked %d times in a second", asked)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A send that was refused for want of room is not stored, and is when it is sent again with room.
func TestRoomReturns(t *testing.T) {
	in := newInstance(t)
	var full atomic.Bool
	w := startWriter(t, WriterConfig{Store: in.Store, Room: func() error {
		if full.Load() {
			return errFull
		}
		return nil
	}})
	full.Store(true)
	send := in.hello()
	_, err := w.Send(t.Context(), send)
	checkFull(t, err)
	if list, _, err := in.Messages(t.Context(), in.general, Page{}); err != nil || len(list) != 0 {
		t.Errorf("%d messages, %v", len(list), err)
	}
	full.Store(false)
	eventually(t, func() error {
		stored, err := w.Send(t.Context(), send)
		if err == nil && !stored.Created {
			t.Error("it was stored before")
		}
		return err
	})
	checkGapless(t, in, in.general)
}

// Whoever waits for the database does so for at most an eighth longer than need be, or for the shortest pause, and
// after a long time for at most the longest.
func TestPauses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		outage := time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "outage"))
		var away time.Duration
		tries := 0
		for ; away < outage; tries++ {
			away += pauseAfter(away)
		}
		if late := away - outage; late > max(outage/8, shortestPause) || late > longestPause {
			t.Errorf("%v late after %v", late, outage)
		}
		if most := 40 + int(outage/longestPause); tries > most {
			t.Errorf("%d tries in %v, want at most %d", tries, outage, most)
		}
	})
}
