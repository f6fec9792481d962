package cache

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// Allow counts one use of key and reports whether it is among the first limit of the window, which begins with the
// first use and lasts for the given time. When it is not, retryAfter says when the next window can begin.
//
// An error says that the cache did not answer; whether to allow the use is then for the caller to decide.
func (c *Client) Allow(ctx context.Context, key string, limit int, window time.Duration) (ok bool, retryAfter time.Duration, err error) {
	key = "snug:limit:" + key
	var count *redis.IntCmd
	var left *redis.DurationCmd
	// A transaction: no other use comes between these, and a key that is counted always has a time to live.
	_, err = c.redis.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.SetNX(ctx, key, 0, window)
		count = pipe.Incr(ctx, key)
		left = pipe.PTTL(ctx, key)
		return nil
	})
	if err != nil {
		return false, 0, fmt.Errorf("count use: %w", err)
	}
	if count.Val() <= int64(limit) {
		return true, 0, nil
	}
	return false, max(left.Val(), time.Millisecond), nil
}

// GiveBack uncounts one use of key, which [Client.Allow] has counted: it shall not be one of the limit.
func (c *Client) GiveBack(ctx context.Context, key string, window time.Duration) error {
	key = "snug:limit:" + key
	// As there: a key that is counted always has a time to live, also when the window has just passed.
	_, err := c.redis.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.SetNX(ctx, key, 0, window)
		pipe.Decr(ctx, key)
		return nil
	})
	if err != nil {
		return fmt.Errorf("give back use: %w", err)
	}
	return nil
}
