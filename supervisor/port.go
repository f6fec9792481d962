package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// HeldPort is a listening socket that stays open whatever becomes of the process that serves it. A connection
// is always accepted: by that process while it is ready, and by the supervisor's own handler otherwise.
// Both use the same socket, so one that waits in its queue when the process dies is still answered.
type HeldPort struct {
	listener *net.TCPListener
	// file is what children inherit.
	file *os.File

	mu sync.Mutex
	// ours is closed while the supervisor accepts, and open while the process does.
	ours chan struct{}
}

// HoldPort takes over a listener; whoever calls it must not use that any more.
func HoldPort(listener *net.TCPListener) (*HeldPort, error) {
	file, err := listener.File()
	if err != nil {
		return nil, fmt.Errorf("hold %s: %w", listener.Addr(), err)
	}
	ours := make(chan struct{})
	close(ours)
	return &HeldPort{listener: listener, file: file, ours: ours}, nil
}

// Addr is the address that the port listens on.
func (p *HeldPort) Addr() *net.TCPAddr { return p.listener.Addr().(*net.TCPAddr) }

// Serve answers with handler whenever the port is ours, until ctx ends; then it closes the port.
func (p *HeldPort) Serve(ctx context.Context, handler http.Handler) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		WriteTimeout:      10 * time.Second,
		MaxHeaderBytes:    64 << 10,
	}
	// The next request of a client belongs to whoever is ready by then.
	server.SetKeepAlivesEnabled(false)
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
	})
	defer stop()
	defer p.file.Close()
	if err := server.Serve(&heldListener{HeldPort: p, ctx: ctx}); !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", p.Addr(), err)
	}
	return nil
}

// give hands accepting to the process (true) or takes it back.
func (p *HeldPort) give(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	given := true
	select {
	case <-p.ours:
		given = false
	default:
	}
	switch {
	case away && !given:
		p.ours = make(chan struct{})
		_ = p.listener.SetDeadline(time.Unix(1, 0)) // wakes the Accept that is under way
	case !away && given:
		_ = p.listener.SetDeadline(time.Time{})
		close(p.ours)
	}
}

func (p *HeldPort) turn() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ours
}

// heldListener accepts while the port is ours and waits while it is not.
type heldListener struct {
	*HeldPort
	ctx context.Context
}

func (l *heldListener) Addr() net.Addr { return l.listener.Addr() }

func (l *heldListener) Close() error { return l.listener.Close() }

// acceptAgain is the pause after an accept that failed for want of files or memory, see accept(2).
const acceptAgain = 20 * time.Millisecond

func (l *heldListener) Accept() (net.Conn, error) {
	for {
		select {
		case <-l.turn():
		case <-l.ctx.Done():
			return nil, net.ErrClosed
		}
		conn, err := l.listener.AcceptTCP()
		switch {
		case err == nil:
			return conn, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.ENOBUFS),
			errors.Is(err, unix.ENOMEM), errors.Is(err, unix.ECONNABORTED):
			pause(l.ctx, acceptAgain)
		default:
			return nil, err
		}
	}
}
