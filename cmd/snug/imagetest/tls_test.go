//go:build image

package imagetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"path/filepath"
	"testing"
	"time"
)

// writeCertificate makes a certificate with that serial number, in files that every user can read.
func writeCertificate(t *testing.T, folder string, serial int64) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "key.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	write(t, filepath.Join(folder, "cert.pem"), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})))
}

// TestTLSByFile serves HTTPS, takes a renewed certificate for new connections, and drops none that it has.
func TestTLSByFile(t *testing.T) {
	folder := hostFolder(t, 10001)
	writeCertificate(t, folder, 1)
	c := start(t, []string{"-v", folder + ":/tls:ro", "-e", "SNUG_TLS_CERT=/tls/cert.pem", "-e", "SNUG_TLS_KEY=/tls/key.pem"})
	c.awaitDockersHealth()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxConnsPerHost: 1}
	defer transport.CloseIdleConnections()
	seen := func(by *http.Transport) (serial int64, err error) {
		response, err := (&http.Client{Transport: by, Timeout: 5 * time.Second}).Get("https://" + c.addr + "/api/health")
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return response.TLS.PeerCertificates[0].SerialNumber.Int64(), err
	}
	if serial, err := seen(transport); serial != 1 || err != nil {
		t.Fatalf("certificate %d, %v", serial, err)
	}
	writeCertificate(t, folder, 2)
	eventually(t, waitLimit, func() error {
		fresh := transport.Clone()
		defer fresh.CloseIdleConnections()
		if serial, err := seen(fresh); serial != 2 || err != nil {
			return fmt.Errorf("a new connection has certificate %d, %v", serial, err)
		}
		return nil
	})
	if serial, err := seen(transport); serial != 1 || err != nil {
		t.Errorf("the open connection was dropped: the next one has certificate %d, %v", serial, err)
	}
	c.snug("healthcheck")
	c.stop()
}
