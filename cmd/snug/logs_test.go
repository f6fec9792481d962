package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"snug/supervisor"
)

// journalOn serves a journal where the Snug on a data folder would.
func journalOn(t *testing.T, data string, services ...string) (*supervisor.Journal, *slog.Logger) {
	t.Helper()
	run := filepath.Join(filepath.Dir(data), "run")
	for _, folder := range []string{data, run} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	note, err := json.Marshal(lockNote{Pid: os.Getpid(), Run: run})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, lockName), note, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(run, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	journal := supervisor.NewJournal(supervisor.JournalConfig{Services: services})
	routes := http.NewServeMux()
	routes.Handle("GET "+supervisor.LogsPath, journal)
	server := &http.Server{Handler: routes}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return journal, slog.New(journal.Handler(slog.DiscardHandler))
}

func TestLogs(t *testing.T) {
	data := dataIn(t)
	_, log := journalOn(t, data, "postgres", "chat")
	log.Info("ready", "service", "chat", "was", "starting", "for", "12ms")
	log.With("service", "postgres").Error("no space left", "file", "pg_wal/0001", "text", "\x1b[2J of \u202e"+`\x1b[31m`)
	log.Info("snug starts", "version", "1.2.3")
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"logs"}, exitDone, "INF ready service=chat was=starting for=12ms\n" +
			`ERR no space left service=postgres file=pg_wal/0001 text=" of \\u202e\\u001b[31m"` + "\nINF snug starts service=supervisor version=1.2.3\n"},
		{[]string{"logs", "-n", "1"}, exitDone, "INF snug starts service=supervisor version=1.2.3\n"},
		{[]string{"logs", "-n", "0"}, exitDone, ""},
		{[]string{"logs", "chat"}, exitDone, "INF ready service=chat was=starting for=12ms\n"},
		{[]string{"logs", "--json", "chat"}, exitDone, `"level":"INFO","service":"chat","msg":"ready","was":"starting","for":"12ms"}` + "\n"},
		{[]string{"logs", "chta"}, exitFailed, `snug: there is no service "chta": choose one of postgres, chat, supervisor` + "\n"},
		{[]string{"logs", "-n", "-3"}, exitUsage, "snug: -n -3: must be a number of lines, 0 or more\n"},
		{[]string{"logs", "chat", "cache"}, exitUsage, `snug: snug logs takes one service at most, got ["chat" "cache"]` + "\n"},
		{[]string{"logs", "-n", "x"}, exitUsage, `see snug logs --help`},
	} {
		out, code := runSnug(t, data, nil, test.args...)
		if test.code == exitDone {
			out = withoutTimes(out)
		}
		if code != test.code || !strings.Contains(out, test.want) || test.code == exitDone && len(out) != len(test.want) {
			t.Errorf("snug %s: exit code %d, want %d:\n%s", strings.Join(test.args, " "), code, test.code, cmp.Diff(test.want, out))
		}
	}
}

// withoutTimes cuts the time off each line, in text or JSON.
func withoutTimes(lines string) string {
	var rest strings.Builder
	for line := range strings.Lines(lines) {
		if _, behind, found := strings.Cut(line, `",`); found && line[0] == '{' {
			line = behind
		} else if len(line) > len(time.DateTime) {
			line = line[len(time.DateTime)+1:]
		}
		rest.WriteString(line)
	}
	return rest.String()
}

func TestLogsWithoutASnug(t *testing.T) {
	data := dataIn(t)
	if out, code := runSnug(t, data, nil, "logs"); code != exitFailed || !strings.Contains(out, "there is no Snug on "+data) {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// followed is a `snug logs -f` under way.
type followed struct {
	*exec.Cmd
	out   logBuffer
	ended chan struct{}
}

func followLogs(t *testing.T, data string) *followed {
	t.Helper()
	f := &followed{Cmd: snugCommand(data, nil, "logs", "-f"), ended: make(chan struct{})}
	f.Stdout, f.Stderr = &f.out, &f.out
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = f.Wait()
		close(f.ended)
	}()
	t.Cleanup(func() {
		_ = f.Process.Kill()
		<-f.ended
	})
	return f
}

// shows waits until a text is there.
func (f *followed) shows(t *testing.T, want string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(f.out.String(), want); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is not in\n%s", want, f.out.String())
		}
	}
}

func (f *followed) endsWell(t *testing.T) {
	t.Helper()
	select {
	case <-f.ended:
	case <-time.After(20 * time.Second):
		t.Fatal("it goes on")
	}
	if code := f.ProcessState.ExitCode(); code != exitDone {
		t.Errorf("exit code %d: %s", code, f.out.String())
	}
}

func TestFollowLogs(t *testing.T) {
	data := dataIn(t)
	journal, log := journalOn(t, data, "chat")
	log.Info("early")
	left, stays := followLogs(t, data), followLogs(t, data)
	for _, f := range []*followed{left, stays} {
		f.shows(t, "early")
	}
	log.Info("late", "service", "chat")
	for _, f := range []*followed{left, stays} {
		f.shows(t, "INF late service=chat\n")
	}
	_ = left.Process.Signal(syscall.SIGINT)
	left.endsWell(t)
	if out := left.out.String(); strings.Contains(out, "snug:") {
		t.Errorf("Ctrl-C is told as an error: %s", out)
	}
	log.Info("the last")
	journal.Close()
	stays.endsWell(t)
	want := fmt.Sprintf("INF the last service=supervisor\nsnug: the Snug on %s has stopped\n", data)
	if out := stays.out.String(); !strings.HasSuffix(out, want) {
		t.Errorf("it ends with\n%s\nwant\n%s", out, want)
	}
}

func TestApplianceOutlivesItsLogReader(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, data: dataIn(t), log: &logBuffer{}, ended: make(chan struct{})}
	r.cmd = snugCommand(r.data, []string{"SNUG_LISTEN=127.0.0.1:0"}, "serve")
	r.cmd.Stdout, r.cmd.Stderr = write, r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(r.kill)
	_ = write.Close()
	_, _ = read.Read(make([]byte, 1)) // its first line is there
	_ = read.Close()
	r.within(60*time.Second, func() error {
		if out, code := r.snug("healthcheck"); code != exitDone || out != "healthy\n" {
			return fmt.Errorf("exit code %d: %s", code, out)
		}
		return nil
	})
	r.stop()
}

// TestDroppedIsToldInTheFormatOfTheLog: every line of a log in JSON is JSON, whoever wrote it.
func TestDroppedIsToldInTheFormatOfTheLog(t *testing.T) {
	for format, want := range map[logFormat]string{
		"json": `"level":"WARN","msg":"lines dropped, as the output was blocked","lines":1}` + "\n",
		"text": "WRN lines dropped, as the output was blocked lines=1\n",
	} {
		var out bytes.Buffer
		queue := newLogQueue(&out, Settings{LogFormat: format, LogLevel: slog.LevelError})
		_, _ = queue.Write(make([]byte, logQueueBytes+1))
		queue.Close(10 * time.Second)
		if got := withoutTimes(out.String()); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
}

// TestTextLogIsHarmless: whatever a line holds, a terminal obeys nothing but our own colours.
func TestTextLogIsHarmless(t *testing.T) {
	ours := regexp.MustCompile("\x1b\\[(0|2|22|9[1-3])m")
	for _, colour := range []bool{false, true} {
		var out bytes.Buffer
		var nilError *exec.Error
		slog.New(newTextHandler(&out, slog.LevelInfo, colour)).Info("message\x1b[2J\n\u009b", "k\x1bey", "value\x1b]0;title\x07",
			"error", fmt.Errorf("bad \x1bc"), "list", []string{"\x1bc"}, "none", nil, "nil", error(nilError),
			"quoted", `a \x1b[35m`, "level", slog.LevelWarn, slog.Attr{}, "broken", "a\xffb")
		line := strings.TrimSuffix(out.String(), "\n")
		if colour {
			line = ours.ReplaceAllString(line, "")
		}
		if supervisor.Printable(line) != line || !strings.Contains(line, "broken=a?b") || !strings.Contains(line, "message\\u000a\\u009b") {
			t.Errorf("colour %t: the line is %q", colour, line)
		}
	}
}
