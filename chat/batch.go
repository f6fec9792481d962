package chat

import (
	"io"
	"net"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is frames to be written to one socket. Small ones are copied together; those of many messages, which all of their
// readers share, are written from where they are.
type batch struct {
	chunks  []piece  // in order
	written int      // how many of them are
	copied  []byte   // where the small ones are
	joined  bool     // the last chunk is the end of copied
	buffers [][]byte // chunks that are written at once
	attempt func(fd uintptr)
	err     error // of attempt
}

// The sizes of a batch, in bytes: of frames that are copied, and of the room for these.
const (
	smallFrames = 4 << 10
	copiedSize  = 16 << 10
)

// chunksAtOnce is how many chunks the kernel takes at once: IOV_MAX of limits.h is 1024.
const chunksAtOnce = 1024

func newBatch() *batch {
	b := &batch{}
	b.attempt = func(fd uintptr) { b.err = b.writeSome(int(fd)) }
	return b
}

// reset empties the batch.
func (b *batch) reset() {
	clear(b.chunks)
	b.chunks, b.written, b.copied, b.joined = b.chunks[:0], 0, b.copied[:0], false
}

// addFrames appends frames, which stay as they are.
func (b *batch) addFrames(frames []byte) { b.add(piece{bytes: frames}) }

// add appends a piece, which stays as it is.
func (b *batch) add(p piece) {
	switch {
	case len(p.bytes) == 0:
		return
	case len(p.bytes) > smallFrames:
		b.chunks, b.joined = append(b.chunks, p), false
		return
	case cap(b.copied)-len(b.copied) < len(p.bytes):
		b.copied, b.joined = make([]byte, 0, copiedSize), false
	}
	begin := len(b.copied)
	b.copied = append(b.copied, p.bytes...)
	if last := len(b.chunks) - 1; b.joined {
		b.chunks[last].bytes = b.chunks[last].bytes[:len(b.chunks[last].bytes)+len(p.bytes)]
	} else {
		b.chunks, b.joined = append(b.chunks, piece{bytes: b.copied[begin:]}), true
	}
}

// left are the chunks that are not written.
func (b *batch) left() []piece { return b.chunks[b.written:] }

// writeNow writes as much as the kernel takes at once. It must be the only one that writes: Control keeps the descriptor from
// being closed meanwhile, and no more. RawConn's Write would make ready to wait, which costs more than all else here beside
// the system call.
func (b *batch) writeNow(to syscall.RawConn) error {
	if len(b.left()) == 0 {
		return nil
	}
	if err := to.Control(b.attempt); err != nil {
		return err
	}
	return b.err
}

func (b *batch) writeSome(fd int) error {
	for len(b.left()) > 0 {
		n, err := b.writeChunks(fd)
		switch err {
		case nil:
			b.wrote(n)
		case unix.EINTR:
		case unix.EAGAIN:
			return nil
		default:
			return err
		}
	}
	return nil
}

// writeChunks writes what is taken at once of what is left: a piece that is in a file, or all up to the next of these.
func (b *batch) writeChunks(fd int) (int, error) {
	left := b.left()
	if left[0].file != nil {
		return left[0].send(fd)
	}
	b.buffers = b.buffers[:0]
	flags := unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	for _, chunk := range left[:min(len(left), chunksAtOnce)] {
		if chunk.file != nil {
			flags |= unix.MSG_MORE
			break
		}
		b.buffers = append(b.buffers, chunk.bytes)
	}
	if len(b.buffers) == 1 {
		return sendNow(fd, b.buffers[0], flags)
	}
	defer clear(b.buffers)
	return unix.SendmsgBuffers(fd, b.buffers, nil, nil, flags)
}

// sendNow and send write without telling the runtime, which would look for others to run meanwhile and cost more by that than
// it gains: the calls never wait.
func sendNow(fd int, data []byte, flags int) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)), uintptr(flags), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// send writes what is taken at once of a piece that is in a file.
func (p piece) send(fd int) (int, error) {
	at := p.at
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDFILE, uintptr(fd), uintptr(p.file.fd), uintptr(unsafe.Pointer(&at)), uintptr(len(p.bytes)), 0, 0)
	runtime.KeepAlive(p.file)
	if errno != 0 {
		return 0, errno
	}
	if n == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return int(n), nil
}

// wrote notes that so many bytes are written.
func (b *batch) wrote(n int) {
	for n > 0 {
		chunk := &b.chunks[b.written]
		if n < len(chunk.bytes) {
			*chunk = chunk.from(n)
			return
		}
		n -= len(chunk.bytes)
		b.written++
	}
}

// writeAll writes a part at a time, each of which must be taken in time: a slow client is one that takes little, not one that is
// sent much.
func (b *batch) writeAll(to net.Conn, limit time.Duration) error {
	const atOnce = 64 << 10
	for len(b.left()) > 0 {
		chunk := b.left()[0].bytes
		n := min(len(chunk), atOnce)
		if err := to.SetWriteDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
		if _, err := to.Write(chunk[:n]); err != nil {
			return err
		}
		b.wrote(n)
	}
	return to.SetWriteDeadline(time.Time{}) // it would end later writes, too
}
