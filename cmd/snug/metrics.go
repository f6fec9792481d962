package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"snug/chat"
)

// metricsAccess says who may read GET /metrics.
type metricsAccess string

const (
	metricsOff    metricsAccess = "off"
	metricsToken  metricsAccess = "token"
	metricsPublic metricsAccess = "public"
)

func (m *metricsAccess) UnmarshalText(text []byte) error {
	*m = metricsAccess(text)
	if !slices.Contains([]metricsAccess{metricsOff, metricsToken, metricsPublic}, *m) {
		return settingError{"must be off, token or public"}
	}
	return nil
}

// metricsTokenFile is where whoever sets up Prometheus finds the token.
func metricsTokenFile(data string) string { return filepath.Join(data, "secrets", "metrics-token") }

// openMetrics is the access that is set, with its token, which is made if there is none yet. When that fails, as on a
// full disk, nobody may read them, and all else goes on.
func openMetrics(settings Settings, log *slog.Logger) chat.Metrics {
	switch settings.Metrics {
	case metricsPublic:
		return chat.Metrics{Public: true}
	case metricsToken:
		token, err := ensureToken(metricsTokenFile(string(settings.Data)))
		if err != nil {
			log.Error("nobody may read the metrics, as their token cannot be made or read", "error", err)
		}
		return chat.Metrics{Token: token}
	}
	return chat.Metrics{}
}

// knownMetrics is the access that is set, with the token that chat has made: before chat's first start nobody has one.
func knownMetrics(settings Settings) chat.Metrics {
	access := chat.Metrics{Public: settings.Metrics == metricsPublic}
	if settings.Metrics == metricsToken {
		access.Token, _ = readToken(metricsTokenFile(string(settings.Data))) // chat tells what is wrong with it
	}
	return access
}

// ensureToken reads a token, or makes one. Of two that make it at once, both get the first one's.
func ensureToken(path string) (string, error) {
	token, err := readToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // of mode 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name())
	_, err = file.WriteString(rand.Text() + "\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return "", err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return readToken(path)
}

func readToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	const shortest = 16
	token := strings.TrimSpace(string(text))
	if len(token) < shortest || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("%s holds no usable token: it must be one word of at least %d characters; remove the file for a new one", path, shortest)
	}
	return token, nil
}

// guardMetrics lets those through to the metrics who may read them: in the same way as chat does, for when that is away.
func guardMetrics(known func() chat.Metrics, metrics http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch known().Status(r.Header.Get("Authorization")) {
		case http.StatusNotFound:
			http.NotFound(w, r)
			return
		case http.StatusUnauthorized:
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":{"code":"unauthenticated","message":%q}}`, chat.MetricsNeedToken)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		metrics.ServeHTTP(w, r)
	})
}
