package cache

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestTimeToLivePasses(t *testing.T) {
	c := serveHere(t, ServerConfig{})
	const ttl = 500 * time.Millisecond
	begin := time.Now()
	if err := c.redis.Set(t.Context(), "key", "value", ttl).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error {
		switch err := c.redis.Get(t.Context(), "key").Err(); err {
		case redis.Nil:
			return nil
		case nil:
			return fmt.Errorf("the key is there after %v", time.Since(begin))
		default:
			return err
		}
	})
	if lived := time.Since(begin); lived < ttl-tick {
		t.Errorf("a key with %v to live was gone after %v", ttl, lived)
	}
}

func TestOnlyTheOwnerReachesTheSocket(t *testing.T) {
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	path := filepath.Join(t.TempDir(), "s")
	l, err := listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := info.Mode(), os.ModeSocket|0o600; got != want {
		t.Errorf("mode %v, want %v", got, want)
	}
}

func TestSocketOfAnotherServerIsLeftAlone(t *testing.T) {
	p := embedded(t)
	socket := strings.TrimPrefix(p.url, "unix://")
	if err := Serve(t.Context(), ServerConfig{Socket: socket}); err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("a second server on the socket of the first: %v", err)
	}
	if err := p.open(t).Check(t.Context()); err != nil {
		t.Errorf("the first server afterwards: %v", err)
	}
	p.kill()
	p.start(t) // the socket that the killed one left is replaced
}

func TestFileInTheWayIsNotRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Serve(t.Context(), ServerConfig{Socket: path}); err == nil {
		t.Error("Serve listens in place of a file")
	}
	if kept, err := os.ReadFile(path); err != nil || string(kept) != "dear" {
		t.Errorf("the file is now %q, %v", kept, err)
	}
}

func TestTooMuchIsForgotten(t *testing.T) {
	c := serveHere(t, ServerConfig{MaxMemory: 8 << 20})
	value := strings.Repeat("x", 32<<10)
	written := writeUntilForgotten(t, c, 4000, func(i int, pipe redis.Pipeliner) {
		pipe.Set(t.Context(), fmt.Sprint("big:", i), value, time.Hour)
	})
	t.Logf("%d MiB were written", written*len(value)>>20)
}

// Names of keys alone are a burden too: miniredis keeps the version of each key that ever was.
func TestKeysThatAreGoneTakeNoMemory(t *testing.T) {
	c := serveHere(t, ServerConfig{MaxMemory: 4 << 20})
	written := writeUntilForgotten(t, c, 400_000, func(i int, pipe redis.Pipeliner) {
		key := fmt.Sprint("a-key-with-quite-a-long-name:", i)
		pipe.Set(t.Context(), key, "", 0)
		pipe.Del(t.Context(), key)
	})
	t.Logf("%d keys came and went", written)
}

// writeUntilForgotten writes up to most times, until a key from before is gone, and returns how often that was.
func writeUntilForgotten(t *testing.T, c *Client, most int, write func(int, redis.Pipeliner)) (written int) {
	t.Helper()
	ctx := t.Context()
	if err := c.redis.Set(ctx, "before", "", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for written < most {
		_, _ = c.redis.Pipelined(ctx, func(pipe redis.Pipeliner) error { // breaks when all connections are closed
			for range 200 {
				write(written, pipe)
				written++
			}
			return nil
		})
		if there, err := c.redis.Exists(ctx, "before").Result(); err == nil && there == 0 {
			eventually(t, func() error { return c.Check(ctx) })
			return written
		}
	}
	t.Fatalf("after %d writes nothing was forgotten", written)
	return 0
}

func TestSubscriberThatDoesNotReadIsCutOff(t *testing.T) {
	c := serveHere(t, ServerConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, err := net.Dial("unix", c.options.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n"); err != nil {
		t.Fatal(err)
	}
	payload := bytes.Repeat([]byte("x"), 64<<10)
	eventually(t, func() error { // more than the socket's buffers hold
		n, err := c.redis.Publish(ctx, "c", payload).Result()
		if err == nil && n != 0 {
			err = fmt.Errorf("it is still subscribed")
		}
		return err
	})
	if err := c.Check(ctx); err != nil {
		t.Errorf("others afterwards: %v", err)
	}
}

func TestRunningOutOfFilesPasses(t *testing.T) {
	p := embedded(t, "CACHE_TEST_FILES=40")
	c := p.open(t)
	var held []net.Conn
	for range 60 {
		conn, err := net.DialTimeout("unix", c.options.Addr, time.Second)
		if err != nil {
			break
		}
		held = append(held, conn)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if c.Check(ctx) == nil {
		t.Error("a server without files left passes the check: it must be made on a new connection")
	}
	for _, conn := range held {
		_ = conn.Close()
	}
	eventually(t, func() error { return c.Check(t.Context()) })
}
