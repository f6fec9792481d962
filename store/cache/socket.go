package cache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"
)

// listen opens the socket with mode 0600 from its first moment. A socket that nobody answers on, left by a server that
// was killed, is replaced.
func listen(ctx context.Context, path string) (net.Listener, error) {
	if conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "unix", path); err == nil {
		_ = conn.Close()
		return nil, fmt.Errorf("%s: another server listens there; stop it first", path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket of a server that is gone: %w", err)
		}
	}
	// unix(7): the mode that the descriptor has when it is bound is the one that the socket in the file system gets.
	private := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var chmodErr error
		err := raw.Control(func(fd uintptr) { chmodErr = syscall.Fchmod(int(fd), 0o600) })
		return errors.Join(err, chmodErr)
	}}
	return private.Listen(ctx, "unix", path)
}

// accept hands on connections until ctx ends. Running out of file descriptors passes, and does not end it.
func accept(ctx context.Context, listener net.Listener, conns chan<- net.Conn, log *slog.Logger) {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	for failing := false; ctx.Err() == nil; {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if !failing {
				log.Warn("the cache cannot accept connections, and goes on trying", "error", err)
			}
			failing = true
			select {
			case <-ctx.Done():
			case <-time.After(tick):
			}
			continue
		}
		failing = false
		select {
		case conns <- conn:
		case <-ctx.Done():
			_ = conn.Close()
		}
	}
}

// impatientConn is closed when its client does not read.
type impatientConn struct{ net.Conn }

func (c *impatientConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if err != nil {
		_ = c.Close()
	}
	return n, err
}
