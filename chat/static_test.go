package chat_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"strings"
	"testing"

	"snug/chat"
	"snug/chat/chattest"
	"snug/chat/web"
)

func TestEveryFileOfTheClientIsServed(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	types := map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
		".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json", ".png": "image/png"}
	err := fs.WalkDir(web.Files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(web.Files, name)
		if err != nil {
			return err
		}
		plain := call(t, "GET", s.URL+"/"+name, nil).want(200)
		if !bytes.Equal(plain.body, content) {
			t.Errorf("%s differs", name)
		}
		if want := types[name[strings.LastIndex(name, "."):]]; plain.header.Get("Content-Type") != want {
			t.Errorf("%s has Content-Type %q, want %q", name, plain.header.Get("Content-Type"), want)
		}
		etag := plain.header.Get("ETag")
		for _, match := range []string{etag, `"other", W/` + etag, "*"} {
			if again := call(t, "GET", s.URL+"/"+name, nil, "If-None-Match", match).want(304); len(again.body) > 0 {
				t.Errorf("%s: a body with 304", name)
			}
		}
		call(t, "GET", s.URL+"/"+name, nil, "If-None-Match", `"other"`).want(200)
		small := call(t, "GET", s.URL+"/"+name, nil, "Accept-Encoding", "br, gzip").want(200)
		if small.header.Get("Content-Encoding") == "gzip" {
			unpacker, err := gzip.NewReader(bytes.NewReader(small.body))
			if err != nil {
				return err
			}
			if small.body, err = io.ReadAll(unpacker); err != nil {
				return err
			}
		} else if strings.HasSuffix(name, ".js") && len(content) > 1000 {
			t.Errorf("%s is not compressed", name)
		}
		if !bytes.Equal(small.body, content) {
			t.Errorf("%s differs when compressed", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPagesOfTheClientAndNoOthers(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	index := call(t, "GET", s.URL+"/index.html", nil).want(200).body
	for _, path := range []string{"/", "/invite/CODE", "/channel/general", "/?x=1"} {
		a := call(t, "GET", s.URL+path, nil).want(200)
		if !bytes.Equal(a.body, index) {
			t.Errorf("%s is not the page", path)
		}
		if head := call(t, "HEAD", s.URL+path, nil).want(200); len(head.body) > 0 || head.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("HEAD %s: %v", path, head.header)
		}
	}
	for _, path := range []string{"/web.go", "/js/", "/js", "/none.js", "/../go.mod", "/%2e%2e/go.mod", "/css/none.css", "/.git/config"} {
		call(t, "GET", s.URL+path, nil).refused(404, "not_found")
	}
	call(t, "POST", s.URL+"/", nil).refused(404, "not_found")
}

// No page may load, run or be shown anything from elsewhere, and none is without these headers.
func TestHeadersOfEveryAnswer(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	for _, path := range []string{"/", "/js/main.js", "/none", "/api/setup", "/api/none", "/api/me", "/api/openapi.json", "/api/docs", "/api/docs/page.css"} {
		a := call(t, "GET", s.URL+path, nil)
		policy := a.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %s", path, policy, want)
			}
		}
		for _, never := range []string{"unsafe", "http", "*", "nonce", "sha256"} {
			if strings.Contains(policy, never) {
				t.Errorf("%s: the policy %q has %s", path, policy, never)
			}
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Opener-Policy": "same-origin"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		want := "no-cache"
		if strings.HasPrefix(path, "/api") || a.status == 404 {
			want = map[bool]string{true: "no-store", false: ""}[strings.HasPrefix(path, "/api")]
		}
		if got := a.header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
		}
		if got := a.header.Get("Server"); got != "" {
			t.Errorf("%s: Server %q", path, got)
		}
	}
}

func TestThePageOfTheAPIShowsEveryRoute(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	a := call(t, "GET", s.URL+"/api/docs", nil).want(200)
	if got := a.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
	page := string(a.body)
	for _, r := range chat.Routes() {
		if !strings.Contains(page, "<b>"+r.Method+"</b> "+r.Path+"<") {
			t.Errorf("%s %s is not shown", r.Method, r.Path)
		}
	}
	for _, want := range []string{"&#34;client_id&#34;: uuid", "&#34;has_more&#34;: boolean", "For owners and admins.", "The newest messages below this seq"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, never := range []string{"<script", "style=", "http:", "https:"} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %s", never)
		}
	}
	if got := call(t, "GET", s.URL+"/api/docs/page.css", nil).want(200).header.Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("Content-Type %q", got)
	}
}
