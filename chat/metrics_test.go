package chat_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"snug/chat"
	"snug/chat/chattest"
)

const metricsToken = "0123456789abcdef"

// withMetrics is New for a server whose metrics may be read so.
func withMetrics(access chat.Metrics) func(chat.Config) (*chat.Server, error) {
	return func(cfg chat.Config) (*chat.Server, error) {
		cfg.Metrics = access
		return chat.New(cfg)
	}
}

// scrape reads the metrics as Prometheus does, and returns the values by name and labels.
func scrape(t *testing.T, s *chattest.Server) map[string]float64 {
	t.Helper()
	a := call(t, "GET", s.URL+"/metrics", nil, "Authorization", "Bearer "+metricsToken).want(http.StatusOK)
	if got := a.header.Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
		t.Errorf("Content-Type %q", got)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(a.body)))
	if err != nil {
		t.Fatalf("%v:\n%s", err, a.body)
	}
	values := map[string]float64{}
	for name, family := range families {
		for _, m := range family.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			key := strings.TrimSpace(name + " " + strings.Join(labels, " "))
			values[key] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func TestMetricsCountWhatHappens(t *testing.T) {
	socket := supervisor(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, "# TYPE go_goroutines gauge\ngo_goroutines{service=\"supervisor\"} 5\n# TYPE snug_service_up gauge\nsnug_service_up{service=\"cache\"} 1\n")
	})
	s := chattest.Start(t, chattest.Options{ControlSocket: socket, New: withMetrics(chat.Metrics{Token: metricsToken})})
	ada := setUp(t, s)
	general := ada.general()
	at, _ := ada.open(nil)
	at.next("resumed")
	ada.send(general, "over HTTP")
	at.send(sendFrame(general, "over the socket"))
	at.next("ack")
	ada.call("POST", fmt.Sprintf("/api/channels/%s/messages", uuid.New()), object{"client_id": uuid.New(), "body": "nowhere"}).want(404)
	for _, odd := range []string{"/api/none-" + uuid.NewString(), "/none-" + uuid.NewString()} {
		call(t, "GET", s.URL+odd, nil).want(404)
	}
	got := scrape(t, s)
	for key, want := range map[string]float64{
		"snug_supervisor_up":                       1,
		"snug_service_up service=cache":            1,
		"go_goroutines service=supervisor":         5,
		"snug_websockets_open":                     1,
		"snug_messages_acknowledged_total":         2,
		"snug_message_errors_total code=not_found": 1,
		"snug_writer_batch_messages":               2,
		"snug_writer_queue_messages":               0,
		"snug_websockets_too_slow_total":           0,
		"snug_database_connections_max":            8,
		"snug_http_request_duration_seconds method=POST route=/api/channels/:id/messages status=2xx": 1,
		"snug_http_request_duration_seconds method=POST route=/api/channels/:id/messages status=4xx": 1,
		"snug_http_request_duration_seconds method=GET route=/api/ws status=1xx":                     1,
		"snug_http_request_duration_seconds method=GET route=other status=4xx":                       1,
		"snug_http_request_duration_seconds method=GET route=site status=4xx":                        1,
	} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s is %v (%t), want %v", key, value, ok, want)
		}
	}
	for _, key := range []string{"go_goroutines service=chat", "process_open_fds service=chat", "snug_database_connections state=idle"} {
		if got[key] <= 0 {
			t.Errorf("%s is %v", key, got[key])
		}
	}
	if t.Failed() {
		t.Logf("%v", got)
	}
}

func TestMetricsWithoutASupervisor(t *testing.T) {
	for name, socket := range map[string]string{
		"none":     "",
		"nonsense": supervisor(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") }),
		"hangs":    supervisor(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
	} {
		t.Run(name, func(t *testing.T) {
			s := chattest.Start(t, chattest.Options{ControlSocket: socket, New: withMetrics(chat.Metrics{Token: metricsToken})})
			begin := time.Now()
			got := scrape(t, s)
			if up, ok := got["snug_supervisor_up"]; !ok || up != 0 || got["go_goroutines service=chat"] <= 0 {
				t.Errorf("%v", got)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestMetricsAreForThoseWhoMay(t *testing.T) {
	url := chattest.Database(t)
	start := func(access chat.Metrics) string {
		return chattest.Start(t, chattest.Options{DatabaseURL: url, New: withMetrics(access)}).URL + "/metrics"
	}
	call(t, "GET", start(chat.Metrics{}), nil, "Authorization", "Bearer ").refused(404, "not_found")
	call(t, "GET", start(chat.Metrics{Public: true}), nil).want(200)
	guarded := start(chat.Metrics{Token: metricsToken})
	for _, wrong := range [][]string{nil, {"Authorization", "Bearer x"}, {"Authorization", "Bearer"}, {"Cookie", "snug_session=" + metricsToken}} {
		call(t, "GET", guarded, nil, wrong...).refused(401, "unauthenticated")
	}
}
