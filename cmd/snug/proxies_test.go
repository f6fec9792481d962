package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"snug/chat/proxytest"
)

// TestBehindAProxy runs the appliance behind nginx and Caddy, as docs/install/proxy.md says: TLS ends there, and clients have
// addresses of their own.
func TestBehindAProxy(t *testing.T) {
	for path, sites := range map[string][]proxytest.Site{"root": {proxytest.Root}, "path": {proxytest.Left, proxytest.Taken}} {
		t.Run(path, func(t *testing.T) {
			place := proxytest.Find(t)
			r := launch(t, dataIn(t), "SNUG_TRUSTED_PROXIES=127.0.0.1", "SNUG_PUBLIC_URL="+place.URL(sites[0]))
			var snug string
			r.within(60*time.Second, func() error {
				if snug = r.find(`chat is ready.* address=(\S+)`); snug == "" {
					return fmt.Errorf("chat has not said where it listens")
				}
				return nil
			})
			r.url = "http://" + snug
			r.healthy()
			b := &behindProxy{place: place, member: r.setUp()}
			for _, site := range sites {
				for name, run := range map[string]func(testing.TB, proxytest.Site, string){"nginx": place.Nginx, "caddy": place.Caddy} {
					t.Run(name+", "+site.String(), func(t *testing.T) {
						run(t, site, snug)
						b.url, b.path = place.URL(site), site.Path()
						t.Run("page", b.testPage)
						t.Run("client", b.testClient)
						if site == proxytest.Root { // it takes its time, and is of the address that testClient wants
							t.Run("limit", b.testLimit)
						}
						t.Run("restart", b.testRestart)
						t.Run("stopped", b.testStopped)
					})
				}
			}
			r.stop()
		})
	}
}

// behindProxy is an appliance behind a proxy.
type behindProxy struct {
	place     *proxytest.Place
	member    *member // speaks to the appliance directly
	url, path string  // where people find it, and the path of that
	clients   byte    // that have been seen
}

// client is somebody with an address of their own.
type client struct {
	*behindProxy
	t       *testing.T
	address string
}

func (b *behindProxy) newClient(t *testing.T) *client {
	b.clients++
	return &client{b, t, fmt.Sprintf("127.0.1.%d", b.clients)}
}

func (c *client) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.address)}}).DialContext(ctx, network, address)
}

// forged is what a client says of itself in vain.
var forged = http.Header{"X-Forwarded-For": {"203.0.113.9, 127.0.0.1"}}

// ask sends a request over a new connection, as a browser that forges its address.
func (c *client) ask(method, url string, body any) (*http.Response, []byte, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, nil, err
	}
	request, err := http.NewRequest(method, url, bytes.NewReader(encoded))
	if err != nil {
		return nil, nil, err
	}
	request.Header = forged.Clone()
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "text/html,*/*")
	asker := http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: c.dial, TLSClientConfig: c.place.TLS},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := asker.Do(request)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response, content, err
}

// wants is ask, of which the answer must have that status.
func (c *client) wants(status int, method, url string, body any) (*http.Response, string) {
	c.t.Helper()
	response, content, err := c.ask(method, url, body)
	if err != nil || response.StatusCode != status {
		c.t.Fatalf("%s %s: %v, %v, want %d\n%s", method, url, err, response, status, content)
	}
	return response, string(content)
}

func (c *client) login(password string, status int) (*http.Response, string) {
	c.t.Helper()
	return c.wants(status, "POST", c.url+"/api/auth/login", map[string]string{"username": "ada", "password": password})
}

func (b *behindProxy) testPage(t *testing.T) {
	c := b.newClient(t)
	for _, page := range []string{"/", "/channel/x"} {
		_, text := c.wants(200, "GET", b.url+page, nil)
		if script := `src="` + b.path + `/js/main.js"`; !strings.Contains(text, script) {
			t.Errorf("%s has no %s", page, script)
		}
	}
	response, _ := c.wants(200, "GET", b.url+"/js/main.js", nil)
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/javascript") {
		t.Errorf("the script is %q", kind)
	}
	c.wants(200, "GET", b.url+"/api/health", nil)
	if b.path != "" {
		response, _, err := c.ask("GET", b.url, nil)
		if err != nil || response.StatusCode/100 != 3 || !strings.HasSuffix(response.Header.Get("Location"), b.path+"/") {
			t.Errorf("without a slash: %v, %v", err, response)
		}
	}
}

// The address of the client reaches its session, by HTTP and over a WebSocket.
func (b *behindProxy) testClient(t *testing.T) {
	c := b.newClient(t)
	response, _ := c.login("a long password", 200)
	cookie := response.Header.Get("Set-Cookie")
	if !strings.Contains(cookie, "; Secure") || !strings.Contains(cookie, "; Path="+b.path) {
		t.Errorf("cookie %q", cookie)
	}
	header := forged.Clone()
	header.Set("Cookie", strings.Split(cookie, ";")[0])
	header.Set("Origin", "https://"+b.place.Host)
	dialer := websocket.Dialer{NetDialContext: c.dial, TLSClientConfig: b.place.TLS, HandshakeTimeout: 10 * time.Second}
	ws, answer, err := dialer.Dial("wss"+strings.TrimPrefix(b.url, "https")+"/api/ws", header)
	if err != nil {
		t.Fatalf("open a WebSocket: %v, %v", err, answer)
	}
	defer ws.Close()
	var welcome struct {
		Type    string
		Session struct{ IP string }
	}
	_ = ws.SetReadDeadline(time.Now().Add(10 * time.Second))
	if err := ws.WriteJSON(map[string]string{"type": "hello"}); err != nil {
		t.Fatal(err)
	}
	if err := ws.ReadJSON(&welcome); err != nil || welcome.Session.IP != c.address {
		t.Errorf("the session of %s has %+v (%v)", c.address, welcome, err)
	}
	var invite struct{ URL string }
	if err := b.member.r.call("POST", "/api/invites", b.member.token, map[string]string{}, &invite); err != nil || !strings.HasPrefix(invite.URL, "https://"+b.place.Host+b.path+"/invite/") {
		t.Errorf("an invite leads to %q (%v)", invite.URL, err)
	}
}

func (b *behindProxy) testLimit(t *testing.T) {
	guesser := b.newClient(t)
	const limit = 20
	for range limit {
		guesser.login("a long guess", 401)
	}
	guesser.login("a long password", 429)
	b.newClient(t).login("a long password", 200)
}

// A planned restart of chat fails no request, and costs a WebSocket nothing but a goodbye.
func (b *behindProxy) testRestart(t *testing.T) {
	c := b.newClient(t)
	through := *b.member.r
	through.url = b.url
	p := newPoster(&member{r: &through, token: b.member.token, channel: b.member.channel})
	p.dialer.TLSClientConfig, p.dialer.NetDialContext = b.place.TLS, c.dial
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.run(ctx) })
	asked := 0
	running.Go(func() {
		for ; ctx.Err() == nil; asked++ {
			if response, body, err := c.ask("GET", b.url+"/api/setup", nil); err != nil || response.StatusCode != 200 {
				t.Errorf("a request during the restart: %v, %v, %s", err, response, body)
				return
			}
		}
	})
	posted := func() {
		t.Helper()
		moment := time.Now()
		b.member.r.within(30*time.Second, func() error {
			if !p.sentAfter(moment) {
				return fmt.Errorf("nothing is posted: %v", p.notesSince(moment))
			}
			return nil
		})
	}
	posted()
	if out, code := b.member.r.snug("restart", "chat"); code != exitDone {
		t.Error(out)
	}
	posted()
	cancel()
	running.Wait()
	p.member = b.member
	p.checkStored(0)
	if p.abrupt > 0 || p.polite == 0 {
		t.Errorf("%d sockets ended with a goodbye, %d without: %v", p.polite, p.abrupt, p.notes)
	}
	t.Logf("%d requests, each over a new connection", asked)
}

// While chat is away, the supervisor answers, and the proxy passes that on.
func (b *behindProxy) testStopped(t *testing.T) {
	r, c := b.member.r, b.newClient(t)
	if out, code := r.snug("stop", "chat"); code != exitDone {
		t.Fatal(out)
	}
	if _, page := c.wants(503, "GET", b.url+"/", nil); !strings.Contains(page, "Snug is warming up") {
		t.Errorf("the page is\n%s", page)
	}
	var health struct{ Status string }
	if _, text := c.wants(503, "GET", b.url+"/api/health", nil); json.Unmarshal([]byte(text), &health) != nil || health.Status != "unhealthy" {
		t.Errorf("the health is %s", text)
	}
	if _, text := c.wants(503, "GET", b.url+"/api/me", nil); !strings.Contains(text, `"code":"unavailable"`) {
		t.Errorf("a program is told %s", text)
	}
	if out, code := r.snug("start", "chat"); code != exitDone {
		t.Fatal(out)
	}
	c.wants(200, "GET", b.url+"/api/health", nil)
}
