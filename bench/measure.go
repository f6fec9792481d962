package main

import (
	"fmt"
	"slices"
	"time"
)

// round is what one side did in one stretch of time.
type round struct {
	Seconds    float64
	Messages   int64         // that were stored and acknowledged; those of a crowd that has no acknowledgements are not counted
	Deliveries int64         // of messages to clients
	Server     time.Duration // processor time of the server
	Everything time.Duration // and of all that it needs
	Median     time.Duration // from the time a message was due until a client has it
	P99        time.Duration
}

// watch measures what happens meanwhile.
func (c *crowd) watch(meanwhile func() error) (r round, err error) {
	messages, acks := c.messages, c.acks
	server, everything, err := c.cpu()
	if err != nil {
		return r, err
	}
	begun := time.Now()
	if err := meanwhile(); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begun).Seconds()
	r.Deliveries, r.Messages = c.messages-messages, c.acks-acks
	serverEnd, everythingEnd, err := c.cpu()
	r.Server, r.Everything = serverEnd-server, everythingEnd-everything
	if n := len(c.latencies); n > 0 {
		slices.Sort(c.latencies)
		r.Median, r.P99 = c.latencies[n/2], c.latencies[n*99/100]
		c.latencies = c.latencies[:0]
	}
	return r, err
}

// cpu is the processor time of the server, and that of all that it needs with it.
func (c *crowd) cpu() (server, everything time.Duration, err error) {
	if server, err = cpuOf(c.server()); err != nil {
		return 0, 0, err
	}
	everything, err = cpuOf(c.everything()...)
	return server, everything, err
}

func (r round) String() string {
	text := fmt.Sprintf("%8.0f deliveries/s, %6.2f µs of the server's CPU each, %6.2f µs of all", float64(r.Deliveries)/r.Seconds, serverCost(r), allCost(r))
	if r.Messages > 0 {
		text += fmt.Sprintf(", %6.0f acknowledged/s", rate(r))
	}
	if r.P99 > 0 {
		text += fmt.Sprintf(", median %.1f ms, p99 %.1f ms", middle(r), worst(r))
	}
	return text
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
