package chat_test

import (
	"bytes"
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"

	"snug/chat"
	"snug/chat/chattest"
	"snug/chat/web"
	"snug/store"
)

func TestParsePublicURL(t *testing.T) {
	for text, want := range map[string]chat.PublicURL{
		"":                              {},
		"https://chat.example.org":      {"https", "chat.example.org", ""},
		"https://chat.example.org/":     {"https", "chat.example.org", ""},
		"http://192.168.1.5:8080":       {"http", "192.168.1.5:8080", ""},
		"http://[fd00::1]:8080/chat/":   {"http", "[fd00::1]:8080", "/chat"},
		"https://example.org/chat":      {"https", "example.org", "/chat"},
		"HTTPS://example.org/Team.chat": {"https", "example.org", "/Team.chat"},
		"https://example.org/tools/api": {"https", "example.org", "/tools/api"},
	} {
		got, err := chat.ParsePublicURL(text)
		if err != nil || got != want {
			t.Errorf("%q is %+v, %v, want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"chat.example.org":               "must be like https://",
		"ftp://example.org":              "must be like https://",
		"https://":                       "must be like https://",
		"https://:8080":                  "must be like https://",
		"https://ada:secret@example.org": "must be like https://",
		"https://example.org/?x=1":       "must be like https://",
		"https://example.org/chat?":      "must be like https://",
		"https://example.org/chat#":      "must be like https://",
		"https://example.org/a b":        "the path may have letters",
		"https://example.org/ch%61t":     "the path may have letters",
		"https://example.org//chat":      "the path may have letters",
		"https://example.org/chat//":     "the path may have letters",
		"https://example.org/../chat":    "the path may have letters",
		"https://example.org/chat/.":     "the path may have letters",
		"https://example.org/api":        "must not begin with /api,",
		"https://example.org/channel/x":  "must not begin with /channel,",
		"https://example.org/invite":     "must not begin with /invite,",
		"https://example.org/js":         "must not begin with /js,",
		"https://example.org/metrics/":   "must not begin with /metrics,",
		"https://example.org/index.html": "must not begin with /index.html,",
	} {
		if got, err := chat.ParsePublicURL(text); err == nil || !strings.Contains(err.Error(), want) || got != (chat.PublicURL{}) {
			t.Errorf("%q: %+v, error %v, want %s", text, got, err, want)
		}
	}
}

func TestLocalPath(t *testing.T) {
	for _, base := range []string{"", "/chat", "/tools/chat"} {
		u := chat.PublicURL{Scheme: "https", Host: "example.org", Path: base}
		for _, path := range []string{"/", "/api/me", "/channel/1"} {
			for _, asked := range []string{base + path, path} { // proxies leave it or take it away
				if got := u.Local(asked); got != path {
					t.Errorf("below %q, %s is %s, want %s", base, asked, got, path)
				}
			}
		}
		for _, path := range []string{base + "ter/x", "/tools", ""} {
			if got := u.Local(path); got != path {
				t.Errorf("below %q, %q became %q", base, path, got)
			}
		}
	}
}

func FuzzParsePublicURL(f *testing.F) {
	for _, seed := range []string{"https://example.org/chat", "http://[::1]:80/a/b/", "https://x/api", "http://a%2fb", "http://x/%2e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := chat.ParsePublicURL(text)
		if err != nil || text == "" {
			if u != (chat.PublicURL{}) {
				t.Errorf("%q is %+v with %v", text, u, err)
			}
			return
		}
		again, err := chat.ParsePublicURL(u.String())
		if err != nil || again != u || strings.HasSuffix(u.Path, "/") || strings.ContainsAny(u.Path, "%\"<>?# \r\n;") {
			t.Errorf("%q is %+v, and that is %+v (%v)", text, u, again, err)
		}
		if got := u.Local(u.Path + "/api/me"); got != "/api/me" {
			t.Errorf("%q: a path below it is %s", text, got)
		}
	})
}

// Below a path is everything, both for proxies that leave the path in requests and for those that take it away.
func TestEverythingIsBelowThePathOfThePublicURL(t *testing.T) {
	listener := chattest.Listen(t)
	s := chattest.Start(t, chattest.Options{Listener: listener, PublicURL: "http://" + listener.Addr().String() + "/chat/"})
	ada := setUp(t, s)
	for _, base := range []string{"", "/chat"} {
		index := call(t, "GET", s.URL+base+"/", nil).want(200).body
		for _, page := range []string{"/channel/1", "/invite/CODE", "/index.html"} {
			if got := call(t, "GET", s.URL+base+page, nil).want(200).body; !bytes.Equal(got, index) {
				t.Errorf("%s%s is not the page", base, page)
			}
		}
		err := fs.WalkDir(web.Files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				call(t, "GET", s.URL+base+"/"+name, nil).want(200)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range chat.Routes() {
			if !strings.Contains(r.Path, "{") && r.Method == "GET" {
				if got := ada.call("GET", base+r.Path, nil).status; got == 404 && r.Path != "/metrics" {
					t.Errorf("%s%s is not there", base, r.Path)
				}
			}
		}
		ada.call("GET", base+"/api/none", nil).refused(404, "not_found")
		socket, _, err := ada.tryDialAt(base + "/api/ws")
		if err != nil {
			t.Fatalf("a socket at %q: %v", base, err)
		}
		socket.send(object{"type": "hello"})
		socket.next("welcome")
	}
	for _, elsewhere := range []string{"/chatter/", "/chat//", "/Chat/", "/chat/../go.mod"} {
		call(t, "GET", s.URL+elsewhere, nil).refused(404, "not_found")
	}
	slash := call(t, "GET", s.URL+"/chat", nil).want(307)
	if to := slash.header.Get("Location"); to != "/chat/" {
		t.Errorf("/chat leads to %q", to)
	}
}

var addressInPage = regexp.MustCompile(`(?:href|src)="([^"#]*)`)

// Whatever an answer says of addresses is below the path.
func TestAddressesHaveThePathOfThePublicURL(t *testing.T) {
	s := chattest.Start(t, chattest.Options{PublicURL: "https://example.org/chat"})
	ada := setUp(t, s)
	for _, page := range []string{"/", "/channel/1", "/api/docs"} {
		found := addressInPage.FindAllSubmatch(call(t, "GET", s.URL+page, nil).want(200).body, -1)
		if len(found) < 2 {
			t.Errorf("%s has only %d addresses", page, len(found))
		}
		for _, m := range found {
			if address := string(m[1]); address != "" && !strings.HasPrefix(address, "/chat/") {
				t.Errorf("%s has the address %q", page, address)
			} else if address != "" {
				call(t, "GET", s.URL+address, nil).want(200)
			}
		}
	}
	var manifest struct {
		StartURL string `json:"start_url"`
		Scope    string
		Icons    []struct{ Src string }
	}
	call(t, "GET", s.URL+"/chat/manifest.webmanifest", nil).want(200).into(&manifest)
	if manifest.StartURL != "." || manifest.Scope != "." || len(manifest.Icons) == 0 {
		t.Errorf("the manifest is %+v", manifest)
	}
	for _, icon := range manifest.Icons {
		call(t, "GET", s.URL+path.Join("/chat", icon.Src), nil).want(200)
	}
	var invite store.Invite
	ada.call("POST", "/api/invites", object{}).want(201).into(&invite)
	if invite.URL != "https://example.org/chat/invite/"+invite.Code {
		t.Errorf("an invite leads to %s", invite.URL)
	}
	in := call(t, "POST", s.URL+"/chat/api/auth/login", object{"username": "ada", "password": password}).want(200)
	token := regexp.MustCompile(`snug_session=([^;]+)`).FindStringSubmatch(in.header.Get("Set-Cookie"))[1]
	out := call(t, "POST", s.URL+"/chat/api/auth/logout", nil, "Cookie", "snug_session="+token).want(204)
	for what, a := range map[string]answer{"login": in, "logout": out} {
		if cookie := a.header.Get("Set-Cookie"); !strings.Contains(cookie, "; Path=/chat;") {
			t.Errorf("%s sets the cookie %q", what, cookie)
		}
	}
	var document struct{ Servers []struct{ URL string } }
	call(t, "GET", s.URL+"/chat/api/openapi.json", nil).want(200).into(&document)
	if len(document.Servers) != 1 || document.Servers[0].URL != "/chat" {
		t.Errorf("OpenAPI has the servers %+v", document.Servers)
	}
}
