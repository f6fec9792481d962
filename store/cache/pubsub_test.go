package cache

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// listening is a listener that runs until the test ends.
type listening struct {
	mu       sync.Mutex
	payloads []string
	missed   int
}

func (l *listening) get() (payloads []string, missed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.payloads...), l.missed
}

func run(t *testing.T, what func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- what(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("listener: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the listener does not end")
		}
	})
}

func listenTo(t *testing.T, c *Client, channel string) *listening {
	t.Helper()
	l := &listening{}
	run(t, func(ctx context.Context) error {
		return c.Listen(ctx, Listener{
			Channel: channel,
			Message: func(payload []byte) {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.payloads = append(l.payloads, string(payload))
			},
			Missed: func() {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.missed++
			},
		})
	})
	l.waitFor(t, 0, 1)
	return l
}

func (l *listening) waitFor(t *testing.T, payloads, missed int) {
	t.Helper()
	eventually(t, func() error {
		got, times := l.get()
		if len(got) < payloads || times < missed {
			return fmt.Errorf("got %d payloads, and missed some %d times; want %d and %d", len(got), times, payloads, missed)
		}
		return nil
	})
}

func TestListenersHearWhatIsPublished(t *testing.T) {
	everyServer(t, func(t *testing.T, p *process) {
		c := p.open(t)
		one, two, other := listenTo(t, c, "events"), listenTo(t, p.open(t), "events"), listenTo(t, c, "other")
		for i := range 500 {
			if err := c.Publish(t.Context(), "events", fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		for _, l := range []*listening{one, two} {
			l.waitFor(t, 500, 1)
			got, missed := l.get()
			for i, payload := range got {
				if payload != fmt.Sprint(i) {
					t.Fatalf("payload %d is %q", i, payload)
				}
			}
			if missed != 1 {
				t.Errorf("told %d times of missing some, want 1: when it began", missed)
			}
		}
		if got, _ := other.get(); len(got) != 0 {
			t.Errorf("another channel heard %d payloads", len(got))
		}
	})
}

func TestListenerComesBack(t *testing.T) {
	everyServer(t, func(t *testing.T, p *process) {
		c := p.open(t)
		l := listenTo(t, c, "events")
		p.kill()
		p.start(t)
		l.waitFor(t, 0, 2)
		if err := c.Publish(t.Context(), "events", []byte("again")); err != nil {
			t.Fatal(err)
		}
		l.waitFor(t, 1, 2)
	})
}

// A server that hangs closes no connection: the listener gives it up by itself, and one that is only quiet it does not.
func TestListenerLeavesAServerThatHangs(t *testing.T) {
	everyServer(t, func(t *testing.T, p *process) {
		c := p.open(t)
		c.idle = 100 * time.Millisecond
		l := listenTo(t, c, "events")
		<-time.After(10 * c.idle) // in which nothing is to happen
		if _, missed := l.get(); missed != 1 {
			t.Errorf("a quiet server was left %d times", missed-1)
		}
		p.signal(t, syscall.SIGSTOP)
		<-time.After(5 * c.idle) // as long as the fault lasts
		p.signal(t, syscall.SIGCONT)
		l.waitFor(t, 0, 2)
	})
}

func TestSlowListenerBlocksNobody(t *testing.T) {
	everyServer(t, func(t *testing.T, p *process) {
		c, publisher := p.open(t), p.open(t)
		var heard, missed atomic.Int64
		hold := make(chan struct{})
		run(t, func(ctx context.Context) error {
			return c.Listen(ctx, Listener{
				Channel: "events", Queue: 10,
				Message: func([]byte) { <-hold; heard.Add(1) },
				Missed:  func() { missed.Add(1) },
			})
		})
		eventually(t, func() error {
			if missed.Load() == 0 {
				return fmt.Errorf("not subscribed")
			}
			return nil
		})
		payload := make([]byte, 16<<10)
		const published = 2000
		for range published { // far more than the socket's buffers hold
			if err := publisher.Publish(t.Context(), "events", payload); err != nil {
				t.Fatal(err)
			}
		}
		close(hold)
		eventually(t, func() error {
			if got := heard.Load() + c.Dropped(); got != published {
				return fmt.Errorf("%d heard and %d dropped of %d", heard.Load(), c.Dropped(), published)
			}
			return nil
		})
		if c.Dropped() == 0 {
			t.Error("none was dropped")
		}
		eventually(t, func() error {
			if missed.Load() < 2 {
				return fmt.Errorf("not told of what was dropped")
			}
			return nil
		})
	})
}
