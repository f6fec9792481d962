// Package cache is the cache that Snug's nodes share: rate limits, what is happening right now, and messages between
// nodes. [Serve] is the embedded server (miniredis); [Client] speaks to it or to a Redis or Valkey server.
package cache

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// ServerConfig is what the embedded server needs.
type ServerConfig struct {
	Socket    string       // path of the unix socket to listen on; whoever can open it can read and crash the cache
	MaxMemory int64        // bytes that the contents may take, approximately; default 64 MiB
	Logger    *slog.Logger // default: discard
}

// tick is how exactly time to live passes, and how soon too much memory is seen. It is all that an idle cache does.
const tick = 250 * time.Millisecond

// writeTimeout is how long a client may take to read an answer. The server waits for a subscriber with everybody's
// lock held, so one that does not read is cut off.
const writeTimeout = time.Second

// Serve runs the embedded server until ctx ends, and then closes its connections, removes the socket and returns nil.
//
// The socket has mode 0600: miniredis can be crashed by anybody who reaches it. When the contents outgrow MaxMemory,
// all of them are forgotten and all connections closed. That is measured as growth of the live heap since the contents
// were empty, so the server belongs in a process of its own.
func Serve(ctx context.Context, cfg ServerConfig) error {
	cfg.MaxMemory = cmp.Or(cfg.MaxMemory, 64<<20)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := start()
	if err != nil {
		return err
	}
	defer func() { s.redis.Close() }()
	listener, err := listen(ctx, cfg.Socket)
	if err != nil {
		return fmt.Errorf("listen on cache socket: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	conns, accepted := make(chan net.Conn), make(chan struct{})
	go func() {
		defer close(accepted)
		accept(ctx, listener, conns, cfg.Logger)
	}()
	defer func() {
		cancel()
		<-accepted
	}()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case conn := <-conns:
			s.redis.Server().ServeConn(&impatientConn{conn})
		case <-ticker.C:
			now := time.Now()
			s.redis.FastForward(now.Sub(last))
			last = now
			if grown := liveHeap() - s.empty; grown > cfg.MaxMemory {
				cfg.Logger.Warn("the cache has outgrown its memory and forgets everything", "bytes", grown, "max", cfg.MaxMemory)
				s.redis.Close()
				if s, err = start(); err != nil {
					return err
				}
			}
		}
	}
}

// server is one life of the contents. Forgetting them takes a new one: a flush leaves the names of all keys that ever
// were (miniredis counts their versions for WATCH).
type server struct {
	redis *miniredis.Miniredis
	empty int64 // live heap with nothing in it
}

func start() (server, error) {
	m := miniredis.NewMiniRedis()
	// Dial is the way to start it without a listener of its own, which would be TCP.
	conn, err := m.Dial()
	if err != nil {
		return server{}, fmt.Errorf("start miniredis: %w", err)
	}
	_ = conn.Close()
	runtime.GC()
	return server{m, liveHeap()}, nil
}

// liveHeap is the size of what the last garbage collection found in use, in bytes.
func liveHeap() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
