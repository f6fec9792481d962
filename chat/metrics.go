package chat

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"snug/store"
)

// Metrics says who may read GET /metrics. The zero value is nobody: then there is nothing at that address.
type Metrics struct {
	Public bool   // everybody
	Token  string // who sends it as "Authorization: Bearer TOKEN"
}

// MetricsNeedToken is what those are told who did not send the token.
const MetricsNeedToken = `Send the token of the metrics as "Authorization: Bearer TOKEN".`

// Status is what a request with such an Authorization header is answered: 200, 401, or 404 where nobody may read them.
func (m Metrics) Status(authorization string) int {
	switch {
	case m.Public:
		return http.StatusOK
	case m.Token == "":
		return http.StatusNotFound
	case subtle.ConstantTimeCompare([]byte(bearerToken(authorization)), []byte(m.Token)) != 1:
		return http.StatusUnauthorized
	}
	return http.StatusOK
}

// metrics counts what this server does. Labels are of what the program knows beforehand: never of what users say.
type metrics struct {
	registry *prometheus.Registry
	routes   map[string]bool // by fiber's form of the path

	requests *prometheus.HistogramVec
	sockets  prometheus.Gauge
	slow     prometheus.Counter
	acked    prometheus.Counter
	refused  *prometheus.CounterVec
	batches  prometheus.Histogram
}

func newMetrics(database *store.Store, waiting func() int) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		routes:   map[string]bool{},
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "snug_http_request_duration_seconds", Help: "Time to answer HTTP requests, by route and class of status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"method", "route", "status"}),
		sockets: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "snug_websockets_open", Help: "WebSockets that are open."}),
		slow: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "snug_websockets_too_slow_total", Help: "WebSockets that were closed because they read too slowly."}),
		acked: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "snug_messages_acknowledged_total", Help: "Sends that were acknowledged."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "snug_message_errors_total", Help: "Sends that were answered with an error, by its code."}, []string{"code"}),
		batches: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "snug_writer_batch_messages", Help: "New messages in one commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 10)}),
	}
	for _, r := range routes() {
		m.routes[r.pattern()] = true
	}
	m.registry.MustRegister(m.requests, m.sockets, m.slow, m.acked, m.refused, m.batches, poolCollector{database},
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "snug_writer_queue_messages", Help: "Sends that wait to be stored."},
			func() float64 { return float64(waiting()) }))
	// The supervisor has a Go runtime of its own to tell of.
	prometheus.WrapRegistererWith(prometheus.Labels{"service": "chat"}, m.registry).MustRegister(
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// sent counts a send by its outcome.
func (m *metrics) sent(err error) {
	var p *Problem
	switch {
	case err == nil:
		m.acked.Inc()
	case errors.As(err, &p):
		m.refused.WithLabelValues(string(p.Detail.Code)).Inc()
	default:
		m.refused.WithLabelValues(string(store.CodeOf(err))).Inc()
	}
}

// measure times a request. Errors are answered here, so that their status is known.
func (s *Server) measure(c *fiber.Ctx) error {
	begin := time.Now()
	err := c.Next()
	if err != nil {
		err = s.writeError(c, err)
	}
	route := c.Route().Path
	switch {
	case s.metrics.routes[route]:
	case isAPI(c.Path()):
		route = "other"
	default:
		route = "site"
	}
	class := fmt.Sprintf("%dxx", c.Response().StatusCode()/100)
	s.metrics.requests.WithLabelValues(c.Method(), route, class).Observe(time.Since(begin).Seconds())
	return err
}

// showMetrics answers in Prometheus's text format: the supervisor's metrics, if it tells them, and our own.
func (s *Server) showMetrics(c *fiber.Ctx) error {
	switch s.cfg.Metrics.Status(c.Get(fiber.HeaderAuthorization)) {
	case http.StatusNotFound:
		return fiber.ErrNotFound
	case http.StatusUnauthorized:
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer")
		return newProblem(store.Unauthenticated, MetricsNeedToken)
	}
	text, err := s.metrics.text(s.supervisorMetrics(c.UserContext()))
	if err != nil {
		return fmt.Errorf("gather metrics: %w", err)
	}
	c.Set(fiber.HeaderContentType, string(metricsFormat))
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Send(text)
}

var metricsFormat = expfmt.NewFormat(expfmt.TypeTextPlain)

// supervisorMetrics asks for the metrics of the services.
func (s *Server) supervisorMetrics(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	answer, err := s.control.call(ctx, http.MethodGet, "/metrics")
	if err != nil {
		return nil, err
	}
	if answer.status != http.StatusOK {
		return nil, fmt.Errorf("the supervisor answered %d", answer.status)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(bytes.NewReader(answer.body))
}

// text is the supervisor's metrics with ours. A family that both have, as of the Go runtime, is told once.
func (m *metrics) text(families map[string]*dto.MetricFamily, missing error) ([]byte, error) {
	own, err := m.registry.Gather()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	up := 1
	if missing != nil {
		families, up = map[string]*dto.MetricFamily{}, 0
		reason := strings.Join(strings.Fields(missing.Error()), " ")
		fmt.Fprintf(&out, "# The supervisor's metrics are missing: %s\n", reason)
	}
	fmt.Fprintf(&out, "# HELP snug_supervisor_up Whether the supervisor tells its metrics.\n# TYPE snug_supervisor_up gauge\nsnug_supervisor_up %d\n", up)
	for _, family := range own {
		if theirs := families[family.GetName()]; theirs != nil && theirs.GetType() == family.GetType() {
			family.Metric = append(theirs.Metric, family.Metric...)
		}
		families[family.GetName()] = family
	}
	delete(families, "snug_supervisor_up")
	encoder := expfmt.NewEncoder(&out, metricsFormat)
	for _, name := range slices.Sorted(maps.Keys(families)) {
		if err := encoder.Encode(families[name]); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), nil
}

// poolCollector tells of the connections to the database.
type poolCollector struct{ store *store.Store }

var (
	poolConnections = prometheus.NewDesc("snug_database_connections", "Connections to the database, by what they do.", []string{"state"}, nil)
	poolLimit       = prometheus.NewDesc("snug_database_connections_max", "Most connections to the database at once.", nil, nil)
	poolWaits       = prometheus.NewDesc("snug_database_waits_total", "Queries that had to wait for a connection.", nil, nil)
	poolWaited      = prometheus.NewDesc("snug_database_wait_seconds_total", "Time that queries waited for a connection.", nil, nil)
)

// Describe is Prometheus's.
func (p poolCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{poolConnections, poolLimit, poolWaits, poolWaited} {
		to <- d
	}
}

// Collect is Prometheus's.
func (p poolCollector) Collect(to chan<- prometheus.Metric) {
	stat := p.store.PoolStat()
	gauge := func(d *prometheus.Desc, value int32, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	gauge(poolConnections, stat.AcquiredConns(), "busy")
	gauge(poolConnections, stat.IdleConns(), "idle")
	gauge(poolConnections, stat.ConstructingConns(), "connecting")
	gauge(poolLimit, stat.MaxConns())
	to <- prometheus.MustNewConstMetric(poolWaits, prometheus.CounterValue, float64(stat.EmptyAcquireCount()))
	to <- prometheus.MustNewConstMetric(poolWaited, prometheus.CounterValue, stat.EmptyAcquireWaitTime().Seconds())
}
