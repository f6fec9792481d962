package chat

import "time"

// Timing gives tests other durations.
type Timing struct {
	ReadRequest, Idle, Hello, Ping, Silence, Write, Drain, Poll, PresenceGrace time.Duration
}

// WithTiming returns a New whose servers have the durations that are set.
func WithTiming(t Timing) func(Config) (*Server, error) {
	timing := defaultTiming()
	for to, from := range map[*time.Duration]time.Duration{
		&timing.readRequest: t.ReadRequest, &timing.idle: t.Idle, &timing.hello: t.Hello, &timing.ping: t.Ping,
		&timing.silence: t.Silence, &timing.write: t.Write, &timing.drain: t.Drain, &timing.poll: t.Poll,
		&timing.presenceGrace: t.PresenceGrace,
	} {
		if from != 0 {
			*to = from
		}
	}
	return func(cfg Config) (*Server, error) { return newServer(cfg, timing) }
}
