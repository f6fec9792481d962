package chat_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

// sessionIP logs in with these headers and returns the address of the session.
func sessionIP(t *testing.T, s *chattest.Server, headers ...string) string {
	t.Helper()
	var in login
	call(t, "POST", s.URL+"/api/auth/login", object{"username": "ada", "password": password}, headers...).want(200).into(&in)
	_, welcome := user{t: t, server: s, token: in.Token, User: in.User}.open(nil)
	return welcome.Session.IP
}

func TestNobodyIsBelievedWhereNoProxyIsSet(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	forged := []string{"X-Forwarded-For", "203.0.113.9", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "evil.example",
		"X-Forwarded-Ssl", "on", "X-Url-Scheme", "https", "X-Real-Ip", "203.0.113.9", "Forwarded", "for=203.0.113.9;proto=https"}
	if ip := sessionIP(t, s, forged...); ip != "127.0.0.1" {
		t.Errorf("a session has the forged address %s", ip)
	}
	login := call(t, "POST", s.URL+"/api/auth/login", object{"username": "ada", "password": password}, forged...).want(200)
	if cookie := login.header.Get("Set-Cookie"); strings.Contains(cookie, "Secure") {
		t.Errorf("cookie %q, and the request came without TLS", cookie)
	}
	var invite store.Invite
	ada.call("POST", "/api/invites", object{}, forged...).want(201).into(&invite)
	if !strings.HasPrefix(invite.URL, s.URL+"/invite/") {
		t.Errorf("an invite leads to %s", invite.URL)
	}
	cookie := append(forged, "Cookie", "snug_session="+ada.token, "Origin", "https://evil.example")
	call(t, "PATCH", s.URL+"/api/me", object{"display_name": "Eve"}, cookie...).refused(403, "forbidden")
	if _, response, err := (user{t: t, server: s}).tryDial(cookie...); err == nil || response.StatusCode != 403 {
		t.Errorf("a socket is opened from a forged origin: %v %v", response, err)
	}
	for i := range chat.LoginLimit { // the one above was right, and does not count
		call(t, "POST", s.URL+"/api/auth/login", object{"username": "ada", "password": "guess guess"}, "X-Forwarded-For", "203.0.113."+string(rune('0'+i%10)))
	}
	call(t, "POST", s.URL+"/api/auth/login", object{"username": "ada", "password": password}, "X-Forwarded-For", "198.51.100.1").
		refused(429, "rate_limited")
}

func TestTheClientBehindAProxyThatIsBelieved(t *testing.T) {
	s := chattest.Start(t, chattest.Options{Proxies: "127.0.0.0/8, 10.0.0.0/8"})
	ada := setUp(t, s)
	for forwarded, want := range map[string]string{
		"203.0.113.9": "203.0.113.9", "1.1.1.1, 203.0.113.9": "203.0.113.9", "203.0.113.9, 10.0.0.1": "203.0.113.9",
		"[2001:db8::1]:4711": "2001:db8::1", "evil, ": "127.0.0.1", strings.Repeat("x", 2000): "127.0.0.1",
	} {
		if ip := sessionIP(t, s, "X-Forwarded-For", forwarded); ip != want {
			t.Errorf("X-Forwarded-For %.40q: the session has %s, want %s", forwarded, ip, want)
		}
	}
	if ip := sessionIP(t, s); ip != "127.0.0.1" {
		t.Errorf("the proxy's own login has %s", ip)
	}

	through := []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "chat.example.org:8443"}
	login := call(t, "POST", s.URL+"/api/auth/login", object{"username": "ada", "password": password}, through...).want(200)
	if cookie := login.header.Get("Set-Cookie"); !strings.Contains(cookie, "; Secure") {
		t.Errorf("cookie %q of a request that came by TLS", cookie)
	}
	var invite store.Invite
	ada.call("POST", "/api/invites", object{}, through...).want(201).into(&invite)
	if !strings.HasPrefix(invite.URL, "https://chat.example.org:8443/invite/") {
		t.Errorf("an invite leads to %s", invite.URL)
	}
	cookie := append(through, "Cookie", "snug_session="+ada.token, "Origin", "https://chat.example.org:8443")
	call(t, "PATCH", s.URL+"/api/me", object{"display_name": "Ada"}, cookie...).want(200)
	socket, response, err := (user{t: t, server: s}).tryDial(cookie...)
	if err != nil {
		t.Fatalf("a socket through the proxy: %v %v", response, err)
	}
	socket.send(object{"type": "hello"})
	socket.next("welcome")

	// A list has the nearest proxy's word at its end, and what is no host stays out of links.
	for _, test := range [][3]string{
		{"https, http", "evil.example, chat.example.org", "http://chat.example.org/invite/"},
		{"http, https", "a b", "https://" + s.Addr + "/invite/"},
		{"ftp", "chat.example.org/evil", s.URL + "/invite/"},
		{"", "ada@chat.example.org", s.URL + "/invite/"},
	} {
		ada.call("POST", "/api/invites", object{}, "X-Forwarded-Proto", test[0], "X-Forwarded-Host", test[1]).want(201).into(&invite)
		if !strings.HasPrefix(invite.URL, test[2]) {
			t.Errorf("by %q at %q, an invite leads to %s, want %s", test[0], test[1], invite.URL, test[2])
		}
	}
}

// To a socket for both families, IPv4 peers come with addresses of IPv6.
func TestAProxyAtASocketForBothFamilies(t *testing.T) {
	l, err := net.Listen("tcp", "[::]:0")
	if err != nil {
		t.Skipf("this machine has no IPv6: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	s := chattest.Start(t, chattest.Options{Listener: l, Proxies: "127.0.0.1"})
	port := l.Addr().(*net.TCPAddr).Port
	for _, test := range []struct{ peer, want string }{{"127.0.0.1", "203.0.113.9"}, {"[::1]", "::1"}} {
		s.Addr = fmt.Sprintf("%s:%d", test.peer, port)
		s.URL = "http://" + s.Addr
		if test.peer == "127.0.0.1" {
			setUp(t, s)
		}
		if ip := sessionIP(t, s, "X-Forwarded-For", "203.0.113.9"); ip != test.want {
			t.Errorf("through %s, the session has %s, want %s", test.peer, ip, test.want)
		}
	}
}

func TestGuessingIsSlowedDownForEachClientBehindAProxy(t *testing.T) {
	s := chattest.Start(t, chattest.Options{Proxies: "private"})
	setUp(t, s)
	try := func(forwarded, word string) answer {
		return call(t, "POST", s.URL+"/api/auth/login", object{"username": "ada", "password": word}, "X-Forwarded-For", forwarded)
	}
	for range chat.LoginLimit {
		try("203.0.113.9", "guess guess").refused(401, "unauthenticated")
	}
	for _, forwarded := range []string{"203.0.113.9", "1.2.3.4, 203.0.113.9", "10.0.0.1, ::ffff:203.0.113.9", "203.0.113.9:4711, 10.0.0.1"} {
		try(forwarded, password).refused(429, "rate_limited")
	}
	try("203.0.113.10", password).want(200)
}

func TestAForgottenProxyIsToldOnce(t *testing.T) {
	for _, test := range []struct {
		proxies string
		headers []string
		told    int
	}{
		{"", []string{"X-Forwarded-For", "203.0.113.9"}, 1},
		{"192.168.1.5", []string{"X-Forwarded-For", ""}, 1},
		{"", nil, 0},
		{"private", []string{"X-Forwarded-For", "203.0.113.9"}, 0},
	} {
		var log logBuffer
		s := chattest.Start(t, chattest.Options{Proxies: test.proxies, Logger: log.logger()})
		for range 3 {
			call(t, "GET", s.URL+"/api/setup", nil, test.headers...).want(200)
		}
		if told := strings.Count(log.String(), "SNUG_TRUSTED_PROXIES to 127.0.0.1"); told != test.told {
			t.Errorf("%q with %v: told %d times, want %d:\n%s", test.proxies, test.headers, told, test.told, log.String())
		}
	}
}

// What strangers make up is no news.
func TestAProxyIsOnlyLookedForNearby(t *testing.T) {
	var log logBuffer
	chat.Notice(log.logger(), netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("2001:db8::1"), netip.Addr{})
	if log.String() != "" {
		t.Errorf("told: %s", log.String())
	}
	chat.Notice(log.logger(), netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("172.18.0.2"), netip.MustParseAddr("10.0.0.1"))
	if strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), "SNUG_TRUSTED_PROXIES to 172.18.0.2") {
		t.Errorf("told: %s", log.String())
	}
}

func TestAServerWithWrongSettingsIsNotMade(t *testing.T) {
	chattest.Start(t, chattest.Options{New: func(right chat.Config) (*chat.Server, error) {
		for _, test := range []struct{ url, proxies, want string }{
			{"https://example.org/api", "", `public URL "https://example.org/api": the path must not begin with /api`},
			{"", "nginx", `trusted proxies: "nginx" is neither an address nor a network`},
		} {
			wrong := right
			wrong.PublicURL, wrong.Proxies = test.url, test.proxies
			if _, err := chat.New(wrong); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		}
		return chat.New(right)
	}})
}
