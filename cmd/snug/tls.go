package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"
)

// certificate is a TLS certificate in two files, which are read again when one of them has changed: a renewed
// certificate is used from the next connection on, and none is dropped for it.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	// read is what the files were when they were loaded, looked the time at which they were last looked at.
	read   [2]fileState
	looked time.Time
	// failure is what was told last of a renewed pair that cannot be used.
	failure string
}

// fileState changes whenever a file is replaced or written, also where a link to it, or to a folder above it, is renamed
// into place: as certbot and Kubernetes do.
type fileState struct {
	device, inode uint64
	size          int64
	changed       time.Time
}

// lookAgain is how long the files are taken to be as they were.
const lookAgain = time.Second

// openTLS is the TLS of the public port; nil without a certificate.
func openTLS(settings Settings, log *slog.Logger) (*tls.Config, error) {
	c, err := openCertificate(settings, log)
	if err != nil {
		return nil, explainTLS(err, tlsObstacles(settings, ourselves()))
	}
	if c == nil {
		return nil, nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}, nil
}

// openCertificate loads the certificate that is set; nil without one.
func openCertificate(settings Settings, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: string(settings.TLSCert), keyFile: string(settings.TLSKey), log: log}
	switch {
	case c.certFile == "" && c.keyFile == "":
		return nil, nil
	case c.certFile == "" || c.keyFile == "":
		return nil, usageError{errors.New("SNUG_TLS_CERT and SNUG_TLS_KEY belong together; only one of them is set")}
	}
	return c, c.load()
}

// current is the newest certificate that could be read: a pair that is only half written is passed over.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > lookAgain && c.states() != c.read {
		c.tell(c.load()) // the one that is loaded goes on
	}
	return c.loaded
}

// tell says once what became of a renewal.
func (c *certificate) tell(err error) {
	switch {
	case err == nil:
		c.failure = ""
		c.log.Info("the certificate was renewed", "valid_until", c.loaded.Leaf.NotAfter)
	case err.Error() != c.failure:
		c.failure = err.Error()
		c.log.Warn("the renewed certificate cannot be used, the one from before goes on", "error", err, "valid_until", c.loaded.Leaf.NotAfter)
	}
}

func (c *certificate) load() error {
	c.looked = time.Now()
	read := c.states()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("SNUG_TLS_CERT and SNUG_TLS_KEY: %w", err)
	}
	c.loaded, c.read = &pair, read
	return nil
}

func (c *certificate) states() (states [2]fileState) {
	for i, path := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(path); err == nil {
			file := info.Sys().(*syscall.Stat_t)
			states[i] = fileState{uint64(file.Dev), file.Ino, info.Size(), info.ModTime()}
		}
	}
	return states
}

// tlsObstacles are what keeps a user from reading the certificate and its key.
func tlsObstacles(settings Settings, who identity) []string {
	return obstacles(who, string(settings.TLSCert), string(settings.TLSKey))
}

// explainTLS says how to let us read the files. It is not enough that root can: they are read again when they were renewed,
// and by then nobody here is root.
func explainTLS(err error, obstacles []string) error {
	if errors.As(err, new(usageError)) {
		return err
	}
	if len(obstacles) > 0 && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist)) {
		err = fmt.Errorf("%w: user %d must be able to read both, also after a renewal: %s", err, os.Geteuid(), letRead(obstacles, ourselves()))
	} else {
		err = fmt.Errorf("%w; both must be PEM files that user %d may read", err, os.Geteuid())
	}
	return usageError{err}
}
