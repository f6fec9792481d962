package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
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
		"no such file or directory; both must be PEM":    {"SNUG_TLS_CERT=" + certFile, "SNUG_TLS_KEY=" + keyFile + ".gone"},
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

// TestUnreadableTLSIsOneClearLine: certbot's key lies in folders that only root may pass, behind links. Who is told what to
// run, and does it, has it work, also after the renewal, which copies mode and group of the old key.
func TestUnreadableTLSIsOneClearLine(t *testing.T) {
	requireRoot(t)
	folder := filepath.Dir(dataIn(t))
	archive, live := filepath.Join(folder, "archive"), filepath.Join(folder, "live")
	for _, name := range []string{archive, live} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cert, key := writeCertificate(t, archive, 1)
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	var environ []string
	for variable, file := range map[string]string{"SNUG_TLS_CERT": cert, "SNUG_TLS_KEY": key} {
		link := filepath.Join(live, filepath.Base(file))
		if err := os.Symlink(filepath.Join("..", "archive", filepath.Base(file)), link); err != nil {
			t.Fatal(err)
		}
		environ = append(environ, variable+"="+link)
	}
	environ = append(environ, "PUID=4711", "PGID=4712")

	// Not as root it sees no further than the first obstacle.
	data := dataIn(t)
	if err := errors.Join(os.Mkdir(data, 0o750), os.Chown(data, 4711, 4712)); err != nil {
		t.Fatal(err)
	}
	mend := fmt.Sprintf("user 4711 must be able to read both, also after a renewal: run `chgrp 4712 %s && chmod g+rX %s` as root\n", live, live)
	if out, code := serveAs(data, asUser(0), append(environ, "SNUG_RUN="+filepath.Join(data, "run"))...); code != exitUsage || !strings.HasSuffix(out, mend) || strings.Count(out, "\n") != 1 {
		t.Errorf("as an unprivileged user: exit code %d, output\n%swant at its end\n%s", code, out, mend)
	}
	all := strings.Join([]string{live, archive, filepath.Join(live, "key.pem"), key}, " ")
	mend = strings.ReplaceAll(mend, live, all)
	if out, code := serveAs(dataIn(t), nil, environ...); code != exitUsage || !strings.HasSuffix(out, mend) || strings.Count(out, "\n") != 1 {
		t.Errorf("as root: exit code %d, output\n%swant at its end\n%s", code, out, mend)
	}
	_, command, _ := strings.Cut(mend, "`")
	command, _, _ = strings.Cut(command, "`")
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", command, err, out)
	}
	r := start(t, dataIn(t), environ...)
	r.within(60*time.Second, func() error { return healthOver(tlsClient(true), r.url, http.StatusOK, 1) })
	r.stop()
}

// TestRenewalByLink renames a link to a folder into place, as Kubernetes does with its ..data: the files have other contents
// then, and may have the same time. A pair that cannot be read meanwhile is told of once, and the old one goes on.
func TestRenewalByLink(t *testing.T) {
	dir := dataIn(t)
	then := time.Now().Add(-time.Hour).Truncate(time.Second)
	publish := func(serial int64, prepare func(key string)) {
		t.Helper()
		version := filepath.Join(dir, fmt.Sprint("..", serial))
		if err := os.MkdirAll(version, 0o755); err != nil {
			t.Fatal(err)
		}
		cert, key := writeCertificate(t, version, serial)
		for _, file := range []string{cert, key} {
			if err := os.Chtimes(file, then, then); err != nil {
				t.Fatal(err)
			}
		}
		prepare(key)
		next := filepath.Join(dir, "..data_next")
		if err := os.Symlink(filepath.Base(version), next); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	publish(1, func(string) {})
	var log logBuffer
	link := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.Symlink(filepath.Join("..data", name), path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	settings := Settings{TLSCert: folder(link("cert.pem")), TLSKey: folder(link("key.pem"))}
	synctest.Test(t, func(t *testing.T) { // for the clock alone
		config, err := openTLS(settings, slog.New(slog.NewTextHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		serves := func(serial int64) {
			t.Helper()
			certificate, err := config.GetCertificate(nil)
			if err != nil || certificate.Leaf.SerialNumber.Int64() != serial {
				t.Errorf("it serves %v, %v, want %d", certificate.Leaf.SerialNumber, err, serial)
			}
		}
		serves(1)
		time.Sleep(lookAgain + 1)
		publish(2, func(string) {})
		serves(2)
		publish(3, func(key string) { _ = os.Remove(key) })
		for range 3 {
			time.Sleep(lookAgain + 1)
			serves(2)
		}
		publish(4, func(string) {})
		time.Sleep(lookAgain + 1)
		serves(4)
	})
	if told := strings.Count(log.String(), "the one from before goes on"); told != 1 {
		t.Errorf("told %d times of what cannot be used:\n%s", told, &log)
	}
}
