package chat

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// pipe is both ends of a connection of the loopback, of which the kernel keeps little.
func pipe(t *testing.T) (ours, theirs *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = dialed.Close(), accepted.Close() })
	ours, theirs = accepted.(*net.TCPConn), dialed.(*net.TCPConn)
	if err := ours.SetWriteBuffer(16 << 10); err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// However much the kernel takes at once, of pieces that are in files and of those that are not, the client gets all of it in
// order.
func TestABatchArrivesAsItIs(t *testing.T) {
	ours, theirs := pipe(t)
	raw := rawOf(ours)
	rapid.Check(t, func(t *rapid.T) {
		b, want := newBatch(), []byte{}
		for range rapid.IntRange(1, 8).Draw(t, "pieces") {
			size := rapid.SampledFrom([]int{0, 1, 200, smallFrames, smallFrames + 1, filedBytes, 300_000}).Draw(t, "size")
			p := piece{bytes: bytes.Repeat([]byte{byte(len(want)), byte(len(want) >> 8), byte(size)}, size/3)}
			if size > smallFrames && rapid.Bool().Draw(t, "in a file") {
				file, err := newFrameFile(p.bytes)
				if err != nil {
					t.Fatal(err)
				}
				p = piece{bytes: p.bytes, file: file}.from(rapid.IntRange(0, len(p.bytes)).Draw(t, "from"))
			}
			b.add(p)
			want = append(want, p.bytes...)
		}
		got := make(chan []byte)
		go func() {
			all := make([]byte, len(want))
			_ = theirs.SetReadDeadline(time.Now().Add(10 * time.Second))
			n, _ := io.ReadFull(theirs, all)
			got <- all[:n]
		}()
		for deadline := time.Now().Add(10 * time.Second); len(b.left()) > 0; {
			if err := b.writeNow(raw); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(deadline) {
				t.Fatal("the kernel takes nothing")
			}
		}
		if all := <-got; !bytes.Equal(all, want) {
			t.Fatalf("of %d bytes there came %d, or others", len(want), len(all))
		}
	})
}

// What the kernel has not taken of a file is written from memory by whoever waits for the client.
func TestTheRestOfAFileIsWrittenSlowly(t *testing.T) {
	ours, theirs := pipe(t)
	frames := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	file, err := newFrameFile(frames)
	if err != nil {
		t.Fatal(err)
	}
	b := newBatch()
	b.add(piece{bytes: frames, file: file})
	if err := b.writeNow(rawOf(ours)); err != nil {
		t.Fatal(err)
	}
	if left := b.left(); len(left) != 1 || len(left[0].bytes) == len(frames) {
		t.Fatal("the kernel took all or nothing")
	}
	written := make(chan error, 1)
	go func() { written <- b.writeAll(ours, 10*time.Second) }()
	got := make([]byte, len(frames))
	if _, err := io.ReadFull(theirs, got); err != nil || !bytes.Equal(got, frames) {
		t.Errorf("%v, or other frames came", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
}

// Many messages for many readers are put into a file once, and others are not.
func TestWhatGoesIntoAFile(t *testing.T) {
	for _, c := range []struct {
		bytes, readers int
		filed          bool
	}{{filedBytes, filedReaders, true}, {filedBytes - 1, filedReaders, false}, {filedBytes, filedReaders - 1, false}} {
		h := newHub(hubConfig{})
		if filed := handsOn(t, h, c.bytes, c.readers).file != nil; filed != c.filed {
			t.Errorf("%d bytes for %d readers: in a file %v, want %v", c.bytes, c.readers, filed, c.filed)
		}
	}
}

// handsOn has the hub hand on a run of so many bytes to so many readers, and wants each of them to get it.
func handsOn(t *testing.T, h *hub, size, count int) *run {
	t.Helper()
	id := uuid.New()
	var readers []*conn
	for range count {
		reader := unread(&conn{}, 1<<20)
		h.channel(id).conns[reader] = true
		readers = append(readers, reader)
	}
	r := &run{channel: id, first: 1, last: 1, frames: make([]byte, size), ends: []int{size}}
	h.handOn(r)
	for _, reader := range readers {
		if items, _ := reader.out.take(); len(items) != 1 || items[0].run != r {
			t.Fatalf("a reader gets %v", items)
		}
	}
	return r
}

// When the kernel gives no file, the frames are handed on without one, and there is room for others in files as before.
func TestFramesAreHandedOnWithoutAFile(t *testing.T) {
	h := newHub(hubConfig{Logger: slog.New(slog.DiscardHandler)})
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	restore := func() { _ = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit) }
	defer restore()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	r := handsOn(t, h, filedBytes, filedReaders)
	restore()
	if r.file != nil || h.files.bytes.Load() != 0 {
		t.Errorf("file %v, and %d bytes are taken for it", r.file, h.files.bytes.Load())
	}
	if handsOn(t, h, filedBytes, filedReaders).file == nil {
		t.Error("no file is made when there may be one again")
	}
}

// What is in files is bounded, and there is room again when nobody has them any more: of memory, and of open files.
func TestFilesOfFramesAreBounded(t *testing.T) {
	var files frameFiles
	frames := make([]byte, filedAtOnce/4)
	put := func() *frameFile {
		file, err := files.put(frames)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	kept := []*frameFile{put(), put(), put(), put()}
	if slices.Contains(kept, nil) || put() != nil {
		t.Fatalf("%d bytes are in files", files.bytes.Load())
	}
	runtime.KeepAlive(kept)
	kept = nil
	for deadline := time.Now().Add(10 * time.Second); files.bytes.Load() > 0 || openFrameFiles(t) > 0; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes stay in files, and %d files stay open", files.bytes.Load(), openFrameFiles(t))
		}
	}
	if put() == nil {
		t.Error("there is no room afterwards")
	}
}

// openFrameFiles is how many files of frames this process has open.
func openFrameFiles(t *testing.T) (count int) {
	t.Helper()
	list, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range list {
		if target, err := os.Readlink(path); err == nil && strings.HasPrefix(target, "/memfd:frames") {
			count++
		}
	}
	return count
}
