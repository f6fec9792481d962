package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"snug/chat"
)

func TestMetricsTokenIsMadeOnceAndForUsAlone(t *testing.T) {
	path := metricsTokenFile(t.TempDir())
	tokens := make([]string, 8)
	var wait sync.WaitGroup
	for i := range tokens {
		wait.Go(func() {
			var err error
			if tokens[i], err = ensureToken(path); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, token := range tokens {
		if token != tokens[0] || len(token) < 16 {
			t.Errorf("tokens %q", tokens)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestUnusableMetricsTokenIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics-token")
	for _, content := range []string{"", "short\n", "two words of enough characters"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if token, err := ensureToken(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q gives %q, %v", content, token, err)
		}
	}
}

func TestGuardOfTheMetrics(t *testing.T) {
	inside := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "snug_up 1") })
	const token = "0123456789abcdef"
	for _, test := range []struct {
		access        chat.Metrics
		authorization string
		status        int
	}{
		{chat.Metrics{}, "Bearer ", 404},
		{chat.Metrics{Public: true}, "", 200},
		{chat.Metrics{Token: token}, "", 401},
		{chat.Metrics{Token: token}, "Bearer " + token + "x", 401},
		{chat.Metrics{Token: token}, "Basic " + token, 401},
		{chat.Metrics{Token: token}, token, 401},
		{chat.Metrics{Token: token}, "bearer " + token, 200},
	} {
		r := httptest.NewRequest("GET", "/metrics", nil)
		r.Header.Set("Authorization", test.authorization)
		w := httptest.NewRecorder()
		guardMetrics(func() chat.Metrics { return test.access }, inside).ServeHTTP(w, r)
		if w.Code != test.status || (w.Code == 200) != (w.Body.String() == "snug_up 1") {
			t.Errorf("%+v: %d %s", test, w.Code, w.Body)
		}
	}
}
