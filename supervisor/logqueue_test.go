package supervisor

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// blockedWriter takes nothing until it is released.
type blockedWriter struct {
	release chan struct{}
	bytes.Buffer
}

func (b *blockedWriter) Write(p []byte) (int, error) {
	<-b.release
	return b.Buffer.Write(p)
}

func tellInText(w io.Writer, lines int64) { fmt.Fprintf(w, "%d dropped\n", lines) }

func TestBlockedOutputBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &blockedWriter{release: make(chan struct{})}
		q := NewLogQueue(LogQueueConfig{Output: out, Bytes: 55, TellDropped: tellInText})
		_, _ = io.WriteString(q, "in the hands of the output\n")
		synctest.Wait()
		for i := range 10 {
			_, _ = fmt.Fprintf(q, "%d: 10 bytes\n", i)
		}
		_, _ = io.WriteString(q, "fits\n") // and is dropped all the same, as it would come before what is missing
		if dropped := q.Dropped(); dropped != 7 {
			t.Errorf("%d lines dropped, want 7", dropped)
		}
		close(out.release)
		synctest.Wait()
		_, _ = io.WriteString(q, "after\n")
		q.Close(time.Second)
		_, _ = io.WriteString(q, "too late\n")
		want := "in the hands of the output\n0: 10 bytes\n1: 10 bytes\n2: 10 bytes\n3: 10 bytes\n7 dropped\nafter\n"
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCloseWaitsForABlockedOutputOnlySoLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &blockedWriter{release: make(chan struct{})}
		q := NewLogQueue(LogQueueConfig{Output: out, Bytes: 1000, TellDropped: tellInText})
		_, _ = io.WriteString(q, "line\n")
		begun := time.Now()
		q.Close(3 * time.Second)
		if took := time.Since(begun); took != 3*time.Second {
			t.Errorf("it took %s", took)
		}
		close(out.release)
	})
}

// TestQueueKeepsLinesWhole: each line comes whole and in its place, or is counted right where it is missing.
func TestQueueKeepsLinesWhole(t *testing.T) {
	var out bytes.Buffer
	q := NewLogQueue(LogQueueConfig{Output: &out, Bytes: 4 << 10, TellDropped: func(w io.Writer, lines int64) {
		slog.New(slog.NewTextHandler(w, nil)).Warn("dropped", "lines", lines)
	}})
	log := slog.New(slog.NewTextHandler(q, nil))
	const written = 20_000
	for i := range written {
		log.Info("line", "i", i)
	}
	q.Close(10 * time.Second)
	seen, dropped := 0, 0
	for line := range strings.Lines(out.String()) {
		var n int
		_, rest, _ := strings.Cut(line, " msg=")
		if count, _ := fmt.Sscanf(rest, "dropped lines=%d\n", &n); count == 1 {
			dropped += n
			continue
		}
		if count, _ := fmt.Sscanf(rest, "line i=%d\n", &n); count != 1 || n != seen+dropped {
			t.Fatalf("after %d lines seen and %d dropped comes %q", seen, dropped, line)
		}
		seen++
	}
	if seen+dropped != written || int64(dropped) != q.Dropped() {
		t.Errorf("saw %d lines, was told of %d dropped, of %d; counted are %d", seen, dropped, written, q.Dropped())
	}
}
