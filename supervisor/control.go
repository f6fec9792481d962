package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// healthPath is where the health is.
const healthPath = "/v1/health"

// Control serves the supervisor's own API on a unix socket, for its commands and its services.
type Control struct {
	Health HealthReporter
	// Socket is the path of the unix socket; it is made with mode 0600.
	Socket string
	// Logs and Metrics answer their routes; nil ones are not there.
	Logs, Metrics http.Handler
}

// routes is the whole API.
func (c Control) routes() map[string]http.Handler {
	return map[string]http.Handler{
		// What the world is told, as a HealthReporter says it. With hold=SECONDS the answer is held back until it is news,
		// for so long at most.
		"GET " + healthPath: http.HandlerFunc(c.serveHealth),
		// The same with what only an operator should see, a StatusReport.
		"GET /v1/status": http.HandlerFunc(c.serveStatus),
		// Events, one a line: those after the number `after`; with follow=1 also all that come.
		"GET /v1/events": http.HandlerFunc(c.serveEvents),
		// An action, answered when it is done; a Refusal says why it was not.
		"POST /v1/services/{name}/{action}": http.HandlerFunc(c.serveAction),
		"GET " + LogsPath:                   c.Logs,
		"GET /metrics":                      c.Metrics,
	}
}

// OperatorStatus is a service with what only an operator should see.
type OperatorStatus struct {
	Status
	Usage
}

// StatusReport is the answer to GET /v1/status.
type StatusReport struct {
	Health
	Services []OperatorStatus `json:"services"`
	// Supervisor is what the supervisor itself takes.
	Supervisor Usage `json:"supervisor"`
}

// ListenPrivately opens a unix socket for us alone, in place of one that a process which was killed left behind.
func ListenPrivately(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return listener, os.Chmod(path, 0o600)
}

// Serve answers until ctx ends. Commands that are under way then are still answered.
func (c Control) Serve(ctx context.Context) error {
	listener, err := ListenPrivately(c.Socket)
	if err != nil {
		return fmt.Errorf("control socket: %w", err)
	}
	server := &http.Server{
		Handler:           c.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		ending, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = server.Shutdown(ending)
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	<-stopped
	return nil
}

func (c Control) handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, handler := range c.routes() {
		if handler != nil {
			mux.Handle(pattern, handler)
		}
	}
	return mux
}

func (c Control) serveHealth(w http.ResponseWriter, r *http.Request) {
	hold, err := number(r, "hold")
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	if hold > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), time.Duration(hold)*time.Second)
		defer cancel()
		c.Health.Supervisor.awaitNews(ctx)
	}
	c.Health.ServeHTTP(w, r)
}

func (c Control) serveStatus(w http.ResponseWriter, _ *http.Request) {
	usages := c.Health.Supervisor.Usages()
	report := StatusReport{Health: c.Health.Report(), Supervisor: usages[""]}
	for _, status := range c.Health.Supervisor.Snapshot().Services {
		report.Services = append(report.Services, OperatorStatus{Status: status, Usage: usages[status.Name]})
	}
	writeJSON(w, http.StatusOK, report)
}

func (c Control) serveEvents(w http.ResponseWriter, r *http.Request) {
	after, err := number(r, "after")
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	encoder, follow := json.NewEncoder(w), r.URL.Query().Get("follow") == "1"
	next := func(after int64) []Event {
		if follow {
			return c.Health.Supervisor.Events(r.Context(), after)
		}
		events, _ := c.Health.Supervisor.history.after(after)
		return events
	}
	for {
		events := next(after)
		for _, e := range events {
			if encoder.Encode(e) != nil {
				return
			}
			after = e.Seq
		}
		if !follow || len(events) == 0 || http.NewResponseController(w).Flush() != nil {
			return
		}
	}
}

// number reads a number from the query; none is 0.
func number(r *http.Request, name string) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s=%s: must be a number, 0 or more", name, text)
	}
	return n, nil
}

func (c Control) serveAction(w http.ResponseWriter, r *http.Request) {
	err := c.Health.Supervisor.Do(r.Context(), Action(r.PathValue("action")), r.PathValue("name"))
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, struct{}{})
	case errors.Is(err, ErrUnknownService):
		refuse(w, http.StatusNotFound, err)
	case errors.Is(err, ErrRefused):
		refuse(w, http.StatusConflict, err)
	default:
		refuse(w, http.StatusBadGateway, err)
	}
}

func refuse(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, Refusal{Message: err.Error()})
}
