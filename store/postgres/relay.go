package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// stallTimeout is how long a download may go without a single byte.
const stallTimeout = 30 * time.Second

// progressEvery is how often a download says how far it is.
const progressEvery = 2 * time.Second

// relay is a Maven repository on the loopback interface, for one download of embedded-postgres, which has neither
// timeouts nor progress and takes an archive without a checksum. The relay fetches what it is asked for from the
// real repository, insists on the checksum, and keeps the reason when that fails.
type relay struct {
	relayConfig
	ctx      context.Context // of the downloads: it outlives each request and ends with the caller
	listener net.Listener
	server   *http.Server
	served   chan error

	mu  sync.Mutex
	err error // the first failure
}

type relayConfig struct {
	Repository string        // base URL of the real repository
	Dir        string        // where downloads are put
	Stall      time.Duration // how long a download may go without a byte
	Logger     *slog.Logger
}

func startRelay(ctx context.Context, cfg relayConfig) (*relay, error) {
	cfg.Repository = strings.TrimSuffix(cfg.Repository, "/")
	if err := makeDir(cfg.Dir); err != nil {
		return nil, fmt.Errorf("make a folder for the download: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen on the loopback interface: %w", err)
	}
	r := &relay{relayConfig: cfg, ctx: ctx, listener: listener, served: make(chan error, 1)}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: cfg.Stall}
	go func() { r.served <- r.server.Serve(listener) }()
	return r, nil
}

func (r *relay) url() string { return "http://" + r.listener.Addr().String() }

// close ends the relay and its connections.
func (r *relay) close() {
	_ = r.server.Close() // it only repeats the error of closing the listener
	<-r.served
}

// failure returns why the last download did not succeed, or nil.
func (r *relay) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// ServeHTTP answers for an archive and for its checksum. Of the two, embedded-postgres asks for the archive first.
func (r *relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	file := filepath.Join(r.Dir, filepath.Base(request.URL.Path))
	if !strings.HasSuffix(file, checksumSuffix) {
		if err := r.download(request.URL.Path, file); err != nil {
			r.mu.Lock()
			r.err = err
			r.mu.Unlock()
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
	}
	http.ServeFile(w, request, file)
}

const checksumSuffix = ".sha256"

// download fetches path of the repository into file, and its checksum beside it.
func (r *relay) download(path, file string) error {
	url := r.Repository + path
	var sum strings.Builder
	if err := r.get(url+checksumSuffix, &sum); err != nil {
		return err
	}
	// Some repositories put the name of the file behind its checksum, as sha256sum(1) does.
	want, _, _ := strings.Cut(strings.TrimSpace(sum.String()), " ")
	archive, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("keep the download: %w", err)
	}
	defer archive.Close()
	hash := sha256.New()
	if err := r.get(url, io.MultiWriter(archive, hash)); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); !strings.EqualFold(got, want) {
		return fmt.Errorf("%s is damaged or was tampered with: its SHA-256 is %s, and should be %s", url, got, want)
	}
	if err := os.WriteFile(file+checksumSuffix, []byte(strings.ToLower(want)), 0o600); err != nil {
		return fmt.Errorf("keep the checksum of the download: %w", err)
	}
	return archive.Close()
}

// errStalled is why a download is given up that makes no progress.
var errStalled = errors.New("the server stopped sending")

// get copies what the URL answers to w.
func (r *relay) get(url string, w io.Writer) error {
	ctx, cancel := context.WithCancelCause(r.ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(r.Stall, func() { cancel(errStalled) })
	defer stalled.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("the address of the repository is no URL: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if failed, ok := errors.AsType[*neturl.Error](err); ok {
		err = failed.Err // without the address, which is told anyway
	}
	if err != nil {
		return fmt.Errorf("fetch %s: %w", url, causeOr(ctx, err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch %s: the server answers %s", url, response.Status)
	}
	progress := &progress{logger: r.Logger, url: url, total: response.ContentLength, reported: time.Now()}
	buffer := make([]byte, 64<<10)
	for {
		n, err := response.Body.Read(buffer)
		if n > 0 {
			stalled.Reset(r.Stall)
			progress.add(n)
			if _, err := w.Write(buffer[:n]); err != nil {
				return fmt.Errorf("keep the download: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("fetch %s: after %d of %d bytes: %w", url, progress.done, progress.total, causeOr(ctx, err))
		}
	}
}

// causeOr prefers why we gave up to the error that came of it.
func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// progress tells how far a download is.
type progress struct {
	logger      *slog.Logger
	url         string
	done, total int64 // bytes; total is -1 when the server does not say
	reported    time.Time
}

func (p *progress) add(n int) {
	p.done += int64(n)
	if time.Since(p.reported) < progressEvery {
		return
	}
	p.reported = time.Now()
	attributes := []any{"url", p.url, "bytes", p.done}
	if p.total > 0 {
		attributes = append(attributes, "of", p.total, "percent", 100*p.done/p.total)
	}
	p.logger.Info("fetching PostgreSQL", attributes...)
}
