package supervisor

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseLine(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 123_000_000, time.UTC)
	for _, test := range []struct {
		text string
		want Line
	}{
		{`{"time":"2026-11-23T10:00:00.123Z","level":"WARN","msg":"slow","took":3}`,
			Line{at, slog.LevelWarn, "slow", []slog.Attr{slog.Any("took", 3.0)}}},
		{"2026-11-23 10:00:00.123 UTC [42] LOG:  database system is ready",
			Line{at, slog.LevelInfo, "database system is ready", []slog.Attr{slog.String("pid", "42")}}},
		{"2026-11-23 10:00:00.123 GMT [42] FATAL:  out of disk",
			Line{at, slog.LevelError, "out of disk", []slog.Attr{slog.String("pid", "42")}}},
		{"2026-11-23 10:00:00.123 UTC [42] FATAL:  the database system is starting up",
			Line{at, slog.LevelDebug, "the database system is starting up", []slog.Attr{slog.String("pid", "42")}}},
	} {
		if diff := cmp.Diff(test.want, ParseLine(test.text), cmp.Comparer(func(a, b slog.Attr) bool { return a.Equal(b) })); diff != "" {
			t.Errorf("%s:\n%s", test.text, diff)
		}
	}
	for _, text := range []string{"plain", `{"half":`, `{"level":"INFO"}`, "[42] LOG: x", "{}"} {
		if line := ParseLine(text); line.Message != text || line.Level != slog.LevelInfo || time.Since(line.Time) > time.Minute {
			t.Errorf("%q became %+v", text, line)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(`{"time":"2026-11-23T10:00:00Z","level":"INFO","msg":"hello"}`)
	f.Add("2026-11-23 10:00:00.123 UTC [42] LOG:  text")
	f.Add("{")
	f.Fuzz(func(t *testing.T, text string) {
		line := ParseLine(text)
		if line.Time.IsZero() && !strings.Contains(text, "0001-01-01") {
			t.Errorf("%q has no time", text)
		}
	})
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a (b) c) S 1 42 42 0 -1"))
	f.Fuzz(func(_ *testing.T, stat []byte) { parseStat(stat) })
}

func TestParseStat(t *testing.T) {
	entry, ok := parseStat([]byte("42 (evil) Z 7) S 9 42 42 0 -1"))
	if !ok || entry.ppid != 9 || entry.zombie {
		t.Errorf("got %+v, %t", entry, ok)
	}
}

func TestReadLines(t *testing.T) {
	long := strings.Repeat("x", maxLine+10)
	var got []string
	readLines(strings.NewReader("one\n\ntwo\n"+long+"\nlast"), func(line string) { got = append(got, line) })
	want := []string{"one", "two", long[:maxLine] + " […cut]", "last"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// blockedWriter takes nothing until it is released.
type blockedWriter struct {
	release chan struct{}
	bytes.Buffer
}

func (b *blockedWriter) Write(p []byte) (int, error) {
	<-b.release
	return b.Buffer.Write(p)
}

func TestBlockedOutputBlocksNobody(t *testing.T) {
	out := &blockedWriter{release: make(chan struct{})}
	q := NewLogQueue(out, 10)
	for range 1000 {
		_, _ = io.WriteString(q, "line\n")
	}
	close(out.release)
	deadline := time.Now().Add(5 * time.Second)
	for len(q.lines) > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	_, _ = io.WriteString(q, "after\n")
	q.Close(5 * time.Second)
	_, _ = io.WriteString(q, "too late\n")
	text := out.String()
	if n := strings.Count(text, "line\n"); n < 10 || n > 12 {
		t.Errorf("%d lines kept", n)
	}
	if !strings.Contains(text, "lines dropped") || !strings.HasSuffix(text, "after\n") {
		t.Errorf("what was dropped is not told:\n%s", text)
	}
}
