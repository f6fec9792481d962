package supervisor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// texts reads what a journal keeps, as "service: message", and how many lines are missing before.
func texts(t interface{ Fatal(...any) }, r *journalReader, limit int) (lines []string, missed uint64) {
	batch := r.read(limit)
	for _, text := range batch.lines {
		service, line, err := DecodeLogLine(text)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, service+": "+line.Message)
	}
	return lines, batch.missed
}

func TestJournalKnowsWhoseLineItIs(t *testing.T) {
	j := NewJournal(JournalConfig{Services: []string{"chat", "cache"}})
	var output bytes.Buffer
	log := slog.New(j.Handler(slog.NewJSONHandler(&output, &slog.HandlerOptions{Level: slog.LevelWarn})))
	log.Info("its own")
	log.Info("about a service", "service", "cache", "was", "ready")
	chat := log.With("service", "chat", "slot", 1)
	chat.Warn("a child's", "x", 1)
	chat.WithGroup("g").Info("with a group", "service", "cache")
	chat.Debug("too fine")
	log.Info("of nobody", "service", "unknown")
	lines := j.reader("", 100).read(100).lines
	var got []string
	for _, line := range lines {
		_, rest, _ := strings.Cut(line, `,"level"`) // behind the time
		got = append(got, rest)
	}
	want := []string{
		`:"INFO","service":"supervisor","msg":"its own"}` + "\n",
		`:"INFO","service":"cache","msg":"about a service","was":"ready"}` + "\n",
		`:"WARN","service":"chat","msg":"a child's","slot":1,"x":1}` + "\n",
		`:"INFO","service":"chat","msg":"with a group","slot":1,"g":{"service":"cache"}}` + "\n",
		`:"INFO","service":"supervisor","msg":"of nobody"}` + "\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Count(output.String(), "\n") != 1 || !strings.Contains(output.String(), `"msg":"a child's","service":"chat","slot":1,"x":1}`) {
		t.Errorf("the output, which takes warnings, has\n%s", &output)
	}
}

func TestJournalKeepsWhatTheOutputTakes(t *testing.T) {
	j := NewJournal(JournalConfig{})
	log := slog.New(j.Handler(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.Debug("fine")
	if lines, _ := texts(t, j.reader("", 1), 1); len(lines) != 1 {
		t.Error("the debug line of a debug log is not kept")
	}
}

func TestLineTooLargeForTheJournalIsCut(t *testing.T) {
	j := NewJournal(JournalConfig{Bytes: 8 << 10})
	log := slog.New(j.Handler(slog.DiscardHandler))
	log.Info("before")
	log.Info(strings.Repeat("ä", 8<<10), "more", "attrs")
	got, missed := texts(t, j.reader("", 10), 10)
	if diff := cmp.Diff([]string{"supervisor: before", "supervisor: " + strings.Repeat("ä", cutMessage/2) + cutMark}, got); diff != "" || missed != 0 {
		t.Error(diff, missed)
	}
}

// journalModel is a journal with all that was ever written to it, and those who follow it.
type journalModel struct {
	journal   *Journal
	bytes     int
	names     []string
	all       []string // as "service: message"
	followers []*modelFollower
}

type modelFollower struct {
	*journalReader
	service string
	from    int // where it began in all
	got     []string
	missed  uint64
}

func (f *modelFollower) read(t *rapid.T, limit int) {
	lines, missed := texts(t, f.journalReader, limit)
	f.got, f.missed = append(f.got, lines...), f.missed+missed
}

// TestJournalAgainstModel: it stays within its bounds, and each reader gets every line of its services once and in
// order, or a count of what it missed.
func TestJournalAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &journalModel{bytes: rapid.IntRange(600, 4000).Draw(t, "bytes"), names: []string{"a", "b", "c"}}
		m.journal = NewJournal(JournalConfig{Services: m.names, Bytes: m.bytes})
		t.Repeat(map[string]func(*rapid.T){
			"write":  m.write,
			"follow": m.follow,
			"last":   m.last,
			"read": func(t *rapid.T) {
				if len(m.followers) > 0 {
					rapid.SampledFrom(m.followers).Draw(t, "follower").read(t, rapid.IntRange(1, 5).Draw(t, "limit"))
				}
			},
			"": m.checkBounds,
		})
		for _, f := range m.followers {
			f.read(t, 1<<20)
			m.checkFollower(t, f)
		}
	})
}

func (m *journalModel) write(t *rapid.T) {
	name := rapid.SampledFrom(m.names).Draw(t, "service")
	message := fmt.Sprintf("%d%s", len(m.all), strings.Repeat("x", rapid.IntRange(0, 300).Draw(t, "size")))
	slog.New(m.journal.Handler(slog.DiscardHandler)).Info(message, "service", name)
	m.all = append(m.all, name+": "+message)
}

func (m *journalModel) follow(t *rapid.T) {
	service := rapid.SampledFrom(append(m.names, "")).Draw(t, "service")
	m.followers = append(m.followers, &modelFollower{journalReader: m.journal.reader(service, 0), service: service, from: len(m.all)})
}

func (m *journalModel) last(t *rapid.T) {
	n := rapid.IntRange(0, 10).Draw(t, "n")
	lines, missed := texts(t, m.journal.reader("", n), n)
	if missed != 0 || len(lines) > n {
		t.Fatalf("asked for the last %d: %d lines, %d missed", n, len(lines), missed)
	}
	checkAmong(t, m.all, lines)
	if n > 0 && len(m.all) > 0 && (len(lines) == 0 || lines[len(lines)-1] != m.all[len(m.all)-1]) {
		t.Fatalf("the last line is not among %q", lines)
	}
}

func (m *journalModel) checkBounds(t *rapid.T) {
	for name, ring := range m.journal.rings {
		size := 0
		for _, e := range ring.entries {
			size += cost(e.text)
		}
		if size != ring.size || size > m.bytes {
			t.Fatalf("%s: %d bytes, counted as %d, of %d", name, size, ring.size, m.bytes)
		}
	}
}

func (m *journalModel) checkFollower(t *rapid.T, f *modelFollower) {
	var want []string
	for _, line := range m.all[f.from:] {
		if f.service == "" || strings.HasPrefix(line, f.service+":") {
			want = append(want, line)
		}
	}
	checkAmong(t, want, f.got)
	if len(f.got)+int(f.missed) != len(want) {
		t.Fatalf("follower of %q: %d lines and %d missed of %d", f.service, len(f.got), f.missed, len(want))
	}
}

// checkAmong wants lines among all, each once and in order.
func checkAmong(t *rapid.T, all, lines []string) {
	found := 0
	for _, line := range all {
		if found < len(lines) && lines[found] == line {
			found++
		}
	}
	if found != len(lines) {
		t.Fatalf("line %q is there twice, or in a wrong place", lines[found])
	}
}

// TestMemoryOfAJournal: what it keeps costs no more than it says, whatever the lines are like.
func TestMemoryOfAJournal(t *testing.T) {
	services := []string{"postgres-init", "postgres", "cache", "migrate", "chat"}
	memory := func() int64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	for _, size := range []int{1, 100, 10_000} {
		before := memory()
		j := NewJournal(JournalConfig{Services: services})
		log := slog.New(j.Handler(slog.DiscardHandler))
		for _, service := range services {
			for range 300_000 / (size + 100) {
				log.Info(strings.Repeat("x", size), "service", service)
			}
		}
		used := memory() - before
		t.Logf("lines of %d bytes: %d KB", size, used>>10)
		if limit := int64(len(services) * DefaultJournalBytes); used > limit*5/4 {
			t.Errorf("lines of %d bytes: %d bytes are in use, want %d at most", size, used, limit)
		}
		runtime.KeepAlive(j)
	}
}

// TestSlowFollowerHoldsUpNobody: many write while one follows who reads only at the end.
func TestSlowFollowerHoldsUpNobody(t *testing.T) {
	const writers, each = 4, 5000
	j := NewJournal(JournalConfig{Services: []string{"a", "b"}, Bytes: 32 << 10})
	log := slog.New(j.Handler(slog.DiscardHandler))
	slow, quick := j.reader("", 0), j.reader("a", 0)
	quickGot := make(chan uint64)
	go func() {
		var got uint64
		for got < writers*each/2 {
			batch := quick.read(10)
			got += uint64(len(batch.lines)) + batch.missed
			if batch.changed != nil {
				<-batch.changed
			}
		}
		quickGot <- got
	}()
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				log.Info("line", "service", []string{"a", "b"}[w%2], "i", i)
			}
		})
	}
	writing.Wait()
	if got := <-quickGot; got != writers*each/2 {
		t.Errorf("the quick follower got or missed %d lines, want %d", got, writers*each/2)
	}
	batch := slow.read(1 << 20)
	if batch.missed == 0 || batch.missed+uint64(len(batch.lines)) != writers*each {
		t.Errorf("the slow follower got %d lines and missed %d", len(batch.lines), batch.missed)
	}
}

func TestLogsRequestsThatAreWrong(t *testing.T) {
	j := NewJournal(JournalConfig{Services: []string{"chat", "cache"}})
	for query, want := range map[string]struct {
		status  int
		message string
	}{
		"service=chta":      {404, `there is no service "chta": choose one of chat, cache, supervisor`},
		"n=-1":              {400, `n="-1": must be a number of lines, 0 or more`},
		"n=many":            {400, `n="many": must be a number of lines, 0 or more`},
		"follow=perhaps":    {400, `follow="perhaps": must be 1 or 0`},
		"service=chat&n=10": {200, ""},
	} {
		recorder := httptest.NewRecorder()
		j.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, LogsPath+"?"+query, nil))
		var refused Refusal
		_ = json.Unmarshal(recorder.Body.Bytes(), &refused)
		if recorder.Code != want.status || refused.Message != want.message {
			t.Errorf("%s: %d %s", query, recorder.Code, recorder.Body)
		}
	}
}

// serveJournal is a journal behind a real socket.
func serveJournal(t *testing.T, j *Journal) *Client {
	t.Helper()
	socket := t.TempDir() + "/control.sock"
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	routes := http.NewServeMux()
	routes.Handle("GET "+LogsPath, j)
	server := &http.Server{Handler: routes}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return NewClient(socket)
}

func TestFollowLogs(t *testing.T) {
	j := NewJournal(JournalConfig{Services: []string{"chat", "cache"}})
	log := slog.New(j.Handler(slog.DiscardHandler))
	client := serveJournal(t, j)
	for i := range 5 {
		log.Info(fmt.Sprint("early ", i), "service", []string{"chat", "cache"}[i%2])
	}
	stream, err := client.Stream(t.Context(), LogsPath+"?follow=1&n=2&service=chat")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	next := func() string {
		t.Helper()
		if !lines.Scan() {
			t.Fatalf("the stream ended: %v", lines.Err())
		}
		_, line, err := DecodeLogLine(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		return line.Message
	}
	for _, want := range []string{"early 2", "early 4"} {
		if got := next(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for i := range 3 { // each is there before the next is written
		log.Info("of another", "service", "cache")
		log.Info(fmt.Sprint("late ", i), "service", "chat")
		if got := next(); got != fmt.Sprint("late ", i) {
			t.Errorf("got %q", got)
		}
	}
	log.Info("the last", "service", "chat")
	j.Close()
	if got := next(); got != "the last" {
		t.Errorf("got %q", got)
	}
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("the journal is closed, and the stream has %q, %v", lines.Text(), lines.Err())
	}
}

// TestFollowerThatDoesNotRead: a stalled client costs lines, and is told how many.
func TestFollowerThatDoesNotRead(t *testing.T) {
	j := NewJournal(JournalConfig{Services: []string{"chat"}, Bytes: 16 << 10})
	log := slog.New(j.Handler(slog.DiscardHandler)).With("service", "chat")
	stream, err := serveJournal(t, j).Stream(t.Context(), LogsPath+"?follow=1")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	const written = 20_000 // more than any buffer on the way
	for i := range written {
		log.Info(strings.Repeat("x", 100), "i", i)
	}
	j.Close()
	seen, missed, last := 0, 0, -1
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		var line struct {
			Service string
			Lines   int
			I       int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		if line.Service == "supervisor" {
			missed += line.Lines
			continue
		}
		if line.I != last+1 && missed == 0 || line.I <= last {
			t.Fatalf("line %d follows %d", line.I, last)
		}
		seen, last = seen+1, line.I
	}
	if missed == 0 || seen+missed != written || last != written-1 {
		t.Errorf("saw %d lines, was told of %d missed, of %d; the last was %d", seen, missed, written, last)
	}
}

func TestFollowerThatLeaves(t *testing.T) {
	j := NewJournal(JournalConfig{})
	ctx, leave := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		j.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, LogsPath+"?follow=1", nil).WithContext(ctx))
	}()
	leave()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("its handler goes on")
	}
}
