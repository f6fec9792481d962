package cache

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Client talks to the cache: the embedded one of [Serve], or a Redis or Valkey server. It is safe for concurrent use.
// What it keeps there can be lost at any moment: callers go on without it.
type Client struct {
	redis   *redis.Client
	options *redis.Options
	idle    time.Duration // see idleTime
	dropped atomic.Int64
}

// Open returns a client for a URL like unix:///run/snug/cache.sock, redis://user:password@host:6379/0 or rediss://….
// It connects when it is first needed. An operation takes a second at most, or as long as the URL's read_timeout,
// write_timeout and dial_timeout say.
func Open(url string) (*Client, error) {
	quieten()
	options, err := redis.ParseURL(url)
	if err != nil {
		// Not the cause: it may quote the URL with its password.
		return nil, errors.New("the cache URL must be unix:///path, redis://host:port or rediss://host:port")
	}
	for _, timeout := range []*time.Duration{&options.DialTimeout, &options.ReadTimeout, &options.WriteTimeout} {
		if *timeout == 0 {
			*timeout = time.Second
		}
	}
	options.ContextTimeoutEnabled = true
	options.DialerRetries = 1
	options.MaxRetries = 1 // a connection that broke while it was idle
	options.Protocol = 2
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return &Client{redis: redis.NewClient(options), options: options, idle: idleTime}, nil
}

// quieten stops go-redis from writing to standard error what it also returns as an error. Its logger is one for the
// whole process, and must be set before it is used.
var quieten = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// Close closes all connections.
func (c *Client) Close() error { return c.redis.Close() }

// Check reports whether the cache works: whether SET and GET answer on a connection made for this. (A server that has
// no file descriptors left still answers on the old ones.)
func (c *Client) Check(ctx context.Context) error {
	if c.options.Network == "unix" && c.options.Password == "" && c.options.DB == 0 {
		return checkSocket(ctx, c.options.Addr)
	}
	options := *c.options
	options.PoolSize, options.MaxRetries = 1, -1
	fresh := redis.NewClient(&options)
	defer fresh.Close()

	want := uuid.NewString()
	var got *redis.StringCmd
	_, err := fresh.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Set(ctx, checkKey, want, 10*time.Second)
		got = pipe.Get(ctx, checkKey)
		return nil
	})
	if err != nil {
		return fmt.Errorf("check cache: %w", err)
	}
	if got.Val() != want {
		return fmt.Errorf("check cache: it answered %q to GET after SET %q", got.Val(), want)
	}
	return nil
}
