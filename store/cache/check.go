package cache

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/google/uuid"
)

const checkKey = "snug:check"

// checkSocket is Check for a server behind a unix socket without a password, which is the embedded one. It is asked every
// other second for as long as the appliance runs, and needs neither the pool nor the goroutines of a client of its own.
// https://redis.io/docs/latest/develop/reference/protocol-spec/
func checkSocket(ctx context.Context, path string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("check cache: %w", err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	value := uuid.NewString()
	// A transaction, so that checks at the same time do not get each other's values.
	question := resp("MULTI") + resp("SET", checkKey, value, "EX", "10") + resp("GET", checkKey) + resp("EXEC")
	want := fmt.Sprintf("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$%d\r\n%s\r\n", len(value), value)
	got := make([]byte, len(want))
	if _, err = io.WriteString(conn, question); err == nil {
		var n int
		n, err = io.ReadFull(conn, got)
		got = got[:n]
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("check cache: %w", ctx.Err())
	case len(got) > 0 && string(got) != want[:len(got)]:
		return fmt.Errorf("check cache: it answered %q to SET and GET of %q", got, value)
	case err != nil:
		return fmt.Errorf("check cache: %w", err)
	}
	return nil
}

// resp is a command as an array of bulk strings.
func resp(words ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&text, "$%d\r\n%s\r\n", len(word), word)
	}
	return text.String()
}
