package supervisor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// healthPath is where the health is.
const healthPath = "/v1/health"

// Control serves the supervisor's own API on a unix socket, for its commands and its services:
//
//	GET /v1/health  what the world is told
//	GET /v1/status  the same with what only an operator should see: pid and memory
type Control struct {
	Health HealthReporter
	// Socket is the path of the unix socket; it is made with mode 0600.
	Socket string
}

// OperatorStatus is a service with what only an operator should see.
type OperatorStatus struct {
	Status
	// MemoryBytes is the memory of the main process, its shared pages counted by share (PSS, see proc(5)).
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
}

// StatusReport is the answer to GET /v1/status.
type StatusReport struct {
	Health
	Services []OperatorStatus `json:"services"`
}

// Serve answers until ctx ends. A socket left behind by a process that was killed is replaced.
func (c Control) Serve(ctx context.Context) error {
	if err := os.Remove(c.Socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("control socket: %w", err)
	}
	listener, err := net.Listen("unix", c.Socket)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(c.Socket, 0o600); err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	server := &http.Server{Handler: c.handler(), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

func (c Control) handler() http.Handler {
	routes := http.NewServeMux()
	routes.Handle("GET "+healthPath, c.Health)
	routes.HandleFunc("GET /v1/status", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, c.status())
	})
	return routes
}

func (c Control) status() StatusReport {
	report := StatusReport{Health: c.Health.Report()}
	for _, status := range c.Health.Supervisor.Snapshot().Services {
		report.Services = append(report.Services, OperatorStatus{Status: status, MemoryBytes: memoryOf(status.Pid)})
	}
	return report
}

// memoryOf reads the proportional set size of a process; 0 if it cannot be told.
func memoryOf(pid int) int64 {
	if pid == 0 {
		return 0
	}
	rollup, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(rollup) {
		if value, found := bytes.CutPrefix(line, []byte("Pss:")); found {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(value)), " kB"), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
