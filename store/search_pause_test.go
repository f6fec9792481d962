package store

import (
	"testing"
	"time"
)

func TestTheIndexRests(t *testing.T) {
	const every = time.Second
	for _, c := range []struct {
		took       time.Duration
		more, busy bool
		want       time.Duration
	}{
		{took: time.Minute, want: every},
		{took: time.Minute, busy: true, want: every},
		{took: 10 * time.Millisecond, more: true, want: 30 * time.Millisecond},
		{took: time.Minute, more: true, want: every},
		{took: 100 * time.Millisecond, more: true, busy: true, want: 3 * time.Second},
	} {
		if got := indexPause(every, c.took, c.more, c.busy); got != c.want {
			t.Errorf("%+v: it rests %v", c, got)
		}
	}
}
