package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Client is one WebSocket.
type Client struct {
	frame func(c *Client, payload []byte)
	fd    int
	rest  []byte // the beginning of a frame whose end has not come
	out   []byte // frames to be written
}

// dialLimit bounds the answer to an upgrade.
const dialLimit = 10 * time.Second

// Dial upgrades a connection to the address, of the loopback, and adds it to the loop. Each text frame that comes is given
// to frame, which must not keep it, and may queue an answer.
func (l *Loop) Dial(address, path string, header http.Header, frame func(*Client, []byte)) (*Client, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make a socket: %w", err)
	}
	c := &Client{frame: frame, fd: fd}
	err = errors.Join(
		unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())}),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(dialLimit.Seconds())}))
	if err == nil {
		err = c.upgrade(address, path, header)
	}
	if err == nil {
		err = errors.Join(unix.SetNonblock(fd, true),
			unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}))
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("dial %s%s: %w", address, path, err)
	}
	l.clients[int32(fd)] = c
	c.rest, err = c.frames(c.rest) // what came with the answer
	return c, err
}

// upgrade asks for a WebSocket: RFC 6455, section 4.1.
func (c *Client) upgrade(address, path string, header http.Header) error {
	var request bytes.Buffer
	fmt.Fprintf(&request, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", path, address)
	_ = header.Write(&request)
	request.WriteString("\r\n")
	if _, err := unix.Write(c.fd, request.Bytes()); err != nil {
		return err
	}
	for buf := make([]byte, 4096); ; {
		n, err := unix.Read(c.fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		c.rest = append(c.rest, buf[:n]...)
		head, rest, whole := bytes.Cut(c.rest, []byte("\r\n\r\n"))
		switch {
		case n == 0:
			return ErrLost
		case !whole:
		case !strings.HasPrefix(string(head), "HTTP/1.1 101"):
			return fmt.Errorf("answered %q", c.rest)
		default:
			c.rest = rest
			return nil
		}
	}
}

// The opcodes and bits of a frame's head: RFC 6455, section 5.2.
const (
	final     = 0x80
	masked    = 0x80
	opText    = 0x1
	opClose   = 0x8
	opPing    = 0x9
	opPong    = 0xA
	length16  = 126
	length64  = 127
	shortHead = 2
)

// frames takes the whole frames of what was read, and returns the rest.
func (c *Client) frames(read []byte) ([]byte, error) {
	for len(read) >= shortHead {
		head, length := shortHead, int(read[1])
		switch {
		case length == length16 && len(read) >= 4:
			head, length = 4, int(binary.BigEndian.Uint16(read[2:]))
		case length == length64 && len(read) >= 10:
			head, length = 10, int(binary.BigEndian.Uint64(read[2:]))
		case length >= length16:
			return read, nil
		}
		if len(read) < head+length {
			return read, nil
		}
		payload := read[head : head+length]
		switch read[0] &^ final {
		case opText:
			c.frame(c, payload)
		case opPing:
			c.queue(opPong, payload)
		case opClose:
			return nil, fmt.Errorf("%w: %q", ErrLost, payload)
		}
		read = read[head+length:]
	}
	return read, nil
}

// Queue adds a text frame to what [Client.Flush] writes, or the loop when it has read the client's frames.
func (c *Client) Queue(payload []byte) { c.queue(opText, payload) }

// queue masks with zeroes, which leaves the payload as it is: masks protect proxies from scripts, and here are neither.
func (c *Client) queue(opcode byte, payload []byte) {
	c.out = append(c.out, final|opcode)
	if len(payload) < length16 {
		c.out = append(c.out, masked|byte(len(payload)))
	} else {
		c.out = binary.BigEndian.AppendUint16(append(c.out, masked|length16), uint16(len(payload)))
	}
	c.out = append(append(c.out, 0, 0, 0, 0), payload...)
}

// Flush writes what was queued.
func (c *Client) Flush() error {
	left := c.out
	c.out = c.out[:0]
	for len(left) > 0 {
		n, err := unix.Write(c.fd, left)
		switch {
		case errors.Is(err, unix.EAGAIN):
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLOUT}}, int(dialLimit.Milliseconds())); err != nil {
				return fmt.Errorf("wait to write: %w", err)
			}
		case err != nil:
			return fmt.Errorf("write: %w", err)
		default:
			left = left[n:]
		}
	}
	return nil
}

// Send writes one text frame.
func (c *Client) Send(payload []byte) error {
	c.Queue(payload)
	return c.Flush()
}
