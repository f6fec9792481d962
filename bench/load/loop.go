// Package load is many WebSocket clients in one thread: on a machine that they share with the server, what they do must
// cost little beside what the server does. They are for measuring on the loopback, and check nothing of the protocol.
package load

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Loop reads the frames of many clients. It and its clients belong to one goroutine.
type Loop struct {
	epoll   int
	clients map[int32]*Client
	events  []unix.EpollEvent
	buf     []byte
}

// readSize is how much is read of one client at once.
const readSize = 128 << 10

// NewLoop returns a loop without clients.
func NewLoop() (*Loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	return &Loop{epoll: epoll, clients: map[int32]*Client{}, events: make([]unix.EpollEvent, 1024), buf: make([]byte, readSize)}, nil
}

// Close ends all clients.
func (l *Loop) Close() {
	for fd := range l.clients {
		_ = unix.Close(int(fd))
	}
	_ = unix.Close(l.epoll)
}

// ErrLost is that a server has closed a client's connection.
var ErrLost = errors.New("the server has closed a connection")

// Poll waits until frames have come or time is up, and hands them to their clients. An error is that a client is lost.
func (l *Loop) Poll(until time.Time) error {
	wait := max(0, time.Until(until))
	n, err := unix.EpollWait(l.epoll, l.events, int((wait+time.Millisecond-1)/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for frames: %w", err)
	}
	for _, event := range l.events[:max(0, n)] {
		if err := l.read(l.clients[event.Fd]); err != nil {
			return err
		}
	}
	return nil
}

// PollUntil polls until done, or fails after the limit.
func (l *Loop) PollUntil(limit time.Duration, done func() bool) error {
	for deadline := time.Now().Add(limit); !done(); {
		if err := l.Poll(deadline); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("what was waited for did not come within %s", limit)
		}
	}
	return nil
}

func (l *Loop) read(c *Client) error {
	begun := copy(l.buf, c.rest)
	n, err := unix.Read(c.fd, l.buf[begun:])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return nil
	case err != nil:
		return fmt.Errorf("read: %w", err)
	case n == 0:
		return ErrLost
	}
	rest, err := c.frames(l.buf[:begun+n])
	c.rest = append(c.rest[:0], rest...)
	if err == nil {
		err = c.Flush() // what the frames were answered with
	}
	return err
}
