package supervisor

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// Health is what the world is told of all services together.
type Health struct {
	Status        Condition `json:"status"`
	Timestamp     time.Time `json:"timestamp"`
	Version       string    `json:"version"`
	UptimeSeconds int64     `json:"uptime_seconds"`
	Services      []Status  `json:"services"`
}

// HealthReporter makes the health out of the present state.
type HealthReporter struct {
	Supervisor *Supervisor
	Version    string
	Started    time.Time
}

// Report is the health now. What only an operator should see of a service, its pid, is left out of it.
func (h HealthReporter) Report() Health {
	now := time.Now()
	snapshot := h.Supervisor.Snapshot()
	services := slices.Clone(snapshot.Services)
	for i := range services {
		services[i].Pid = 0
	}
	return Health{
		Status:        snapshot.Condition,
		Timestamp:     now.UTC(),
		Version:       h.Version,
		UptimeSeconds: int64(now.Sub(h.Started).Seconds()),
		Services:      services,
	}
}

// ServeHTTP answers 200 while the whole works, be it degraded, and 503 otherwise.
func (h HealthReporter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	health := h.Report()
	status := http.StatusOK
	if health.Status != ConditionHealthy && health.Status != ConditionDegraded {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, health)
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone if this fails
}
