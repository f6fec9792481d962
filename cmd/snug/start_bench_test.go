package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"snug/supervisor"
)

// BenchmarkStartAndStop starts the appliance SNUG_BENCH_STARTS times on a cluster that is there, and measures until it
// is healthy; then 100 clients connect, and it is measured until all has ended after SIGTERM.
func BenchmarkStartAndStop(b *testing.B) {
	program, data := buildSnug(b, released("bench")...), dataIn(b)
	r := startBuilt(b, program, data)
	m := r.setUp()
	r.stop()
	var starts, stops durations
	for range amount(b, "SNUG_BENCH_STARTS", 10) {
		begun := time.Now()
		m.r = startBuilt(b, program, data)
		starts = append(starts, time.Since(begun))
		goodbyes := m.sockets(100)
		begun = time.Now()
		m.r.stop()
		stops = append(stops, time.Since(begun))
		if said := goodbyes(); said != 100 {
			b.Errorf("%d of 100 clients were told goodbye", said)
		}
	}
	fmt.Printf("\n%-48s %8s %8s %8s %8s  load %s\n", "ms", "median", "p99", "max", "goal", load())
	fmt.Println(row("start on a cluster that is there, to healthy", starts, 600))
	fmt.Println(row("stop with 100 connected clients", stops, 2000))
	starts.report(b, "start")
	stops.report(b, "stop")
	b.ReportMetric(0, "ns/op")
}

func row(what string, measured durations, goal int) string {
	return fmt.Sprintf("%-48s %8.1f %8.1f %8.1f %8d", what, milliseconds(measured.quantile(0.5)),
		milliseconds(measured.quantile(0.99)), milliseconds(measured.quantile(1)), goal)
}

// sockets connects clients that only listen. What it returns waits for their ends, and counts the goodbyes.
func (m *member) sockets(n int) (goodbyes func() int) {
	m.r.t.Helper()
	said := make(chan bool, n)
	url := "ws" + strings.TrimPrefix(m.r.url, "http") + "/api/ws"
	for range n {
		ws, _, err := websocket.DefaultDialer.Dial(url, http.Header{"Authorization": {"Bearer " + m.token}})
		if err == nil {
			err = ws.WriteJSON(map[string]any{"type": "hello"})
		}
		if err == nil {
			_, err = readFrame(ws) // the welcome
		}
		if err != nil {
			m.r.t.Fatalf("connect a client: %v", err)
		}
		go func() {
			defer ws.Close()
			goodbye := false
			for {
				f, err := readFrame(ws)
				if err != nil {
					said <- goodbye
					return
				}
				goodbye = goodbye || f.Type == "goodbye"
			}
		}()
	}
	return func() (count int) {
		for range n {
			if <-said {
				count++
			}
		}
		return count
	}
}

// BenchmarkReplacement measures the released program as it supervises the real services: from `kill -9` of one to its
// replacement running its program, and to that being ready; and what the supervisor itself takes while nothing happens.
func BenchmarkReplacement(b *testing.B) {
	r := startBuilt(b, buildSnug(b, released("bench")...), dataIn(b))
	run := filepath.Join(filepath.Dir(r.data), "run")
	fmt.Printf("\n%-48s %8s %8s %8s %8s  load %s\n", "from kill -9, ms", "median", "p99", "max", "goal", load())
	for _, service := range []struct {
		name, title, socket, path string
		goal                      int
	}{
		{"chat", "snug child chat", "chat.0.sock", "/ready", 250},
		{"cache", "snug child cache", "", "", 0},
	} {
		var running, ready durations
		for range amount(b, "SNUG_BENCH_KILLS", 20) {
			r.healthy()
			time.Sleep(1200 * time.Millisecond)
			old := r.service(service.name).Pid
			begun := time.Now()
			if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
				b.Fatal(err)
			}
			r.within(10*time.Second, func() error { return r.runsAnew(service.title, old) })
			running = append(running, time.Since(begun))
			check := supervisor.HTTPCheck(filepath.Join(run, service.socket), service.path)
			r.within(10*time.Second, func() error {
				if service.socket != "" {
					return check(context.Background(), supervisor.Process{})
				}
				if now := r.service(service.name); now.State != supervisor.StateReady || now.Pid == old {
					return fmt.Errorf("%s is %s", service.name, now.State)
				}
				return nil
			})
			ready = append(ready, time.Since(begun))
		}
		fmt.Println(row(service.name+" running", running, 50))
		fmt.Println(row(service.name+" ready", ready, service.goal))
		running.report(b, service.name+"-running")
		ready.report(b, service.name+"-ready")
	}
	r.measureIdle(b)
	b.ReportMetric(0, "ns/op")
}

// runsAnew says whether a child of the supervisor other than the old one runs a program already.
func (r *running) runsAnew(title string, old int) error {
	for _, pid := range childrenOf(r.cmd.Process.Pid) {
		if pid != old && titleOf(pid) == title {
			return nil
		}
	}
	return fmt.Errorf("there is no new %s", title)
}

// measureIdle measures the memory and the processor time of the supervisor's own process.
func (r *running) measureIdle(b *testing.B) {
	idle := 20 * time.Second
	if text := os.Getenv("SNUG_BENCH_IDLE"); text != "" {
		var err error
		if idle, err = time.ParseDuration(text); err != nil {
			b.Fatalf("SNUG_BENCH_IDLE: %v", err)
		}
	}
	r.healthy()
	time.Sleep(2 * time.Second)
	var after supervisor.StatusReport
	used := spentBy(r.cmd.Process.Pid)
	time.Sleep(idle)
	used = spentBy(r.cmd.Process.Pid) - used
	if err := r.control().Get(b.Context(), "/v1/status", &after); err != nil {
		b.Fatal(err)
	}
	memory := float64(after.Supervisor.MemoryBytes) / 1e6
	fmt.Printf("supervisor at rest: PSS %.1f MB (goal 12), %.3f%% of a core (goal 0.2), over %s; load %s\n\n", memory, 100*used.Seconds()/idle.Seconds(), idle, load())
	b.ReportMetric(memory, "supervisor-MB")
	b.ReportMetric(100*used.Seconds()/idle.Seconds(), "supervisor-%cpu")
}

// spentBy is the processor time of a process, in nanoseconds' resolution (/proc/PID/schedstat).
func spentBy(pid int) (total time.Duration) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, task := range tasks {
		content, _ := os.ReadFile(task)
		first, _, _ := strings.Cut(string(content), " ")
		nanoseconds, _ := strconv.ParseInt(first, 10, 64)
		total += time.Duration(nanoseconds)
	}
	return total
}
