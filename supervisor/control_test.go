package supervisor

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// controlled runs one service that sleeps, with a control socket, until the test ends.
func controlled(t *testing.T) (*Client, *Supervisor) {
	t.Helper()
	journal := NewJournal(JournalConfig{Services: []string{"sleeper"}})
	s, err := New(Config{
		Logger: slog.New(journal.Handler(slog.DiscardHandler)),
		Services: []Service{{
			Name:  "sleeper",
			Ready: well,
			Command: func() (Command, error) {
				return Command{Path: "/bin/sleep", Args: []string{"sleep", "3600"}}, nil
			},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "control.sock")
	if err := os.WriteFile(socket, nil, 0o600); err != nil { // as left behind by one that was killed
		t.Fatal(err)
	}
	control := Control{Health: HealthReporter{Supervisor: s, Version: "test", Started: time.Now()}, Socket: socket, Logs: journal}
	running, stop := context.WithCancel(context.Background())
	serving, stopServing := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- s.Run(running) }()
	served := make(chan error, 1)
	go func() { served <- control.Serve(serving) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		stopServing()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	await(t, func() error {
		var health Health
		return NewClient(socket).Get(t.Context(), healthPath, &health)
	})
	return NewClient(socket), s
}

func TestControlCarriesOutCommands(t *testing.T) {
	client, s := controlled(t)
	if err := client.Do(t.Context(), ActionStart, "sleeper"); err != nil {
		t.Fatal(err)
	}
	before, _ := s.Snapshot().Find("sleeper")
	if err := client.Do(t.Context(), ActionRestart, "sleeper"); err != nil {
		t.Fatal(err)
	}
	var report StatusReport
	if err := client.Get(t.Context(), "/v1/status", &report); err != nil {
		t.Fatal(err)
	}
	if now := report.Services[0]; now.Pid == before.Pid || now.Pid == 0 || now.State != StateReady || now.Processes != 1 || now.MemoryBytes == 0 {
		t.Errorf("after a restart: %+v", now)
	}
	if report.Supervisor.MemoryBytes == 0 {
		t.Error("the supervisor's own memory is not told")
	}
	if err := client.Do(t.Context(), ActionStop, "sleeper"); err != nil {
		t.Fatal(err)
	}
	if now, _ := s.Snapshot().Find("sleeper"); now.State != StateStopped {
		t.Errorf("after a stop: %+v", now)
	}
	for service, want := range map[string]string{"nobody": `there is no such service: "nobody"`, "../sleeper": "there is no such service"} {
		if err := client.Do(t.Context(), ActionStart, service); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("start %s: %v, want %q", service, err, want)
		}
	}
	if err := client.Do(t.Context(), "dance", "sleeper"); err == nil || !strings.Contains(err.Error(), "none of start, stop and restart") {
		t.Errorf("dance: %v", err)
	}
}

// TestControlFollowsEvents reads the events of a stop as they happen.
func TestControlFollowsEvents(t *testing.T) {
	client, _ := controlled(t)
	body, err := client.Stream(t.Context(), "/v1/events?follow=1")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	events := json.NewDecoder(body)
	next := func() (e Event) {
		t.Helper()
		if err := events.Decode(&e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	for next().To != StateReady {
	}
	if err := client.Do(t.Context(), ActionStop, "sleeper"); err != nil {
		t.Fatal(err)
	}
	if stopping, stopped := next(), next(); stopping.To != StateStopping || stopped.To != StateStopped || stopping.Cause != CauseCommand {
		t.Errorf("events %+v, %+v", stopping, stopped)
	}
	if _, err := client.Stream(t.Context(), "/v1/events?after=soon"); err == nil || !strings.Contains(err.Error(), "must be a number") {
		t.Errorf("after=soon: %v", err)
	}
}

// TestControlHoldsTheHealthBack asks when the health is new, and with a time that is none.
func TestControlHoldsTheHealthBack(t *testing.T) {
	client, _ := controlled(t)
	var health Health
	if err := client.Get(t.Context(), healthPath+"?hold=300", &health); err != nil || health.Status != ConditionHealthy {
		t.Errorf("%+v, %v", health, err)
	}
	if _, err := client.Stream(t.Context(), "/v1/health?hold=-1"); err == nil {
		t.Error("hold=-1 was taken")
	}
}

// FuzzControl sends any request. Each is answered with a status that is meant, and with a reason where it is refused.
func FuzzControl(f *testing.F) {
	f.Add("GET", "/v1/status", "")
	f.Add("GET", "/v1/health?hold=1", "")
	f.Add("POST", "/v1/services/sleeper/restart", "")
	f.Add("POST", "/v1/services/nobody/start", "")
	f.Add("POST", "/v1/services/%2e%2e/stop", "")
	f.Add("GET", "/v1/events", "after=-1&follow=0")
	f.Add("GET", "/v1/logs", "service=sleeper&n=99999999999999999999")
	journal := NewJournal(JournalConfig{Services: []string{"sleeper"}})
	s, err := New(Config{
		Logger:   slog.New(slog.DiscardHandler),
		Services: []Service{{Name: "sleeper", Ready: well, Command: func() (Command, error) { return Command{}, nil }}},
	})
	if err != nil {
		f.Fatal(err)
	}
	close(s.over) // as if it had ended: commands are refused, and never waited for
	control := Control{Health: HealthReporter{Supervisor: s}, Logs: journal}.handler()
	f.Fuzz(func(t *testing.T, method, path, query string) {
		request, err := http.NewRequest(method, "http://supervisor"+path, nil)
		if err != nil || request.Host != "supervisor" {
			return
		}
		request.URL.RawQuery = query
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond) // whoever follows stays
		defer cancel()
		answer := httptest.NewRecorder()
		control.ServeHTTP(answer, request.WithContext(ctx))
		switch answer.Code {
		case http.StatusOK, http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect,
			http.StatusServiceUnavailable, http.StatusMethodNotAllowed:
		case http.StatusBadRequest, http.StatusConflict:
			var refused Refusal
			if json.Unmarshal(answer.Body.Bytes(), &refused) != nil || refused.Message == "" {
				t.Errorf("%s %s?%s is refused with %s", method, path, query, answer.Body)
			}
		case http.StatusNotFound:
		default:
			t.Errorf("%s %s?%s is answered with %d", method, path, query, answer.Code)
		}
	})
}
