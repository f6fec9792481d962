package chat

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	fastws "github.com/fasthttp/websocket"
)

// frameReader reads the messages of a client: RFC 6455, section 5. The library's reader keeps much more memory for a socket,
// and most sockets are idle.
type frameReader struct {
	from *bufio.Reader
	ping func(data []byte) // is told of pings, whose data is not kept
	pong func()
	buf  []byte // the message
}

// frameRoom is how much of what a client sends is read at once, in bytes: most frames. Longer ones are read into their own room.
const frameRoom = 512

// keptFrame is how large a buffer for the next message is kept between messages.
const keptFrame = 1 << 10

// The ends of reading that are the client's doing.
var (
	errClosed     = errors.New("the client has closed the socket")
	errNotAllowed = errors.New("the client breaks the WebSocket protocol")
	errTooLong    = errors.New("the client's message is too long")
)

// frameHead is the beginning of a frame.
type frameHead struct {
	final  bool
	opcode int
	length uint64
	mask   [4]byte
}

func newFrameReader(from io.Reader, ping func([]byte), pong func()) *frameReader {
	return &frameReader{from: bufio.NewReaderSize(from, frameRoom), ping: ping, pong: pong}
}

// next returns the next message, which is good until it is called again, and whether it is text.
func (f *frameReader) next() (message []byte, text bool, err error) {
	if cap(f.buf) > keptFrame {
		f.buf = nil
	}
	f.buf = f.buf[:0]
	for begun := false; ; {
		head, err := f.head()
		if err != nil {
			return nil, false, err
		}
		switch {
		case head.opcode >= fastws.CloseMessage:
			if err := f.control(head); err != nil {
				return nil, false, err
			}
			continue
		case begun != (head.opcode == 0):
			return nil, false, errNotAllowed // a continuation of nothing, or none of what was begun
		case head.length > frameLimit-uint64(len(f.buf)):
			return nil, false, errTooLong
		}
		if !begun {
			begun, text = true, head.opcode == fastws.TextMessage
		}
		if f.buf, err = f.payload(f.buf, head); err != nil {
			return nil, false, err
		}
		if head.final {
			return f.buf, text, nil
		}
	}
}

// head reads the beginning of a frame.
func (f *frameReader) head() (head frameHead, err error) {
	var b [8]byte
	if _, err := io.ReadFull(f.from, b[:2]); err != nil {
		return head, err
	}
	const finalBit, reservedBits, opcodeBits, maskBit = 0x80, 0x70, 0x0f, 0x80
	head.final, head.opcode, head.length = b[0]&finalBit != 0, int(b[0]&opcodeBits), uint64(b[1]&^maskBit)
	known := head.opcode <= fastws.BinaryMessage || head.opcode >= fastws.CloseMessage && head.opcode <= fastws.PongMessage
	short := head.length < 126 && head.final
	if b[0]&reservedBits != 0 || b[1]&maskBit == 0 || !known || head.opcode >= fastws.CloseMessage && !short {
		return head, errNotAllowed
	}
	switch head.length {
	case 126:
		_, err = io.ReadFull(f.from, b[:2])
		head.length = uint64(binary.BigEndian.Uint16(b[:2]))
	case 127:
		_, err = io.ReadFull(f.from, b[:8])
		head.length = binary.BigEndian.Uint64(b[:8])
	}
	if err == nil {
		_, err = io.ReadFull(f.from, head.mask[:])
	}
	return head, err
}

// payload appends what a frame carries.
func (f *frameReader) payload(to []byte, head frameHead) ([]byte, error) {
	begin := len(to)
	to = append(to, make([]byte, head.length)...)
	_, err := io.ReadFull(f.from, to[begin:])
	for i := range to[begin:] {
		to[begin+i] ^= head.mask[i%len(head.mask)]
	}
	return to, err
}

// control takes a ping, a pong or a close.
func (f *frameReader) control(head frameHead) error {
	data, err := f.payload(nil, head)
	switch {
	case err != nil:
		return err
	case head.opcode == fastws.PingMessage:
		f.ping(data)
	case head.opcode == fastws.PongMessage:
		f.pong()
	default:
		return errClosed
	}
	return nil
}
