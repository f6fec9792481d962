package main

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"snug/bench/load"
)

// crowd is the clients of one side.
type crowd struct {
	*side
	loop    *load.Loop
	members []*load.Client

	ready          int
	messages, acks int64
	latencies      []time.Duration      // of messages, while timing
	timing         bool                 // bodies begin with the time at which they were sent
	acked          func(c *load.Client) // may be nil
	failed         error
}

// joinLimit bounds how long it takes all clients to be in.
const joinLimit = time.Minute

// gather connects so many clients.
func gather(s *side, size int) (*crowd, error) {
	loop, err := load.NewLoop()
	if err != nil {
		return nil, err
	}
	c := &crowd{side: s, loop: loop}
	for n := range size {
		member, err := s.dial(loop, n, c.take)
		if err == nil {
			err = loop.Poll(time.Now())
		}
		if err != nil {
			loop.Close()
			return nil, fmt.Errorf("client %d of %s: %w", n, s.name, err)
		}
		c.members = append(c.members, member)
	}
	if err := c.pollUntil(joinLimit, func() bool { return c.ready == size }); err != nil {
		loop.Close()
		return nil, fmt.Errorf("%d of %d clients of %s are in: %w", c.ready, size, s.name, err)
	}
	return c, nil
}

func (c *crowd) close() { c.loop.Close() }

// epoch is what the times in bodies count from.
var epoch = time.Now()

// stampedBody is a text of the usual length, which begins with a time.
func stampedBody(at time.Time) string {
	return fmt.Sprintf("%016d A message of the usual length, as people write them.", at.Sub(epoch).Microseconds())
}

var bodyHead = []byte(`"body":"`)

// take counts a frame.
func (c *crowd) take(from *load.Client, frame []byte) {
	switch c.dialect.kind(from, frame) {
	case message:
		c.messages++
		if c.timing {
			c.time(frame)
		}
	case ack:
		c.acks++
		if c.acked != nil {
			c.acked(from)
		}
	case ready:
		c.ready++
	case failure:
		c.failed = fmt.Errorf("%s answers %s", c.name, frame)
	}
}

func (c *crowd) time(frame []byte) {
	const digits = 16
	at := bytes.Index(frame, bodyHead) + len(bodyHead)
	if at+digits > len(frame) {
		return
	}
	if sent, err := strconv.ParseInt(string(frame[at:at+digits]), 10, 64); err == nil {
		c.latencies = append(c.latencies, time.Since(epoch)-time.Duration(sent)*time.Microsecond)
	}
}

// queue lets a client say something that was due at a time.
func (c *crowd) queue(from *load.Client, due time.Time) {
	from.Queue(c.dialect.appendSend(nil, stampedBody(due)))
}

// poll reads frames until a time.
func (c *crowd) poll(until time.Time) error {
	for time.Now().Before(until) {
		if err := c.loop.Poll(until); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		if c.failed != nil {
			return c.failed
		}
	}
	return nil
}

func (c *crowd) pollUntil(limit time.Duration, done func() bool) error {
	if err := c.loop.PollUntil(limit, func() bool { return c.failed != nil || done() }); err != nil {
		return err
	}
	return c.failed
}
