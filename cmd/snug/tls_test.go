package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate makes a certificate of its own for localhost, with the given serial number.
func writeCertificate(t *testing.T, folder string, serial int64) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der},
		keyFile:  {Type: "EC PRIVATE KEY", Bytes: encoded},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// TestTLSIsTheSameWhoeverAnswers asks over https while chat is ready, while it is stopped, and after the certificate
// was renewed; a connection from before the renewal goes on.
func TestTLSIsTheSameWhoeverAnswers(t *testing.T) {
	data := dataIn(t)
	certFile, keyFile := writeCertificate(t, filepath.Dir(data), 1)
	r := start(t, data, "SNUG_TLS_CERT="+certFile, "SNUG_TLS_KEY="+keyFile)
	if !strings.HasPrefix(r.url, "https://") {
		t.Fatalf("it says that it is at %s", r.url)
	}
	kept := tlsClient(false)
	r.within(60*time.Second, func() error { return healthOver(kept, r.url, http.StatusOK, 1) })

	if out, code := r.snug("stop", "chat"); code != exitDone {
		t.Fatal(out)
	}
	r.within(5*time.Second, func() error { return healthOver(tlsClient(true), r.url, http.StatusServiceUnavailable, 1) })
	if out, code := r.snug("start", "chat"); code != exitDone {
		t.Fatal(out)
	}
	r.within(5*time.Second, func() error { return healthOver(kept, r.url, http.StatusOK, 1) })

	writeCertificate(t, filepath.Dir(data), 2)
	r.within(10*time.Second, func() error { return healthOver(tlsClient(true), r.url, http.StatusOK, 2) })
	if err := healthOver(kept, r.url, http.StatusOK, 1); err != nil {
		t.Errorf("the connection from before: %v", err)
	}
	if out, code := r.snug("restart", "chat"); code != exitDone {
		t.Fatal(out)
	}
	if err := healthOver(tlsClient(true), r.url, http.StatusOK, 2); err != nil {
		t.Error(err)
	}
	r.stop()
}

func tlsClient(everyTimeAnew bool) *http.Client {
	return &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: everyTimeAnew,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // the serial number is what is looked at
	}}
}

func healthOver(client *http.Client, url string, status int, serial int64) error {
	response, err := client.Get(url + "/api/health")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil { // so that the connection can be used again
		return err
	}
	if response.StatusCode != status {
		return fmt.Errorf("status %d, want %d", response.StatusCode, status)
	}
	if got := response.TLS.PeerCertificates[0].SerialNumber.Int64(); got != serial {
		return fmt.Errorf("certificate %d, want %d", got, serial)
	}
	return nil
}

func TestWrongTLSIsRefused(t *testing.T) {
	folder := filepath.Dir(dataIn(t))
	certFile, keyFile := writeCertificate(t, folder, 1)
	for want, environ := range map[string][]string{
		"SNUG_TLS_CERT and SNUG_TLS_KEY belong together": {"SNUG_TLS_CERT=" + certFile},
		"no such file or directory":                      {"SNUG_TLS_CERT=" + certFile, "SNUG_TLS_KEY=" + keyFile + ".gone"},
		"failed to find certificate PEM data":            {"SNUG_TLS_CERT=" + keyFile, "SNUG_TLS_KEY=" + certFile},
	} {
		r := launch(t, dataIn(t), environ...)
		select {
		case <-r.ended:
		case <-time.After(10 * time.Second):
			t.Fatal("it runs")
		}
		if code := r.cmd.ProcessState.ExitCode(); code != exitUsage || !strings.Contains(r.log.String(), want) {
			t.Errorf("exit code %d, log %s, want %q", code, r.log, want)
		}
	}
}
