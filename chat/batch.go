package chat

import (
	"net"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batch is frames to be written to one socket. Small ones are copied together; those of many messages, which all of their
// readers share, are written from where they are.
type batch struct {
	chunks  [][]byte // in order
	written int      // how many of them are
	copied  []byte   // where the small ones are
	joined  bool     // the last chunk is the end of copied
	attempt func(fd uintptr) bool
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
	b.attempt = func(fd uintptr) bool {
		b.err = b.writeSome(int(fd))
		return true // whatever came of it: nobody waits here for a slow client
	}
	return b
}

// reset empties the batch.
func (b *batch) reset() {
	clear(b.chunks)
	b.chunks, b.written, b.copied, b.joined = b.chunks[:0], 0, b.copied[:0], false
}

// add appends frames, which stay as they are.
func (b *batch) add(frames []byte) {
	switch {
	case len(frames) == 0:
		return
	case len(frames) > smallFrames:
		b.chunks, b.joined = append(b.chunks, frames), false
		return
	case cap(b.copied)-len(b.copied) < len(frames):
		b.copied, b.joined = make([]byte, 0, copiedSize), false
	}
	begin := len(b.copied)
	b.copied = append(b.copied, frames...)
	if last := len(b.chunks) - 1; b.joined {
		b.chunks[last] = b.chunks[last][:len(b.chunks[last])+len(frames)]
	} else {
		b.chunks, b.joined = append(b.chunks, b.copied[begin:]), true
	}
}

// left are the chunks that are not written.
func (b *batch) left() [][]byte { return b.chunks[b.written:] }

// writeNow writes as much as the kernel takes at once.
func (b *batch) writeNow(to syscall.RawConn) error {
	if len(b.left()) == 0 {
		return nil
	}
	if err := to.Write(b.attempt); err != nil {
		return err
	}
	return b.err
}

func (b *batch) writeSome(fd int) error {
	for len(b.left()) > 0 {
		n, err := writeChunks(fd, b.left())
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

// writeChunks writes what is taken at once. One chunk, by far the most, is written without telling the runtime, which would
// look for others to run meanwhile and cost more by that than it gains: the call never waits.
func writeChunks(fd int, chunks [][]byte) (int, error) {
	const flags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	if len(chunks) > 1 {
		return unix.SendmsgBuffers(fd, chunks[:min(len(chunks), chunksAtOnce)], nil, nil, flags)
	}
	data := chunks[0]
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// wrote notes that so many bytes are written.
func (b *batch) wrote(n int) {
	for n > 0 {
		chunk := &b.chunks[b.written]
		if n < len(*chunk) {
			*chunk = (*chunk)[n:]
			return
		}
		n -= len(*chunk)
		b.written++
	}
}

// writeAll writes in pieces, each of which must be taken in time: a slow client is one that takes little, not one that is
// sent much.
func (b *batch) writeAll(to net.Conn, limit time.Duration) error {
	const piece = 64 << 10
	for len(b.left()) > 0 {
		chunk := b.left()[0]
		n := min(len(chunk), piece)
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
