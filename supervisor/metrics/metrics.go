// Package metrics tells Prometheus how the services of a supervisor are. It is apart from the supervisor, so that a
// program without metrics does not carry Prometheus's library.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"snug/supervisor"
)

// Collector reads a supervisor whenever it is asked. Each name begins with the namespace.
type Collector struct {
	supervisor *supervisor.Supervisor

	state, required, restarts, startSeconds, checkOK, checkSeconds *prometheus.Desc
	processes, memory, cpu, droppedLines, condition                *prometheus.Desc
}

// Config is what a [Collector] is made of.
type Config struct {
	Supervisor *supervisor.Supervisor
	// Namespace is what each metric's name begins with.
	Namespace string
}

// states are all, so that each is told as 0 or 1.
var states = []supervisor.State{
	supervisor.StateWaiting, supervisor.StateStarting, supervisor.StateReady, supervisor.StateUnhealthy, supervisor.StateStopping,
	supervisor.StateBackoff, supervisor.StateFailed, supervisor.StateDone, supervisor.StateStopped, supervisor.StateExternal,
}

var causes = []supervisor.Cause{
	supervisor.CauseCrash, supervisor.CauseExit, supervisor.CauseLaunch, supervisor.CauseLiveness,
	supervisor.CauseStartTimeout, supervisor.CauseCommand,
}

var conditions = []supervisor.Condition{
	supervisor.ConditionStarting, supervisor.ConditionHealthy, supervisor.ConditionDegraded,
	supervisor.ConditionUnhealthy, supervisor.ConditionStopping,
}

// New makes a collector.
func New(config Config) *Collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(config.Namespace+"_"+name, help, labels, nil)
	}
	return &Collector{
		supervisor:   config.Supervisor,
		state:        desc("service_state", "1 for the state that the service is in, 0 for the others.", "service", "state"),
		required:     desc("service_required", "1 if the whole is unhealthy without the service.", "service"),
		restarts:     desc("service_restarts_total", "Starts after the first, by what made them necessary.", "service", "cause"),
		startSeconds: desc("service_start_seconds", "From the latest launch until it was ready.", "service"),
		checkOK:      desc("service_check_ok", "1 if the latest probe succeeded.", "service"),
		checkSeconds: desc("service_check_seconds", "How long the latest probe took.", "service"),
		processes:    desc("service_processes", "Processes of the service.", "service"),
		memory:       desc("service_memory_bytes", "Memory of all processes of the service (PSS).", "service"),
		cpu:          desc("service_cpu_seconds_total", "Processor time of all processes of the service since its start.", "service"),
		droppedLines: desc("service_log_lines_dropped_total", "Lines that the service printed too fast to be kept.", "service"),
		condition:    desc("condition", "1 for the condition that all services together are in, 0 for the others.", "condition"),
	}
}

// Handler answers with the metrics of a supervisor's services, as Prometheus's text.
func Handler(config Config) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(New(config))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// Describe is part of [prometheus.Collector].
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) {
	prometheus.DescribeByCollect(c, descriptions)
}

// Collect is part of [prometheus.Collector].
func (c *Collector) Collect(metrics chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	counter := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
	}
	snapshot, usages := c.supervisor.Snapshot(), c.supervisor.Usages()
	for _, condition := range conditions {
		gauge(c.condition, truth(snapshot.Condition == condition), string(condition))
	}
	for _, service := range snapshot.Services {
		for _, state := range states {
			gauge(c.state, truth(service.State == state), service.Name, string(state))
		}
		for _, cause := range causes {
			counter(c.restarts, float64(service.RestartsBy[cause]), service.Name, string(cause))
		}
		gauge(c.required, truth(service.Required), service.Name)
		gauge(c.startSeconds, float64(service.StartMS)/1000, service.Name)
		gauge(c.checkOK, truth(service.Check.OK), service.Name)
		gauge(c.checkSeconds, service.Check.LatencyMS/1000, service.Name)
		usage := usages[service.Name]
		gauge(c.processes, float64(usage.Processes), service.Name)
		gauge(c.memory, float64(usage.MemoryBytes), service.Name)
		counter(c.cpu, usage.CPUSeconds, service.Name)
	}
	for service, lines := range c.supervisor.DroppedLines() {
		counter(c.droppedLines, float64(lines), service)
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
