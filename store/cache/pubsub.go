package cache

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// Publish sends payload to all who listen to the channel now. Nothing keeps it for those who do not.
func (c *Client) Publish(ctx context.Context, channel string, payload []byte) error {
	if err := c.redis.Publish(ctx, channel, payload).Err(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// Listener is who listens to a channel, and how.
type Listener struct {
	Channel string

	// Message is called with each payload, in order, by one goroutine.
	Message func(payload []byte)

	// Missed is called, by the same goroutine, when payloads may have been published that Message was not called with:
	// each time that the subscription begins, the first time too, and when some were dropped. May be nil.
	Missed func()

	// Queue is how many payloads may wait for Message; one more is dropped. Default 4096.
	Queue int
}

// The listener's times.
const (
	idleTime       = 5 * time.Second // without a word from the server before it is asked for one, and before it is given up
	shortestRedial = 10 * time.Millisecond
	longestRedial  = time.Second
)

// Dropped returns how many payloads this client's listeners have dropped because Message was too slow.
func (c *Client) Dropped() int64 { return c.dropped.Load() }

// Listen listens until ctx ends, and returns nil then. When the connection breaks it subscribes anew. It always reads
// what the server sends, however slow Message is: a listener that does not read holds up the embedded server's PUBLISH.
func (c *Client) Listen(ctx context.Context, l Listener) error {
	if l.Queue == 0 {
		l.Queue = 4096
	}
	in := &inbox{payloads: make(chan []byte, l.Queue), missed: make(chan struct{}, 1)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		in.deliver(ctx, l)
	}()
	defer func() { <-done }()

	for pause := shortestRedial; ctx.Err() == nil; {
		if subscribed := c.receive(ctx, l.Channel, in); subscribed {
			pause = shortestRedial
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
			pause = min(2*pause, longestRedial)
		}
	}
	return nil
}

// inbox is what waits for the listener's functions.
type inbox struct {
	payloads chan []byte
	missed   chan struct{} // holds one when Missed is due
}

func (in *inbox) deliver(ctx context.Context, l Listener) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-in.missed:
			if l.Missed != nil {
				l.Missed()
			}
		case payload := <-in.payloads:
			l.Message(payload)
		}
	}
}

func (in *inbox) miss() {
	select {
	case in.missed <- struct{}{}:
	default: // is due already
	}
}

// receive subscribes on a new connection and reads until it breaks, and reports whether it had subscribed.
func (c *Client) receive(ctx context.Context, channel string, in *inbox) (subscribed bool) {
	sub := c.redis.Subscribe(ctx, channel)
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() }) // a read does not end with its context
	defer func() {
		if stop() {
			_ = sub.Close()
		}
	}()
	asked := false // for a word, since the last one
	for ctx.Err() == nil {
		got, err := sub.ReceiveTimeout(ctx, c.idle)
		var network net.Error
		switch {
		case err == nil:
			asked = false
		case errors.As(err, &network) && network.Timeout() && !asked && sub.Ping(ctx) == nil:
			asked = true
			continue
		default:
			return subscribed
		}
		switch got := got.(type) {
		case *redis.Subscription:
			subscribed = true
			in.miss()
		case *redis.Message:
			select {
			case in.payloads <- []byte(got.Payload):
			default:
				c.dropped.Add(1)
				in.miss()
			}
		}
	}
	return subscribed
}
