package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// When another server takes over, clients' connections that are between two requests are not closed but handed to it, as
// files over a unix socket (SCM_RIGHTS, unix(7)). Closing them would cut a request that is just on its way; and a client
// that does not come back at once makes no noise.
//
// The next server greets with one byte, so that one which is not there for it, or hangs, is not mistaken for one that
// takes over. Then comes a message of one byte with each connection.

// greetingTime is how long the next server may take to say that it takes over. It is at work, or it is none.
const greetingTime = 300 * time.Millisecond

// heir is the server that takes over.
type heir struct {
	mu   sync.Mutex
	conn *net.UnixConn
}

// findHeir returns the server that takes over, or nil when there is none.
func findHeir(ctx context.Context, socket string) *heir {
	if socket == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, greetingTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil
	}
	unixConn := conn.(*net.UnixConn)
	deadline, _ := ctx.Deadline()
	if unixConn.SetReadDeadline(deadline) == nil {
		if _, err = io.ReadFull(unixConn, make([]byte, 1)); err == nil {
			return &heir{conn: unixConn}
		}
	}
	_ = conn.Close()
	return nil
}

// take hands a connection over. Our descriptor of it is then to be closed.
func (h *heir) take(conn net.Conn) error {
	file, ok := conn.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T has no descriptor", conn)
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var sendErr error
	err = raw.Control(func(fd uintptr) {
		h.mu.Lock()
		defer h.mu.Unlock()
		sendErr = h.conn.SetWriteDeadline(time.Now().Add(greetingTime))
		if sendErr == nil {
			_, _, sendErr = h.conn.WriteMsgUnix([]byte{0}, unix.UnixRights(int(fd)), nil)
		}
	})
	return errors.Join(err, sendErr)
}

// close says that there are no more.
func (h *heir) close() { _ = h.conn.Close() }

// inherit takes connections over from the server before, until ctx ends.
func (s *Server) inherit(ctx context.Context) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	stop := context.AfterFunc(ctx, func() { _ = s.cfg.Handover.Close() })
	defer stop()
	for {
		conn, err := s.cfg.Handover.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for the server before: %w", err)
		}
		before, ok := conn.(*net.UnixConn)
		if !ok {
			return fmt.Errorf("connections cannot be handed over by %T", conn)
		}
		serving.Go(func() { s.inheritFrom(ctx, before, &serving) })
	}
}

// inheritFrom serves what one server hands over.
func (s *Server) inheritFrom(ctx context.Context, before *net.UnixConn, serving *sync.WaitGroup) {
	defer before.Close()
	stop := context.AfterFunc(ctx, func() { _ = before.Close() })
	defer stop()
	if _, err := before.Write([]byte{0}); err != nil {
		return
	}
	for count := 0; ; count++ {
		conn, err := receiveConn(before)
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			s.log.Info("took over from the server before", "connections", count)
			return
		case err != nil:
			s.log.Warn("cannot take over a connection", "error", err)
			return
		}
		ours := s.conns.inherit(conn)
		serving.Go(func() { _ = s.app.Server().ServeConn(ours) }) // its errors are the client's
	}
}

// receiveConn returns the next connection, and io.EOF after the last.
func receiveConn(from *net.UnixConn) (net.Conn, error) {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := from.ReadMsgUnix(make([]byte, 1), control)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return nil, err
		}
		for _, fd := range fds { // one, for which there is room
			file := os.NewFile(uintptr(fd), "inherited connection")
			defer file.Close()
			return net.FileConn(file)
		}
	}
	return nil, errors.New("a message without a connection")
}
