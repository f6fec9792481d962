package chat

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// frameFile is frames in a file in memory: memfd_create(2). From there the kernel lends its pages to each socket, by
// sendfile(2): what goes to many readers is not copied for each of them.
type frameFile struct{ fd int }

// What is worth a file: so many bytes for so many readers. The file costs about as much as to copy the frames for a few of them.
const (
	filedBytes   = 32 << 10
	filedReaders = 16
)

// filedAtOnce is how many bytes may be in files at once. They are beside the memory that the collector counts, until it finds
// that nobody has the file any more.
const filedAtOnce = 16 << 20

// frameFiles counts the bytes that are in files.
type frameFiles struct{ bytes atomic.Int64 }

// put returns a file of frames, which is closed when nobody has it any more; nil if there is too much in files already.
func (f *frameFiles) put(frames []byte) (*frameFile, error) {
	size := int64(len(frames))
	if f.bytes.Add(size) > filedAtOnce {
		f.bytes.Add(-size)
		return nil, nil
	}
	file, err := newFrameFile(frames)
	if err != nil {
		f.bytes.Add(-size)
		return nil, err
	}
	runtime.AddCleanup(file, func(size int64) { f.bytes.Add(-size) }, size)
	return file, nil
}

// newFrameFile returns a file of frames, which is closed when nobody has it any more.
func newFrameFile(frames []byte) (*frameFile, error) {
	fd, err := unix.MemfdCreate("frames", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := &frameFile{fd: fd}
	runtime.AddCleanup(f, func(fd int) { _ = unix.Close(fd) }, fd)
	for written := 0; written < len(frames); {
		n, err := unix.Write(fd, frames[written:])
		if err != nil && err != unix.EINTR {
			return nil, fmt.Errorf("fill a file of frames: %w", err)
		}
		written += max(0, n)
	}
	return f, nil
}

// piece is frames, and where they also are.
type piece struct {
	bytes []byte
	file  *frameFile // may be nil
	at    int64      // where in it they begin
}

// from is the piece without its first bytes.
func (p piece) from(n int) piece {
	return piece{bytes: p.bytes[n:], file: p.file, at: p.at + int64(n)}
}
