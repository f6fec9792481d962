package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// certificate is a TLS certificate in two files, which are read again when one of them has changed: a renewed
// certificate is used from the next connection on, and none is dropped for it.
type certificate struct {
	certFile, keyFile string

	mu     sync.Mutex
	loaded *tls.Certificate
	// changed are the times of the files that were loaded, looked those at which they were last looked at.
	changed [2]time.Time
	looked  time.Time
}

// lookAgain is how long the files are taken to be as they were.
const lookAgain = time.Second

// openTLS is the TLS of the public port; nil without a certificate.
func openTLS(settings Settings) (*tls.Config, error) {
	if settings.TLSCert == "" && settings.TLSKey == "" {
		return nil, nil
	}
	if settings.TLSCert == "" || settings.TLSKey == "" {
		return nil, usageError{fmt.Errorf("SNUG_TLS_CERT and SNUG_TLS_KEY belong together; only one of them is set")}
	}
	c := &certificate{certFile: string(settings.TLSCert), keyFile: string(settings.TLSKey)}
	if err := c.load(); err != nil {
		return nil, usageError{err}
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}, nil
}

// current is the newest certificate that could be read: a pair that is only half written is passed over.
func (c *certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) > lookAgain && c.times() != c.changed {
		_ = c.load() // the one that is loaded goes on
	}
	return c.loaded
}

func (c *certificate) load() error {
	c.looked = time.Now()
	changed := c.times()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("SNUG_TLS_CERT and SNUG_TLS_KEY: %w; both must be PEM files that user %d may read", err, os.Geteuid())
	}
	c.loaded, c.changed = &pair, changed
	return nil
}

func (c *certificate) times() (changed [2]time.Time) {
	for i, path := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(path); err == nil {
			changed[i] = info.ModTime()
		}
	}
	return changed
}
