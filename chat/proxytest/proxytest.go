// Package proxytest runs the reverse proxies of docs/install/proxy.md for tests, with the configuration that stands there.
package proxytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// waitLimit is how long anything may take that is waited for. It is long: tests share their machine.
const waitLimit = 30 * time.Second

// Site is how Snug is to be found.
type Site int

// The sites of the page: at the root of a host; below /chat, with a proxy that leaves that in requests; and with one that
// takes it away.
const (
	Root Site = iota
	Left
	Taken
)

func (s Site) String() string { return [...]string{"root", "path left", "path taken away"}[s] }

// Path is what the site has before Snug's own addresses.
func (s Site) Path() string {
	if s == Root {
		return ""
	}
	return "/chat"
}

// upstream is Snug's address in the page.
const upstream = "127.0.0.1:8080"

// Place is where a proxy may run: a port, and a certificate for it that signed itself.
type Place struct {
	Host string      // 127.0.0.1:PORT
	TLS  *tls.Config // of clients that accept the certificate

	dir string
	log *os.File
}

// Find finds a port for a proxy, which nothing listens on yet.
func Find(t testing.TB) *Place {
	t.Helper()
	dir, err := os.MkdirTemp("", "proxy")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &Place{Host: freePort(t), dir: dir}
	if p.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			text, err := os.ReadFile(p.log.Name())
			t.Logf("log of the proxy (%v):\n%s", err, text)
		}
		_ = p.log.Close()
	})
	p.certify(t)
	return p
}

// freePort is one below those that the kernel gives to clients, of which one might come before the proxy (ip(7),
// ip_local_port_range).
func freePort(t testing.TB) string {
	t.Helper()
	for {
		host := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if l, err := net.Listen("tcp", host); err == nil {
			_ = l.Close()
			return host
		} else if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}

// URL is where a site is.
func (p *Place) URL(site Site) string { return "https://" + p.Host + site.Path() }

// Nginx runs nginx until the test ends, in front of the Snug at that address. Where there is none, the test is skipped.
func (p *Place) Nginx(t testing.TB, site Site, snug string) {
	t.Helper()
	program := find(t, "nginx", "/usr/sbin/nginx", "/usr/local/sbin/nginx")
	blocks := page(t, "nginx")
	server := blocks[0]
	if site != Root {
		server = replace(t, server, cut(t, server, "    location / {\n", "    }\n"), blocks[site])
	}
	server = replace(t, server, "listen 443 ssl;", "listen "+p.Host+" ssl;")
	server = replace(t, server, "/etc/letsencrypt/live/chat.example.org/fullchain.pem", p.file("cert.pem"))
	server = replace(t, server, "/etc/letsencrypt/live/chat.example.org/privkey.pem", p.file("key.pem"))
	server = replace(t, server, upstream, snug)
	config := "daemon off; pid " + p.file("pid") + "; error_log stderr; events {}\nhttp {\naccess_log off;\n"
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} { // Debian's are root's
		config += kind + "_temp_path " + p.file(kind) + ";\n"
	}
	p.write(t, "nginx.conf", config+server+"}\n")
	p.run(t, exec.Command(program, "-e", "stderr", "-p", p.dir, "-c", p.file("nginx.conf")), syscall.SIGQUIT)
}

// Caddy does the same with Caddy.
func (p *Place) Caddy(t testing.TB, site Site, snug string) {
	t.Helper()
	program := find(t, "caddy")
	config := page(t, "caddyfile")[site]
	name, _, _ := strings.Cut(config, " ")
	config = replace(t, config, name+" {\n", "https://"+p.Host+" {\n\ttls "+p.file("cert.pem")+" "+p.file("key.pem")+"\n")
	config = replace(t, config, upstream, snug)
	p.write(t, "Caddyfile", "{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_sni 127.0.0.1\n\tdefault_bind 127.0.0.1\n}\n"+config)
	cmd := exec.Command(program, "run", "--config", p.file("Caddyfile"), "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "XDG_DATA_HOME="+p.dir, "XDG_CONFIG_HOME="+p.dir)
	p.run(t, cmd, syscall.SIGTERM)
}

func (p *Place) file(name string) string { return filepath.Join(p.dir, name) }

func (p *Place) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(p.file(name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// nobody is the user that proxies run as when the tests are root's.
const nobody = 65534

// run runs the program until the test ends, and returns when it accepts.
func (p *Place) run(t testing.TB, cmd *exec.Cmd, stop syscall.Signal) {
	t.Helper()
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		for _, name := range []string{"", "cert.pem", "key.pem", "log"} {
			if err := os.Chown(p.file(name), nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(stop)
		select {
		case <-ended:
		case <-time.After(waitLimit):
			t.Errorf("%s does not end", cmd.Path)
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	p.await(t, ended)
}

func (p *Place) await(t testing.TB, ended <-chan struct{}) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("tcp", p.Host)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-ended:
			t.Fatal("the proxy ended before it accepted")
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the proxy does not accept: %v", err)
		}
	}
}

// certify makes a certificate for 127.0.0.1, and the configuration of clients that accept it.
func (p *Place) certify(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(cryptorand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	p.write(t, "cert.pem", string(cert))
	p.write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	p.TLS = &tls.Config{RootCAs: roots}
}

// find is where a program is; without it the test is skipped.
func find(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

// page is the blocks of a language in the page on proxies, one for each Site.
func page(t testing.TB, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), "docs", "install", "proxy.md"))
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, rest := range strings.Split(string(text), "\n```"+language+"\n")[1:] {
		block, _, closed := strings.Cut(rest, "\n```\n")
		if !closed {
			t.Fatalf("a block of %s does not end", language)
		}
		blocks = append(blocks, block+"\n")
	}
	if len(blocks) != len([...]Site{Root, Left, Taken}) {
		t.Fatalf("the page has %d blocks of %s, want one for each site", len(blocks), language)
	}
	return blocks
}

// root is the folder of the module.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			err = fmt.Errorf("no go.mod above the test")
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal(err)
	return ""
}

// cut is the first part of a text that begins and ends so.
func cut(t testing.TB, text, begin, end string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, begin)
	inner, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("there is no %q to %q in\n%s", begin, end, text)
	}
	return begin + inner + end
}

// replace puts something else in the place of what must be there once.
func replace(t testing.TB, text, old, replacement string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q is not once in\n%s", old, text)
	}
	return strings.Replace(text, old, replacement, 1)
}
