package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"

	"snug/store/postgres"
	"snug/store/postgres/internal/proc"
	"snug/store/postgres/postgrestest"
)

// watched starts the cluster with its log heard by the prober's crash watch.
func watched(t *testing.T, cfg postgres.Config, prober *postgres.Prober) *server {
	t.Helper()
	output, input, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	argv, err := postgres.Command(cfg)
	if err != nil {
		t.Fatal(err)
	}
	process, err := postgrestest.Start("/", input, syscall.SIGQUIT, argv...)
	_ = input.Close()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Process: process, cfg: cfg, logFile: filepath.Join(filepath.Dir(dataDir(cfg)), "log")}
	log, err := os.Create(s.logFile)
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		hear(io.TeeReader(output, log), s.Pid(), &prober.Crashes)
	}()
	t.Cleanup(func() {
		s.Signal(syscall.SIGQUIT)
		s.State()
		endPrograms(t, cfg.Dir)
		<-heard
		_, _ = output.Close(), log.Close()
	})
	waitFor(t, s, prober)
	return s
}

var loggedLine = regexp.MustCompile(`^(\S+ \S+) UTC \[(\d+)\] ([A-Z]+):  (.*)$`)

func hear(log io.Reader, postmaster int, watch *postgres.CrashWatch) {
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if line, ok := parseLogLine(lines.Text(), postmaster); ok {
			watch.Hear(line)
		}
	}
}

func parseLogLine(text string, postmaster int) (line postgres.LogLine, ok bool) {
	fields := loggedLine.FindStringSubmatch(text)
	if fields == nil {
		return line, false
	}
	at, err := time.Parse("2006-01-02 15:04:05.000", fields[1])
	pid, _ := strconv.Atoi(fields[2]) // digits, as the pattern says
	return postgres.LogLine{
		Postmaster: postmaster, Pid: pid, Time: at, Message: fields[4],
		Failure: slices.Contains([]string{"ERROR", "FATAL", "PANIC"}, fields[3]),
	}, err == nil
}

// idle connects, and returns the process that serves the connection.
func idle(t *testing.T, cfg postgres.Config) (*pgx.Conn, int) {
	t.Helper()
	conn := connect(t, cfg, postgres.SuperuserURL)
	return conn, int(conn.PgConn().PID())
}

// postmasterPatience is how long PostgreSQL itself waits at least for processes that cannot quit: SIGKILL_CHILDREN_AFTER_SECS
// are 5, and begin with the second that is under way.
const postmasterPatience = 4 * time.Second

// TestCrashRestartDoesNotWaitForThoseThatCannotQuit stops one process, keeps another busy, and kills a third.
func TestCrashRestartDoesNotWaitForThoseThatCannotQuit(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	prober := postgres.NewProber(cfg)
	defer prober.Close()
	s := watched(t, cfg, prober)
	for range 3 {
		busy, _ := idle(t, cfg)
		computing := make(chan struct{})
		go func() {
			defer close(computing)
			_, _ = busy.Exec(context.Background(), "SELECT count(*) FROM generate_series(1, 1000000000)")
		}()
		_, stopped := idle(t, cfg)
		_, victim := idle(t, cfg)
		for pid, sig := range map[int]syscall.Signal{stopped: syscall.SIGSTOP, victim: syscall.SIGKILL} {
			if err := syscall.Kill(pid, sig); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		<-computing
		waitFor(t, s, prober)
		took := time.Since(begun)
		t.Logf("back after %v", took)
		if took >= postmasterPatience {
			t.Errorf("the crash restart took %v:\n%s", took, s.log(t))
		}
	}
	s.stop(t)
}

// TestThoseThatCameAfterTheCrashLive tells of the crash only when PostgreSQL has long recovered.
func TestThoseThatCameAfterTheCrashLive(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	s := start(t, cfg)
	conn, pid := idle(t, cfg)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Exec(t.Context(), "SELECT 1")
	prober := postgres.NewProber(cfg)
	defer prober.Close()
	waitForLog(t, s, "ready to accept connections\n2") // something came after it
	waitFor(t, s, prober)
	_, _ = idle(t, cfg)
	before := proc.Children(s.Pid())
	hear(strings.NewReader(s.log(t)), s.Pid(), &prober.Crashes)
	for _, child := range before {
		if !child.Alive() {
			t.Errorf("%+v was killed", child)
		}
	}
	if strings.Count(s.log(t), "terminating any other active server processes") != 1 {
		t.Errorf("there was another crash:\n%s", s.log(t))
	}
	s.stop(t)
}

func TestCauseOfACrash(t *testing.T) {
	const killed = "server process (PID 7) was terminated by signal 9: Killed"
	line := func(pid int, failure bool, message string) postgres.LogLine {
		return postgres.LogLine{Pid: pid, Failure: failure, Message: message}
	}
	for name, test := range map[string]struct {
		lines []postgres.LogLine
		want  string
		panic bool
	}{
		"none":                             {nil, "", false},
		"an error":                         {[]postgres.LogLine{line(7, true, "division by zero")}, "", false},
		"killed":                           {[]postgres.LogLine{line(8, true, "division by zero"), line(1, false, killed)}, killed, false},
		"killed after an error of its own": {[]postgres.LogLine{line(7, true, "division by zero"), line(1, false, killed)}, killed, false},
		"a plain shutdown": {[]postgres.LogLine{
			line(1, false, `background worker "logical replication launcher" (PID 7) exited with exit code 1`)}, "", false},
		"a panic": {[]postgres.LogLine{
			line(7, true, "could not fdatasync"), line(1, false, "server process (PID 7) was terminated by signal 6: Aborted"),
			line(9, true, "the database system is in recovery mode")}, "could not fdatasync", true},
		"of the startup": {[]postgres.LogLine{
			line(7, true, "No space left"), line(1, false, "startup process (PID 7) exited with exit code 1")}, "No space left", true},
		"recovered": {[]postgres.LogLine{
			line(1, false, killed), line(1, false, "database system is ready to accept connections")}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			var watch postgres.CrashWatch
			for _, line := range test.lines {
				watch.Hear(line)
			}
			if got := watch.Cause(); got != test.want {
				t.Errorf("the cause is %q, want %q", got, test.want)
			}
			if err := watch.Check(); (err != nil) != test.panic {
				t.Errorf("the watch tells of a panic: %v", err)
			}
		})
	}
}

// TestProberSaysWhyPostgreSQLIsAway, which its connection cannot tell.
func TestProberSaysWhyPostgreSQLIsAway(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	prober := postgres.NewProber(cfg)
	defer prober.Close()
	prober.Crashes.Hear(postgres.LogLine{Message: "server process (PID 7) was terminated by signal 9: Killed"})
	err := prober.Check(t.Context())
	if err == nil || !strings.Contains(err.Error(), "(PID 7)") || !strings.Contains(err.Error(), "connect to PostgreSQL") {
		t.Errorf("the check says %v", err)
	}
	if err := prober.Crashes.Check(); err != nil {
		t.Errorf("one that was killed is told of as if PostgreSQL had given up: %v", err)
	}
}

// TestPanicIsToldOfForAWhile, since PostgreSQL recovers faster than it is asked.
func TestPanicIsToldOfForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var watch postgres.CrashWatch
		watch.Hear(postgres.LogLine{Pid: 7, Failure: true, Message: "could not fdatasync"})
		watch.Hear(postgres.LogLine{Pid: 1, Message: "server process (PID 7) was terminated by signal 6: Aborted"})
		watch.Hear(postgres.LogLine{Pid: 1, Message: "database system is ready to accept connections"})
		time.Sleep(2 * time.Second)
		if err := watch.Check(); err == nil || !strings.Contains(err.Error(), "could not fdatasync") {
			t.Errorf("soon after: %v", err)
		}
		time.Sleep(2 * time.Second)
		if err := watch.Check(); err != nil {
			t.Errorf("later: %v", err)
		}
	})
}

// TestFailingDisk has the disk fail a flush of the log of changes. What was acknowledged stays, and the reason is told, though
// not what was being stored.
func TestFailingDisk(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skipf("strace is needed to make a flush fail: %v", err)
	}
	cfg := newConfig(t)
	mustProvision(t, cfg)
	prober := postgres.NewProber(cfg)
	defer prober.Close()
	s := watched(t, cfg, prober)
	conn, pid := idle(t, cfg)
	execute(t, conn, "CREATE TABLE said (body text)")
	execute(t, conn, "INSERT INTO said VALUES ('acknowledged')")
	failFlush(t, pid)
	if _, err := conn.Exec(t.Context(), "INSERT INTO said VALUES ($1)", secret); err == nil {
		t.Error("a commit was acknowledged whose flush failed")
	}
	waitForLog(t, s, "redo done")
	waitFor(t, s, prober)
	if err := prober.Crashes.Check(); err == nil || !strings.Contains(err.Error(), "Input/output error") {
		t.Errorf("the prober's watch says %v\n%s", err, s.log(t))
	}
	if log := s.log(t); strings.Contains(log, secret) {
		t.Errorf("the log has what was said:\n%s", log)
	}
	if got := ask(t, connect(t, cfg, postgres.SuperuserURL), "SELECT string_agg(body, ' ') FROM said"); !strings.HasPrefix(got, "acknowledged") {
		t.Errorf("stored is %q", got)
	}
	s.stop(t)
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// failFlush makes the next fdatasync(2) of the process fail.
func failFlush(t *testing.T, pid int) {
	t.Helper()
	strace := exec.Command("strace", "-p", fmt.Sprint(pid), "-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO:when=1")
	told, err := strace.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := strace.Start(); err != nil {
		t.Fatal(err)
	}
	output := bufio.NewReader(told)
	if line, err := output.ReadString('\n'); !strings.Contains(line, "attached") {
		_ = strace.Wait()
		t.Skipf("strace cannot trace here: %v %s", err, line)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, output)
		_ = strace.Wait() // it goes with the process
	}()
	t.Cleanup(func() {
		_ = strace.Process.Signal(syscall.SIGTERM)
		<-ended
	})
}
