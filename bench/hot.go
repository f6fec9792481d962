package main

import (
	"time"

	"snug/bench/load"
)

// hot is a channel in which many write as fast as they are answered. All who write also read all that is written.
type hot struct {
	Clients  int // sockets
	InFlight int // messages that each has sent and that are not acknowledged
}

// run lets the clients write for a while, of which the beginning does not count.
func (h hot) run(s *side, warmUp, measured time.Duration) (r round, err error) {
	c, err := gather(s, h.Clients)
	if err != nil {
		return r, err
	}
	defer c.close()
	c.acked = func(from *load.Client) { c.queue(from, time.Now()) }
	for _, member := range c.members {
		for range h.InFlight {
			c.queue(member, time.Now())
		}
		if err := member.Flush(); err != nil {
			return r, err
		}
	}
	if err := c.poll(time.Now().Add(warmUp)); err != nil {
		return r, err
	}
	return c.watch(func() error { return c.poll(time.Now().Add(measured)) })
}
