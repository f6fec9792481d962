package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"snug/supervisor"
)

// buildSnug builds the program as it is released, in a folder of its own: what is measured is not the test's binary.
func buildSnug(t testing.TB, flags ...string) string {
	t.Helper()
	program := filepath.Join(filepath.Dir(dataIn(t)), "snug")
	build := exec.Command("go", append([]string{"build", "-trimpath", "-o", program}, flags...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build snug: %v\n%s", err, out)
	}
	return program
}

// released are the flags of a release.
func released(version string) []string {
	return []string{"-ldflags", "-s -w -X main.version=" + version}
}

// startBuilt runs the appliance in the built program until the test ends, and returns when it is healthy.
func startBuilt(t testing.TB, program, data string, environ ...string) *running {
	t.Helper()
	r := launchProgram(t, program, data, environ...)
	r.awaitAddress()
	r.healthy()
	return r
}

func (r *running) control() *supervisor.Client {
	return supervisor.NewClient(filepath.Join(filepath.Dir(r.data), "run", "control.sock"))
}

// service is the status of a service, asked for without a process of its own.
func (r *running) service(name string) supervisor.OperatorStatus {
	r.t.Helper()
	var report supervisor.StatusReport
	r.within(5*time.Second, func() error { return r.control().Get(context.Background(), "/v1/status", &report) })
	i := slices.IndexFunc(report.Services, func(s supervisor.OperatorStatus) bool { return s.Name == name })
	if i < 0 {
		r.t.Fatalf("no service %s", name)
	}
	return report.Services[i]
}

// eventsAfter are the supervisor's events from a number on.
func (r *running) eventsAfter(seq int64) (events []supervisor.Event) {
	body, err := r.control().Stream(context.Background(), fmt.Sprintf("/v1/events?after=%d", seq))
	if err != nil {
		r.t.Fatal(err)
	}
	defer body.Close()
	for lines := bufio.NewScanner(body); lines.Scan(); {
		var e supervisor.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			r.t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

// childrenOf are the living children of a process.
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

// titleOf is the command line of a process; PostgreSQL's processes tell there what they are.
func titleOf(pid int) string {
	cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.TrimRight(strings.ReplaceAll(string(cmdline), "\x00", " "), " ")
}

// amount is how often something is to be done: a variable, so that a full run needs no change of the code.
func amount(b *testing.B, variable string, usually int) int {
	b.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usually
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("%s=%q: must be a number, 1 or more", variable, text)
	}
	return n
}

// load is what else the machine has to do, to be read with the figures.
func load() string {
	content, _ := os.ReadFile("/proc/loadavg")
	return strings.TrimSpace(string(content))
}

// durations are measurements of one kind.
type durations []time.Duration

// quantile is by nearest rank: of 20 measurements the 0.99 quantile is the largest.
func (d durations) quantile(q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(d))
	return sorted[max(0, min(len(sorted)-1, int(q*float64(len(sorted))+0.999999)-1))]
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// report gives the quantiles to the benchmark's own line.
func (d durations) report(b *testing.B, what string) {
	b.ReportMetric(milliseconds(d.quantile(0.5)), what+"-p50-ms")
	b.ReportMetric(milliseconds(d.quantile(0.99)), what+"-p99-ms")
	b.ReportMetric(milliseconds(d.quantile(1)), what+"-max-ms")
}
