package main

import "time"

// fanout is a channel in which a few write at a pace, and many read.
type fanout struct {
	Every time.Duration // how often
	Burst int           // how many messages are sent at once, by one client each
}

// run lets the crowd's first clients write for a while, and waits until all have all of it.
func (f fanout) run(c *crowd, lasting time.Duration) (round, error) {
	c.timing = true
	defer func() { c.timing = false }()
	return c.watch(func() error {
		var sent int64
		before := c.messages
		next := time.Now()
		for end := next.Add(lasting); next.Before(end); next = next.Add(f.Every) {
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
