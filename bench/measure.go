package main

import (
	"fmt"
	"slices"
	"time"
)

// round is what one side did in one stretch of time.
type round struct {
	Seconds    float64
	Messages   int64         // that were acknowledged, or where there are no acknowledgements were delivered to all
	Deliveries int64         // of messages to clients
	Server     time.Duration // processor time of the server
	Everything time.Duration // and of all that it needs
	Median     time.Duration // from the time a message was due until a client has it
	P99        time.Duration
}

// watch measures what happens meanwhile.
func (c *crowd) watch(meanwhile func() error) (r round, err error) {
	messages, acks := c.messages, c.acks
	server, err := cpuOf(c.server())
	if err != nil {
		return r, err
	}
	everything, err := cpuOf(c.everything()...)
	if err != nil {
		return r, err
	}
	begun := time.Now()
	if err := meanwhile(); err != nil {
		return r, err
	}
	r.Seconds = time.Since(begun).Seconds()
	r.Deliveries, r.Messages = c.messages-messages, c.acks-acks
	if r.Server, err = cpuOf(c.server()); err != nil {
		return r, err
	}
	if r.Everything, err = cpuOf(c.everything()...); err != nil {
		return r, err
	}
	r.Server, r.Everything = r.Server-server, r.Everything-everything
	if n := len(c.latencies); n > 0 {
		slices.Sort(c.latencies)
		r.Median, r.P99 = c.latencies[n/2], c.latencies[n*99/100]
		c.latencies = c.latencies[:0]
	}
	return r, nil
}

// perDelivery is the processor time of the server for one delivery.
func (r round) perDelivery() time.Duration { return r.Server / time.Duration(max(1, r.Deliveries)) }

func (r round) String() string {
	return fmt.Sprintf("%8.0f messages/s %9.0f deliveries/s %6.2f µs of server CPU, %6.2f µs of all per delivery; median %.1f ms, p99 %.1f ms",
		float64(r.Messages)/r.Seconds, float64(r.Deliveries)/r.Seconds, us(r.perDelivery()), us(r.Everything/time.Duration(max(1, r.Deliveries))),
		ms(r.Median), ms(r.P99))
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// median is of an odd number of values the one in the middle.
func median[T int64 | float64 | time.Duration](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
