package chat

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"snug/chat/web"
)

// PublicURL is where browsers find the server. The zero value is: wherever they ask.
type PublicURL struct {
	Scheme string // http or https
	Host   string // with the port, if it is not the scheme's own
	Path   string // below which everything is, "/chat", or empty
}

// plainPath is a path that is written in one way only, without escapes: RFC 3986, section 2.3.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*$`)

// ParsePublicURL wants a scheme and a host, and a path at most. An empty text is the zero value.
func ParsePublicURL(text string) (PublicURL, error) {
	if text == "" {
		return PublicURL{}, nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#") {
		return PublicURL{}, errors.New("must be like https://chat.example.org or https://example.org/chat")
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	if !plainPath.MatchString(path) || slices.ContainsFunc(strings.Split(path, "/"), isDots) {
		return PublicURL{}, errors.New("the path may have letters, digits and -._~ between its slashes, such as /chat")
	}
	if first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); isOurs(first) {
		return PublicURL{}, fmt.Errorf("the path must not begin with /%s, as addresses of Snug itself do; take another, such as /chat", first)
	}
	return PublicURL{Scheme: u.Scheme, Host: u.Host, Path: path}, nil
}

// isDots reports whether a segment is one that is not kept: RFC 3986, section 5.2.4.
func isDots(segment string) bool { return segment == "." || segment == ".." }

// isOurs reports whether addresses of the server begin so. A path that does, too, could not be told from them.
func isOurs(first string) bool {
	if first == "" {
		return false
	}
	if _, err := fs.Stat(web.Files, first); err == nil || isPage("/"+first+"/") {
		return true
	}
	return slices.ContainsFunc(routes(), func(r route) bool { return strings.HasPrefix(r.path+"/", "/"+first+"/") })
}

// String is the URL without a slash at the end.
func (u PublicURL) String() string {
	if u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + u.Path
}

// Local is a request's path as the server's own addresses have it. Of proxies, some take the path of the public URL away
// and some leave it.
func (u PublicURL) Local(path string) string {
	if rest, found := strings.CutPrefix(path, u.Path); found && strings.HasPrefix(rest, "/") {
		return rest
	}
	return path
}
