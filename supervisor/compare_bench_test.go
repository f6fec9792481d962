package supervisor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// answerers are the children that each supervisor in the comparison runs.
var answerers = []string{"a", "b", "c"}

// answer is a child: it answers /ready on a unix socket.
func answer(socket string) {
	listener, err := ListenPrivately(socket)
	if err == nil {
		err = http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ready") }))
	}
	fmt.Println(err)
	os.Exit(1)
}

// superviseAnswerers is this library with its defaults, its probes included, in a process of its own.
func superviseAnswerers(dir string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var table []Service
	for _, name := range answerers {
		socket := filepath.Join(dir, name+".sock")
		table = append(table, Service{
			Name:  name,
			Ready: HTTPCheck(socket, "/ready"),
			Live:  HTTPCheck(socket, "/ready"),
			Command: func() (Command, error) {
				return Command{Path: "/proc/self/exe", Args: []string{"answer", socket}, Env: []string{roleVariable + "=answer " + socket}}, nil
			},
		})
	}
	s, err := New(Config{Services: table, Logger: slog.New(slog.NewTextHandler(os.Stdout, nil))})
	if err == nil {
		err = s.Run(ctx)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// contestant is a supervisor that runs the answerers at its defaults.
type contestant struct {
	name string
	// command makes its configuration in a folder and returns how it is run; its program is asked for by needs.
	command func(b *testing.B, dir string) *exec.Cmd
	needs   string

	dir            string
	cmd            *exec.Cmd
	running, ready []time.Duration
	pss            int64
	cpu            time.Duration
}

func contestants() []*contestant {
	return []*contestant{
		{name: "snug", needs: os.Args[0], command: func(_ *testing.B, dir string) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), roleVariable+"=supervise-answerers "+dir)
			return cmd
		}},
		{name: "s6", needs: "s6-svscan", command: func(b *testing.B, dir string) *exec.Cmd {
			for _, name := range answerers {
				socket := filepath.Join(dir, name+".sock")
				script := fmt.Sprintf("#!/bin/sh\nexport %s='answer %s'\nexec %s answer %s\n", roleVariable, socket, os.Args[0], socket)
				writeFile(b, filepath.Join(dir, "scan", name, "run"), script, 0o755)
			}
			return exec.Command("s6-svscan", filepath.Join(dir, "scan"))
		}},
		{name: "supervisord", needs: "supervisord", command: func(b *testing.B, dir string) *exec.Cmd {
			text := fmt.Sprintf("[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile=%[1]s/pid\nchildlogdir=%[1]s\n", dir)
			for _, name := range answerers {
				socket := filepath.Join(dir, name+".sock")
				text += fmt.Sprintf("[program:%s]\ncommand=%s answer %s\nenvironment=%s=\"answer %s\"\n", name, os.Args[0], socket, roleVariable, socket)
			}
			writeFile(b, filepath.Join(dir, "conf"), text, 0o644)
			return exec.Command("supervisord", "-c", filepath.Join(dir, "conf"))
		}},
	}
}

func writeFile(b *testing.B, path, content string, mode os.FileMode) {
	b.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		b.Fatal(err)
	}
}

// start runs it until the benchmark ends, and returns when all of its children answer.
func (c *contestant) start(b *testing.B) {
	b.Helper()
	dir, err := os.MkdirTemp("", "compare") // a path short enough for sockets
	if err != nil {
		b.Fatal(err)
	}
	c.dir, c.cmd = dir, c.command(b, dir)
	if err := c.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		_ = c.cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	for _, name := range answerers {
		awaitOften(b, func() bool { return c.child(name) != 0 && c.answers(name) })
	}
}

// supervising are the processes that supervise: s6 has one for each service besides the one above them.
func (c *contestant) supervising() []int {
	pids := []int{c.cmd.Process.Pid}
	if c.name == "s6" {
		pids = append(pids, childrenOf(c.cmd.Process.Pid)...)
	}
	return pids
}

func childrenOf(pid int) (pids []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		content, _ := os.ReadFile(task)
		for field := range strings.FieldsSeq(string(content)) {
			child, _ := strconv.Atoi(field)
			pids = append(pids, child)
		}
	}
	return pids
}

// child is the process of a service that runs its program already, or 0.
func (c *contestant) child(name string) int {
	argument := []byte("answer\x00" + filepath.Join(c.dir, name+".sock") + "\x00")
	for _, parent := range c.supervising() {
		for _, pid := range childrenOf(parent) {
			if cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); bytes.HasSuffix(cmdline, argument) {
				return pid
			}
		}
	}
	return 0
}

// answers asks a child over a new connection.
func (c *contestant) answers(name string) bool {
	conn, err := net.Dial("unix", filepath.Join(c.dir, name+".sock"))
	if err != nil {
		return false
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /ready HTTP/1.0\r\n\r\n")
	head := make([]byte, len("HTTP/1.0 200"))
	_, err = io.ReadFull(conn, head)
	return err == nil && string(head) == "HTTP/1.0 200"
}

// replace kills a child, and measures until its replacement runs its program, and until that answers.
func (c *contestant) replace(b *testing.B, name string) {
	old := c.child(name)
	begun := time.Now()
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		b.Fatal(err)
	}
	awaitOften(b, func() bool { now := c.child(name); return now != 0 && now != old })
	c.running = append(c.running, time.Since(begun))
	awaitOften(b, func() bool { return c.answers(name) })
	c.ready = append(c.ready, time.Since(begun))
}

func awaitOften(b *testing.B, check func() bool) {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); !check(); time.Sleep(500 * time.Microsecond) {
		if time.Now().After(deadline) {
			b.Fatal("not within 30 s")
		}
	}
}

// spent is the processor time of the processes that supervise, in nanoseconds' resolution (/proc/PID/schedstat).
func (c *contestant) spent() (total time.Duration) {
	for _, pid := range c.supervising() {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, task := range tasks {
			content, _ := os.ReadFile(task)
			first, _, _ := strings.Cut(string(content), " ")
			nanoseconds, _ := strconv.ParseInt(first, 10, 64)
			total += time.Duration(nanoseconds)
		}
	}
	return total
}

func (c *contestant) rest() {
	for _, pid := range c.supervising() {
		c.pss += memoryOf(pid)
	}
}

// BenchmarkSideBySide runs the same three children under this library, s6 and supervisord, each at its defaults, in one
// run and in turns. SNUG_BENCH_ROUNDS kills of each are measured, and an idle time of SNUG_BENCH_IDLE.
func BenchmarkSideBySide(b *testing.B) {
	rounds, idle := 20, 20*time.Second
	if text := os.Getenv("SNUG_BENCH_ROUNDS"); text != "" {
		rounds, _ = strconv.Atoi(text)
	}
	if text := os.Getenv("SNUG_BENCH_IDLE"); text != "" {
		idle, _ = time.ParseDuration(text)
	}
	if rounds < 1 || idle <= 0 {
		b.Fatal("SNUG_BENCH_ROUNDS must be a number, SNUG_BENCH_IDLE a duration such as 20s")
	}
	var field []*contestant
	for _, c := range contestants() {
		if _, err := exec.LookPath(c.needs); err != nil {
			fmt.Printf("%s is not installed, and left out\n", c.needs)
			continue
		}
		c.start(b)
		field = append(field, c)
	}
	time.Sleep(2 * time.Second) // all have been well for a while
	for round := range rounds {
		for _, i := range rand.Perm(len(field)) {
			field[i].replace(b, answerers[round%len(answerers)])
		}
	}
	time.Sleep(2 * time.Second)
	before := map[*contestant]time.Duration{}
	for _, c := range field {
		before[c] = c.spent()
	}
	time.Sleep(idle)
	for _, c := range field {
		c.cpu = c.spent() - before[c]
		c.rest()
	}
	tell(b, field, idle)
}

func tell(b *testing.B, field []*contestant, idle time.Duration) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Printf("\n%-12s %22s %7s %22s %7s %8s %9s   load %s", "kill -9 →", "running, ms: p50, p99", "ratio", "ready, ms: p50, p99", "ratio", "PSS, MB", "idle CPU", load)
	ours := field[0]
	for _, c := range field {
		running, ready := quantile(c.running, 0.5), quantile(c.ready, 0.5)
		fmt.Printf("%-12s %11.1f %10.1f %7.1f %11.1f %10.1f %7.1f %8.1f %8.3f%%\n", c.name,
			ms(running), ms(quantile(c.running, 0.99)), ms(running)/ms(quantile(ours.running, 0.5)),
			ms(ready), ms(quantile(c.ready, 0.99)), ms(ready)/ms(quantile(ours.ready, 0.5)),
			float64(c.pss)/1e6, 100*c.cpu.Seconds()/idle.Seconds())
		b.ReportMetric(ms(running), c.name+"-running-ms")
		b.ReportMetric(ms(ready), c.name+"-ready-ms")
		b.ReportMetric(float64(c.pss)/1e6, c.name+"-MB")
	}
	fmt.Println()
	b.ReportMetric(0, "ns/op")
}

// quantile is by nearest rank.
func quantile(measured []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(measured))
	return sorted[max(0, min(len(sorted)-1, int(q*float64(len(sorted))+0.999999)-1))]
}
