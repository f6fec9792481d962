package supervisor

import (
	"context"
	"crypto/tls"
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
	// TLS is how the supervisor speaks on the port; nil means plain HTTP. It is to be set before Serve.
	TLS *tls.Config

	listener *net.TCPListener
	// file is what children inherit; queue is the same socket, to be woken by.
	file, queue *os.File

	// rescued are connections that a hanging process left waiting.
	rescued chan net.Conn

	mu sync.Mutex
	// ours is closed while the supervisor accepts, and open while the process does.
	ours chan struct{}
	// alive asks the process that accepts whether it is well.
	alive func(context.Context) error
}

// HoldPort takes over a listener; whoever calls it must not use that any more.
func HoldPort(listener *net.TCPListener) (*HeldPort, error) {
	file, err := listener.File()
	if err != nil {
		return nil, fmt.Errorf("hold %s: %w", listener.Addr(), err)
	}
	queue, err := duplicate(file)
	if err != nil {
		return nil, fmt.Errorf("hold %s: %w", listener.Addr(), err)
	}
	ours := make(chan struct{})
	close(ours)
	return &HeldPort{listener: listener, file: file, queue: queue, ours: ours, rescued: make(chan net.Conn)}, nil
}

// duplicate makes a file of the same socket that can be waited for: os.NewFile does that with a descriptor that is
// set to non-blocking, as listeners are.
func duplicate(file *os.File) (*os.File, error) {
	fd, err := descriptor(file)
	if err != nil {
		return nil, err
	}
	copied, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(copied), file.Name()), nil
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
	var watching sync.WaitGroup
	watching.Go(func() { p.watch(ctx) })
	defer watching.Wait()
	stop := context.AfterFunc(ctx, func() {
		ending, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
	})
	defer stop()
	defer p.file.Close()
	defer p.queue.Close()
	var listener net.Listener = &heldListener{HeldPort: p, ctx: ctx}
	if p.TLS != nil {
		listener = tls.NewListener(listener, p.TLS)
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) && ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", p.Addr(), err)
	}
	return nil
}

// lend hands accepting to a process; alive asks it whether it is well.
func (p *HeldPort) lend(alive Check, to Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alive = func(ctx context.Context) error { return alive(ctx, to) }
	if !p.isOurs() { // it goes from one process to its successor
		return
	}
	p.ours = make(chan struct{})
	_ = p.listener.SetDeadline(wake)
}

// takeBack makes the supervisor accept again.
func (p *HeldPort) takeBack() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isOurs() {
		return
	}
	_ = p.listener.SetDeadline(time.Time{})
	close(p.ours)
}

// wake is a deadline in the past, which ends the Accept that is under way.
var wake = time.Unix(1, 0)

func (p *HeldPort) isOurs() bool {
	select {
	case <-p.ours:
		return true
	default:
		return false
	}
}

func (p *HeldPort) turn() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ours
}

// A process that hangs with the port in its hands leaves connections waiting. One that still waits when it was looked
// for patience times in a row is rescued, if the process does not say within aliveTimeout that it is only busy:
// together well under a second.
const (
	watchInterval = 150 * time.Millisecond
	patience      = 3
	aliveTimeout  = 200 * time.Millisecond
)

// watch sleeps until a connection comes, and then looks whether it is being accepted.
func (p *HeldPort) watch(ctx context.Context) {
	waiting := 0
	for p.awaitConnection(ctx) && pause(ctx, watchInterval) {
		if !p.unattended() {
			waiting = 0
			continue
		}
		if waiting++; waiting < patience || p.borrowerAlive(ctx) {
			continue
		}
		for _, conn := range p.rescue() {
			select {
			case p.rescued <- conn:
			case <-ctx.Done():
				_ = conn.Close()
			}
		}
	}
}

// awaitConnection returns when a connection waits in the socket's queue, or false when ctx ends.
func (p *HeldPort) awaitConnection(ctx context.Context) bool {
	stop := context.AfterFunc(ctx, func() { _ = p.queue.SetReadDeadline(wake) })
	defer stop()
	conn, err := p.queue.SyscallConn()
	if err != nil {
		return false
	}
	err = conn.Read(func(fd uintptr) bool { return readable(fd) })
	return err == nil && ctx.Err() == nil
}

// readable says whether a connection waits to be accepted.
func readable(fd uintptr) bool {
	queue := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	ready, err := unix.Poll(queue, 0)
	return err == nil && ready > 0
}

// unattended says whether a connection waits in the socket's queue while the process should accept it.
func (p *HeldPort) unattended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isOurs() {
		return false
	}
	fd, err := descriptor(p.file)
	return err == nil && readable(fd)
}

func (p *HeldPort) borrowerAlive(ctx context.Context) bool {
	p.mu.Lock()
	alive := p.alive
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	return alive(ctx) == nil
}

// rescue accepts what waits, though it is not our turn.
func (p *HeldPort) rescue() []net.Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.isOurs() {
		return nil
	}
	_ = p.listener.SetDeadline(time.Now().Add(time.Millisecond))
	defer p.listener.SetDeadline(wake)
	var rescued []net.Conn
	for {
		conn, err := p.listener.AcceptTCP()
		if err != nil {
			return rescued
		}
		rescued = append(rescued, conn)
	}
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
		case conn := <-l.rescued:
			return conn, nil
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
