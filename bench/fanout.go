package main

import (
	"math/rand/v2"
	"time"
)

// fanout is a channel in which a few write at a pace, and many read.
type fanout struct {
	Name   string        // of its table and its plot
	Every  time.Duration // how often, on average
	Burst  int           // how many messages are sent at once, by one client each
	Random bool          // they come at moments that do not know of each other, as those of a Poisson process
}

// run lets the crowd's first clients write for a while, and waits until all have all of it.
func (f fanout) run(c *crowd, lasting time.Duration) (round, error) {
	c.timing = true
	defer func() { c.timing = false }()
	return c.watch(func() error {
		var sent int64
		moments := rand.New(rand.NewPCG(1, 1)) // the same for each side
		before := c.messages
		next := time.Now()
		for end := next.Add(lasting); next.Before(end); next = next.Add(f.pause(moments)) {
			if err := c.poll(next); err != nil {
				return err
			}
			for _, member := range c.members[:f.Burst] {
				c.queue(member, next)
				if err := member.Flush(); err != nil {
					return err
				}
				sent++
			}
		}
		return c.pollUntil(joinLimit, func() bool { return c.messages-before >= sent*int64(len(c.members)) })
	})
}

// pause is the time until more is sent.
func (f fanout) pause(moments *rand.Rand) time.Duration {
	if !f.Random {
		return f.Every
	}
	return time.Duration(float64(f.Every) * moments.ExpFloat64())
}
