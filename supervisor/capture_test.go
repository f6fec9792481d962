package supervisor

import (
	"log/slog"
	"net"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCapture: each line is told in order, with its process, and kept; the last error is the last that stands by itself.
func TestCapture(t *testing.T) {
	input, output := net.Pipe()
	j := NewJournal(JournalConfig{Services: []string{"postgres"}})
	var told []string
	var lastError atomic.Pointer[string]
	done := make(chan struct{})
	go func() {
		defer close(done)
		capture(captureConfig{
			output:    output,
			log:       slog.New(j.Handler(slog.DiscardHandler)).With(serviceKey, "postgres"),
			flood:     newFlood(LogLimit{LineBurst: 6, Lines: 1}),
			process:   Process{Pid: 7, Slot: 1},
			onLine:    func(p Process, line Line) { told = append(told, line.Message); checkProcess(t, p) },
			lastError: &lastError,
		})
	}()
	for _, line := range []string{
		"2026-11-23 12:00:00.123 UTC [42] PANIC:  could not write\n",
		"2026-11-23 12:00:00.123 UTC [42] HINT:  Make room.\n",
		"2026-11-23 12:00:00.124 UTC [43] FATAL:  the database system is shutting down\n",
		"2026-11-23 12:00:00.125 UTC [1] LOG:  database system is shut down\n",
		"\n",
		"one\n", "two\n", "three\n", "four\n",
	} {
		_, _ = input.Write([]byte(line))
	}
	_ = input.Close()
	<-done
	want := []string{"could not write", "hint: Make room.", "the database system is shutting down", "database system is shut down", "one", "two"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	if last := lastError.Load(); last == nil || *last != "could not write" {
		t.Errorf("the last error is %v", last)
	}
	want = []string{"postgres: could not write", "postgres: hint: Make room.", "postgres: database system is shut down",
		"postgres: one", "postgres: two", "postgres: lines dropped, as the service prints too fast"}
	kept, _ := texts(t, j.reader("", 10), 10)
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Error(diff)
	}
}

func checkProcess(t *testing.T, p Process) {
	t.Helper()
	if p != (Process{Pid: 7, Slot: 1}) {
		t.Errorf("told of process %+v", p)
	}
}
