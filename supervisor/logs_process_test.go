package supervisor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// servicesVariable names the services of the role "supervise-logged", comma separated.
	servicesVariable = "SUPERVISOR_TEST_SERVICES"
	// rateVariable bounds what the role "flood" prints, in bytes a second.
	rateVariable = "SUPERVISOR_TEST_RATE"
)

// printForever prints lines of 100 bytes as fast as it can, or may.
func printForever() {
	block := bytes.Repeat([]byte(strings.Repeat("x", 99)+"\n"), 655) // just less than a pipe holds
	rate, _ := strconv.Atoi(os.Getenv(rateVariable))
	begun, written := time.Now(), 0
	for {
		if _, err := os.Stdout.Write(block); err != nil {
			os.Exit(1)
		}
		if written += len(block); rate > 0 {
			time.Sleep(time.Until(begun.Add(time.Duration(written) * time.Second / time.Duration(rate))))
		}
	}
}

// mutter begins a line and never ends it.
func mutter() {
	fmt.Print("password: ")
	_ = unix.Pause()
}

// superviseLogged is a supervisor whose log goes the whole way: through the journal and the queue, as JSON.
func superviseLogged() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	queue := NewLogQueue(LogQueueConfig{Output: os.Stdout, Bytes: 256 << 10, TellDropped: func(w io.Writer, lines int64) {
		slog.New(slog.NewJSONHandler(w, nil)).Warn("lines dropped, as the output was blocked", "lines", lines)
	}})
	names := strings.Split(os.Getenv(servicesVariable), ",")
	var table []Service
	for _, name := range names {
		table = append(table, Service{
			Name:  name,
			Ready: well,
			Stop:  []StopStep{{syscall.SIGTERM, time.Second}},
			Command: func() (Command, error) {
				return Command{Path: "/proc/self/exe", Args: []string{name}, Env: environAs(name)}, nil
			},
		})
	}
	journal := NewJournal(JournalConfig{Services: names})
	s, err := New(Config{Services: table, Logger: slog.New(journal.Handler(slog.NewJSONHandler(queue, nil)))})
	if err == nil {
		err = s.Run(ctx)
	}
	queue.Close(time.Second)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// environAs is our own environment in another role. It must not be there twice, as the first one would count.
func environAs(role string) []string {
	return append(slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return strings.HasPrefix(variable, roleVariable+"=")
	}), roleVariable+"="+role)
}

// beginLogged runs services with their log going to a file of ours.
func beginLogged(t *testing.T, output io.Writer, services string, environ ...string) *real {
	t.Helper()
	r := &real{t: t, token: fmt.Sprintf("%s-%d", t.Name(), time.Now().UnixNano()), output: &lockedBuffer{}}
	r.cmd = exec.Command(os.Args[0])
	r.cmd.Env = append(os.Environ(), roleVariable+"=supervise-logged", servicesVariable+"="+services, tokenVariable+"="+r.token)
	r.cmd.Env = append(r.cmd.Env, environ...)
	r.cmd.Stdout, r.cmd.Stderr = output, r.output
	if output == nil {
		r.cmd.Stdout = r.output
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range r.pids("") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
		if t.Failed() {
			text := r.output.String()
			t.Logf("the end of the supervisor's log:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return r
}

// consumption is what a process has used, as proc(5) tells it.
type consumption struct {
	at      time.Time
	cpu     time.Duration
	rss     int64
	written int64
}

func (r *real) consumption(pid int) (c consumption) {
	r.t.Helper()
	c.at = time.Now()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		r.t.Fatal(err)
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+2:])
	for _, field := range fields[11:13] { // utime and stime, in ticks of 10 ms
		ticks, _ := strconv.Atoi(string(field))
		c.cpu += time.Duration(ticks) * 10 * time.Millisecond
	}
	pages, _ := strconv.ParseInt(string(fields[21]), 10, 64)
	c.rss = pages * int64(os.Getpagesize())
	counters, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		r.t.Fatal(err)
	}
	_, _ = fmt.Sscanf(string(counters), "rchar: %d\nwchar: %d", new(int64), &c.written)
	return c
}

// watchFlood looks on for a while, and returns how fast the child printed, in bytes a second.
func (r *real) watchFlood(during time.Duration) (rate float64) {
	r.t.Helper()
	r.within(10*time.Second, r.have("flood", 1))
	supervisor, child := r.cmd.Process.Pid, r.pids("flood")[0]
	r.within(10*time.Second, func() error { // until all that begins with a burst has
		if written := r.consumption(child).written; written < 20<<20 {
			return fmt.Errorf("it has printed %d bytes", written)
		}
		return nil
	})
	before, printed := r.consumption(supervisor), r.consumption(child)
	largest := before.rss
	for time.Since(before.at) < during {
		time.Sleep(10 * time.Millisecond)
		largest = max(largest, r.consumption(supervisor).rss)
	}
	after := r.consumption(supervisor)
	now := r.consumption(child)
	rate = float64(now.written-printed.written) / now.at.Sub(printed.at).Seconds()
	r.t.Logf("the child printed %.0f MB/s; the supervisor used %.0f %% of a processor and %d MB of memory at most, %d MB at first",
		rate/1e6, 100*float64(after.cpu-before.cpu)/float64(after.at.Sub(before.at)), largest>>20, before.rss>>20)
	if grown := largest - before.rss; grown > 8<<20 {
		r.t.Errorf("the supervisor's memory grew by %d MB", grown>>20)
	}
	return rate
}

// logLine is a line of the log, as far as these tests want to know.
type logLine struct {
	Service, Level, Msg string
	Lines               int64
}

func decodeLog(t *testing.T, log io.Reader) (lines []logLine) {
	t.Helper()
	scanner := bufio.NewScanner(log)
	for scanner.Scan() {
		var line logLine
		if err := json.Unmarshal(scanner.Bytes(), &line); err != nil {
			t.Fatalf("a line of the log is no JSON: %q", scanner.Text())
		}
		lines = append(lines, line)
	}
	return lines
}

const minFloodRate = 20e6 // with the race detector and on a busy machine; without it is much more

func TestFloodingChildHoldsUpNobody(t *testing.T) {
	r := beginLogged(t, nil, "flood,mutter")
	if rate := r.watchFlood(3 * time.Second); rate < minFloodRate {
		t.Errorf("it printed %.1f MB/s only", rate/1e6)
	}
	r.stop(10 * time.Second)
	var passed, told, muttered int64
	reports := 0
	for _, line := range decodeLog(t, strings.NewReader(r.output.String())) {
		switch {
		case line.Service == "flood" && strings.HasPrefix(line.Msg, "xxx"):
			passed++
		case line.Service == "flood" && line.Msg == "lines dropped, as the service prints too fast":
			told += line.Lines
			reports++
		case line.Service == "mutter" && line.Msg == "password: ":
			muttered++
		}
	}
	t.Logf("%d lines passed, %d dropped, told in %d lines", passed, told, reports)
	if burst := int64(DefaultLogLimit.LineBurst); passed < burst || passed > 3*burst {
		t.Errorf("%d lines passed", passed)
	}
	if told*100 < 3*minFloodRate || reports > 20 {
		t.Errorf("%d lines dropped, as %d lines say", told, reports)
	}
	if muttered != 1 {
		t.Errorf("the line that has no end is there %d times", muttered)
	}
}

// TestChildThatPrints100MBASecond is for its figures.
func TestChildThatPrints100MBASecond(t *testing.T) {
	r := beginLogged(t, nil, "flood", rateVariable+"=100000000")
	if rate := r.watchFlood(3 * time.Second); rate < minFloodRate {
		t.Errorf("it printed %.1f MB/s only", rate/1e6)
	}
	r.stop(10 * time.Second)
}

// TestBlockedStdoutHoldsUpNobody: nobody reads the log, and all goes on; then it is read, and tells what is missing.
func TestBlockedStdoutHoldsUpNobody(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	r := beginLogged(t, write, "flood,calm")
	_ = write.Close()
	if rate := r.watchFlood(3 * time.Second); rate < minFloodRate {
		t.Errorf("it printed %.1f MB/s only", rate/1e6)
	}
	old := r.pids("calm")[0]
	_ = syscall.Kill(old, syscall.SIGKILL)
	r.within(10*time.Second, func() error {
		if pids := r.pids("calm"); len(pids) != 1 || pids[0] == old {
			return fmt.Errorf("processes %v, want one other than %d", pids, old)
		}
		return nil
	})
	logged := make(chan []logLine, 1)
	go func() { logged <- decodeLog(t, read) }()
	r.stop(10 * time.Second)
	dropped := int64(0)
	lines := <-logged
	for _, line := range lines {
		if line.Msg == "lines dropped, as the output was blocked" {
			dropped += line.Lines
		}
	}
	if last := lines[len(lines)-1]; dropped == 0 || last.Msg != "stopped" {
		t.Errorf("%d lines dropped are told; the last line is %+v", dropped, last)
	}
}

func TestBlockedStdoutDoesNotHoldUpTheStop(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	r := beginLogged(t, write, "flood")
	_ = write.Close()
	r.watchFlood(100 * time.Millisecond)
	r.stop(5 * time.Second)
}
