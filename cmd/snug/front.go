package main

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	"snug/chat"
)

// waitingPage is shown to browsers while chat is not ready; it asks again by itself.
//
//go:embed waiting.html
var waitingPage string

// newFront answers on the public port whenever chat does not: the health and the metrics in full, a waiting page to browsers,
// and 503 to programs. Like chat, it knows its addresses both with the path of the public URL before them and without.
func newFront(at chat.PublicURL, health, metrics http.Handler) http.Handler {
	policy := waitingPolicy()
	routes := http.NewServeMux()
	routes.Handle("GET /api/health", health)
	routes.Handle("GET /metrics", metrics)
	routes.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if wantsPage(r) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.Header().Set("Content-Security-Policy", policy)
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(waitingPage)) // the browser is gone if this fails
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"error":{"code":"unavailable","message":"Snug is starting or restarting; try again in a second."}}`))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path, r.URL.RawPath = at.Local(r.URL.Path), ""
		routes.ServeHTTP(w, r)
	})
}

// wantsPage tells a person's browser from a program.
func wantsPage(r *http.Request) bool {
	return r.Method == http.MethodGet && !strings.HasPrefix(r.URL.Path, "/api/") &&
		strings.Contains(r.Header.Get("Accept"), "text/html")
}

// waitingPolicy allows the page its one style, by hash, and nothing else.
func waitingPolicy() string {
	_, rest, _ := strings.Cut(waitingPage, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	hash := sha256.Sum256([]byte(style))
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(hash[:]))
}
