package metrics

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"snug/supervisor"
)

// TestMetricsOfRealProcesses runs one service that stays and one task that fails, and reads what is told of them.
func TestMetricsOfRealProcesses(t *testing.T) {
	s := run(t, []supervisor.Service{
		{Name: "sleeper", Required: true, Command: program("/bin/sleep", "3600"), Ready: well, Live: well},
		{Name: "failer", Kind: supervisor.Task, Command: program("/bin/false"), Restart: supervisor.Restart{Min: time.Millisecond, Burst: 3}},
	})
	for snapshot := range s.Watch(t.Context()) {
		sleeper, _ := snapshot.Find("sleeper")
		failer, _ := snapshot.Find("failer")
		if sleeper.State == supervisor.StateReady && failer.State == supervisor.StateFailed {
			break
		}
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(New(Config{
		Supervisor: s,
		Namespace:  "test",
	}))
	if problems, err := testutil.GatherAndLint(registry); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
	want := `
		# HELP test_service_restarts_total Starts after the first, by what made them necessary.
		# TYPE test_service_restarts_total counter
		test_service_restarts_total{cause="command",service="failer"} 0
		test_service_restarts_total{cause="command",service="sleeper"} 0
		test_service_restarts_total{cause="crash",service="failer"} 2
		test_service_restarts_total{cause="crash",service="sleeper"} 0
		test_service_restarts_total{cause="exit",service="failer"} 0
		test_service_restarts_total{cause="exit",service="sleeper"} 0
		test_service_restarts_total{cause="launch",service="failer"} 0
		test_service_restarts_total{cause="launch",service="sleeper"} 0
		test_service_restarts_total{cause="liveness",service="failer"} 0
		test_service_restarts_total{cause="liveness",service="sleeper"} 0
		test_service_restarts_total{cause="start-timeout",service="failer"} 0
		test_service_restarts_total{cause="start-timeout",service="sleeper"} 0
		# HELP test_service_processes Processes of the service.
		# TYPE test_service_processes gauge
		test_service_processes{service="failer"} 0
		test_service_processes{service="sleeper"} 1
		# HELP test_service_log_lines_dropped_total Lines that the service printed too fast to be kept.
		# TYPE test_service_log_lines_dropped_total counter
		test_service_log_lines_dropped_total{service="failer"} 0
		test_service_log_lines_dropped_total{service="sleeper"} 0
	`
	err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"test_service_restarts_total", "test_service_processes", "test_service_log_lines_dropped_total")
	if err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(registry, "test_service_state"); n != 20 || err != nil {
		t.Errorf("%d states told, %v", n, err)
	}
}

var well = supervisor.FuncCheck(func(context.Context) error { return nil })

func program(path string, args ...string) func() (supervisor.Command, error) {
	return func() (supervisor.Command, error) {
		return supervisor.Command{Path: path, Args: append([]string{path}, args...)}, nil
	}
}

// run supervises until the test ends.
func run(t *testing.T, services []supervisor.Service) *supervisor.Supervisor {
	t.Helper()
	s, err := supervisor.New(supervisor.Config{Logger: slog.New(slog.DiscardHandler), Services: services})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}
