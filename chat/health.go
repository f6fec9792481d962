package chat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

// The health is answered within a second, whatever hangs: the supervisor's answer within the first of these, or else
// our own within the second.
const (
	relayTimeout = 400 * time.Millisecond
	checkTimeout = 300 * time.Millisecond
	healthMaxAge = 200 * time.Millisecond // an answer is good for so long, so that a flood of questions stays cheap
)

// healthReporter answers GET /api/health: with the supervisor's report on all services, and with this server's own
// observations when there is no supervisor to ask.
type healthReporter struct {
	server *Server

	mu     sync.Mutex // held while asking: those who ask meanwhile share the answer
	last   controlAnswer
	lastAt time.Time
}

func (s *Server) getHealth(c *fiber.Ctx) error {
	answer := s.health.answer()
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Status(answer.status).Send(answer.body)
}

func (h *healthReporter) answer() controlAnswer {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.lastAt) < healthMaxAge {
		return h.last
	}
	answer, err := h.relay()
	if err != nil {
		if !errors.Is(err, errNoSupervisor) {
			h.server.log.Warn("supervisor does not tell the health", "error", err)
		}
		answer = h.observe()
	}
	h.last, h.lastAt = answer, time.Now()
	return answer
}

// relay asks the supervisor, which knows of all services.
func (h *healthReporter) relay() (controlAnswer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), relayTimeout)
	defer cancel()
	answer, err := h.server.control.call(ctx, http.MethodGet, "/v1/health")
	if err == nil && !json.Valid(answer.body) {
		err = errors.New("the answer is not JSON")
	}
	return answer, err
}

// The report's form is the same as the supervisor's, with what this server can see.
type (
	healthReport struct {
		Status    string          `json:"status"`
		Timestamp time.Time       `json:"timestamp"`
		Version   string          `json:"version"`
		Uptime    int64           `json:"uptime_seconds"`
		Services  []serviceHealth `json:"services"`
	}
	serviceHealth struct {
		Name     string      `json:"name"`
		State    string      `json:"state"`
		Since    *time.Time  `json:"since"` // null: not known here
		Restarts int         `json:"restarts"`
		Required bool        `json:"required"`
		Check    healthCheck `json:"check"`
		LastExit *struct{}   `json:"last_exit"`
	}
	healthCheck struct {
		OK        bool      `json:"ok"`
		LatencyMS float64   `json:"latency_ms"`
		At        time.Time `json:"at"`
		Error     string    `json:"error"`
	}
)

// observe reports what this server sees of itself, the database and the cache.
func (h *healthReporter) observe() controlAnswer {
	s := h.server
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	services := make([]serviceHealth, 2)
	var wait sync.WaitGroup
	wait.Go(func() { services[0] = checkService(ctx, "postgres", true, s.store.Ping) })
	wait.Go(func() { services[1] = checkService(ctx, "cache", false, s.cfg.Cache.Check) })
	wait.Wait()
	now := time.Now().UTC()
	started := s.started.UTC()
	services = append(services, serviceHealth{Name: "chat", State: "ready", Since: &started, Required: true,
		Check: healthCheck{OK: true, At: now}})

	report := healthReport{Status: "healthy", Timestamp: now, Version: s.cfg.Version,
		Uptime: int64(time.Since(s.started).Seconds()), Services: services}
	status := http.StatusOK
	switch {
	case !services[0].Check.OK:
		report.Status, status = "unhealthy", http.StatusServiceUnavailable
	case s.ready.get() != "":
		report.Status, status = "stopping", http.StatusServiceUnavailable
	case !services[1].Check.OK:
		report.Status = "degraded"
	}
	body, err := json.Marshal(report)
	if err != nil {
		panic(err) // the report has nothing in it that JSON cannot say
	}
	return controlAnswer{status: status, body: body}
}

func checkService(ctx context.Context, name string, required bool, check func(context.Context) error) serviceHealth {
	begin := time.Now()
	err := check(ctx)
	service := serviceHealth{Name: name, State: "ready", Required: required, Check: healthCheck{
		OK: err == nil, LatencyMS: float64(time.Since(begin).Microseconds()) / 1000, At: time.Now().UTC(),
	}}
	if err != nil {
		service.State, service.Check.Error = "unhealthy", "does not answer" // the log has the details
		return service
	}
	return service
}
