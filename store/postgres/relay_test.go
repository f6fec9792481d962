package postgres

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// askRelay asks a relay of the repository for an archive.
func askRelay(t *testing.T, ctx context.Context, repository string, stall time.Duration) (status int, body []byte, failure error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	relay, err := startRelay(ctx, relayConfig{
		Repository: repository + "/", Dir: t.TempDir(), Stall: stall, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer relay.close()
	response, err := http.Get(relay.url() + "/group/archive.jar")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body, relay.failure()
}

// archive is served whole by serveArchive, with the right checksum.
var archive = bytes.Repeat([]byte("programs "), 50_000)

func checksum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func serveArchive(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/group/archive.jar":
		_, _ = w.Write(archive)
	case "/group/archive.jar.sha256":
		_, _ = io.WriteString(w, strings.ToUpper(checksum(archive))+"  archive.jar\n")
	default:
		http.NotFound(w, r)
	}
}

func TestRelayPassesOnWhatIsWhole(t *testing.T) {
	repository := httptest.NewServer(http.HandlerFunc(serveArchive))
	defer repository.Close()
	status, body, failure := askRelay(t, t.Context(), repository.URL, time.Hour)
	if status != http.StatusOK || !bytes.Equal(body, archive) || failure != nil {
		t.Errorf("the relay answers %d with %d bytes, failure %v", status, len(body), failure)
	}
}

func TestRelayGivesUp(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	const short, long = 100 * time.Millisecond, time.Hour
	tests := []struct {
		name  string
		ctx   context.Context
		stall time.Duration
		serve http.HandlerFunc
		want  string
	}{
		{"a damaged archive", t.Context(), long, replace(".jar", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(archive[1:])
		}), "tampered with"},
		{"no checksum", t.Context(), long, replace(".sha256", http.NotFound), "archive.jar.sha256: the server answers 404"},
		{"an empty checksum", t.Context(), long, replace(".sha256", func(http.ResponseWriter, *http.Request) {}), "tampered with"},
		{"an error instead of the archive", t.Context(), long, replace(".jar", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no", http.StatusForbidden)
		}), "archive.jar: the server answers 403"},
		{"the end too early", t.Context(), long, replace(".jar", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "450000")
			_, _ = w.Write(archive[:1000])
		}), "after 1000 of 450000 bytes"},
		{"no answer", t.Context(), short, replace(".sha256", func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
		}), "stopped sending"},
		{"silence in the middle", t.Context(), short, replace(".jar", func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write(archive[:1000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}), "stopped sending"},
		{"the caller's end", cancelled, long, serveArchive, "context canceled"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			repository := httptest.NewServer(tt.serve)
			defer repository.Close()
			status, body, failure := askRelay(t, tt.ctx, repository.URL, tt.stall)
			if status != http.StatusBadGateway || bytes.Contains(body, []byte("programs")) {
				t.Errorf("the relay answers %d with %d bytes", status, len(body))
			}
			if failure == nil || !strings.Contains(failure.Error(), tt.want) || !strings.Contains(failure.Error(), repository.URL) {
				t.Errorf("failure is %v, want %q and the address", failure, tt.want)
			}
		})
	}
}

// replace serves the archive as it should be, but for paths that end as given.
func replace(suffix string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, suffix) {
			handler(w, r)
			return
		}
		serveArchive(w, r)
	}
}

func TestRelayWithoutARepository(t *testing.T) {
	repository := httptest.NewServer(http.NotFoundHandler())
	repository.Close()
	if _, _, failure := askRelay(t, t.Context(), repository.URL, time.Hour); failure == nil ||
		!strings.Contains(failure.Error(), "connection refused") {
		t.Errorf("failure is %v, want connection refused", failure)
	}
}

func TestProgressIsToldEveryCoupleOfSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &progress{logger: slog.New(slog.NewTextHandler(&log, nil)), url: "there", total: 1000, reported: time.Now()}
		for range 100 { // 10 seconds
			p.add(10)
			time.Sleep(100 * time.Millisecond)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 4 || !strings.Contains(lines[3], "bytes=810 of=1000 percent=81") {
			t.Errorf("progress was told so:\n%s", log.String())
		}
	})
}
