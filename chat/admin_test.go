package chat_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"snug/chat/chattest"
)

type restarted struct {
	Service string
	Done    bool
}

func TestAdminIsTheSupervisors(t *testing.T) {
	const report = `{"status":"healthy","services":[{"name":"chat","pid":7}]}`
	socket := supervisor(t, func(w http.ResponseWriter, r *http.Request) {
		status, answer := 404, `{"message":"there is no service of that name"}`
		switch r.Method + " " + r.URL.Path {
		case "GET /v1/status":
			status, answer = 200, report
		case "POST /v1/services/cache/restart":
			status, answer = 200, ""
		case "POST /v1/services/postgres/restart":
			status, answer = 409, `{"message":"it is run by somebody else"}`
		case "POST /v1/services/bot/restart":
			status, answer = 502, `{"message":"it exits with code 1"}`
		case "POST /v1/services/odd/restart":
			status, answer = 500, "<html>"
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, answer)
	})
	s := chattest.Start(t, chattest.Options{ControlSocket: socket})
	ada := setUp(t, s)
	if a := ada.call("GET", "/api/admin/status", nil).want(200); strings.TrimSpace(string(a.body)) != report {
		t.Errorf("status %s", a.body)
	}
	var done restarted
	if ada.call("POST", "/api/admin/services/cache/restart", nil).want(200).into(&done); !done.Done || done.Service != "cache" {
		t.Errorf("answered %+v", done)
	}
	for _, test := range []struct {
		service string
		status  int
		code    string
		message string
	}{
		{"postgres", 409, "conflict", "it is run by somebody else"},
		{"bot", 502, "service_failed", "it exits with code 1"},
		{"odd", 503, "unavailable", "Snug's supervisor refused it: Internal Server Error"},
		{"nothing", 404, "not_found", "there is no service of that name"},
		{"..%2F..%2Fstatus", 404, "not_found", "there is no service of that name"},
	} {
		p := ada.call("POST", "/api/admin/services/"+test.service+"/restart", nil).refused(test.status, test.code)
		if p.Error.Message != test.message {
			t.Errorf("%s: %q", test.service, p.Error.Message)
		}
	}
}

func TestAdminWithoutASupervisor(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	ada.call("GET", "/api/admin/status", nil).refused(503, "unavailable")
	ada.call("POST", "/api/admin/services/cache/restart", nil).refused(503, "unavailable")
}

// Who restarts chat is answered by the process that goes, which does not wait for itself.
func TestChatRestartsItself(t *testing.T) {
	var s *chattest.Server
	gone := make(chan error, 1)
	socket := supervisor(t, func(w http.ResponseWriter, r *http.Request) {
		err := s.Stop() // as the real one does: it answers when the process has ended
		w.WriteHeader(http.StatusOK)
		gone <- err
	})
	s = chattest.Start(t, chattest.Options{ControlSocket: socket})
	ada := setUp(t, s)
	begin := time.Now()
	var done restarted
	if ada.call("POST", "/api/admin/services/chat/restart", nil).want(202).into(&done); done.Done {
		t.Errorf("answered %+v", done)
	}
	if err := <-gone; err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}
