package chat

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
)

// site is the web client: files that are read and named by their content once, at the start, and compressed when they are
// first asked for. Compressing all of them took longer than everything else that a server does before it is ready.
type site struct {
	base  string               // the path of the public URL, "/chat", or empty
	files map[string]*siteFile // by path, "/js/app.js"
	index *siteFile
}

type siteFile struct {
	contentType string
	etag        string
	plain       []byte
	gzipped     func() []byte // nil where compressing does not pay
}

// contentTypes are those the system's tables may not know, or know differently from machine to machine.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
	".json": "application/json", ".webmanifest": "application/manifest+json", ".svg": "image/svg+xml",
	".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
}

func newSite(files fs.FS, base string) (*site, error) {
	s := &site{base: base, files: map[string]*siteFile{}}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if name == "index.html" {
			content = below(base, content)
		}
		s.files["/"+name] = newSiteFile(name, content)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read embedded files: %w", err)
	}
	if s.index = s.files["/index.html"]; s.index == nil {
		return nil, fmt.Errorf("index.html: %w", fs.ErrNotExist)
	}
	return s, nil
}

// below puts base before the addresses in a page. One that is shown at paths of several depths cannot have relative
// addresses; the stylesheets and modules that it loads find everything else from where they are.
func below(base string, page []byte) []byte {
	return bytes.ReplaceAll(page, []byte(`="/`), []byte(`="`+base+`/`))
}

func newSiteFile(name string, content []byte) *siteFile {
	sum := sha256.Sum256(content)
	f := &siteFile{plain: content, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	if f.contentType = contentTypes[path.Ext(name)]; f.contentType == "" {
		f.contentType = mime.TypeByExtension(path.Ext(name))
	}
	f.gzipped = sync.OnceValue(func() []byte { return compress(content) })
	return f
}

// compress returns content in gzip's format, or nil when that does not pay.
func compress(content []byte) []byte {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err = w.Write(content); err == nil {
		err = w.Close()
	}
	if err != nil || buf.Len() >= len(content)*9/10 {
		return nil
	}
	return buf.Bytes()
}

// serve answers what no route has answered: the files, and the page itself at the addresses that its script shows.
func (s *site) serve(c *fiber.Ctx) error {
	if m := c.Method(); isAPI(c.Path()) || (m != fiber.MethodGet && m != fiber.MethodHead) {
		return c.Next() // to the end of the routes: not found, or not by that method
	}
	if s.base != "" && c.Path() == s.base { // people leave the slash out
		return c.Redirect(s.base+"/", fiber.StatusTemporaryRedirect)
	}
	file := s.files[c.Path()]
	if file == nil && isPage(c.Path()) {
		file = s.index
	}
	if file == nil {
		return fiber.ErrNotFound
	}
	c.Set(fiber.HeaderCacheControl, "no-cache") // kept, but asked for again: an upgrade shows at once
	c.Set(fiber.HeaderETag, file.etag)
	c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	if matches(c.Get(fiber.HeaderIfNoneMatch), file.etag) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, file.contentType)
	if !strings.Contains(c.Get(fiber.HeaderAcceptEncoding), "gzip") || file.gzipped() == nil {
		return c.Send(file.plain)
	}
	c.Set(fiber.HeaderContentEncoding, "gzip")
	return c.Send(file.gzipped())
}

// isPage reports whether the web client has a view at that path.
func isPage(p string) bool {
	return p == "/" || strings.HasPrefix(p, "/invite/") || strings.HasPrefix(p, "/reset/") || strings.HasPrefix(p, "/channel/")
}

// matches compares weakly, as If-None-Match does: RFC 9110, section 13.1.2.
func matches(ifNoneMatch, etag string) bool {
	for candidate := range strings.SplitSeq(ifNoneMatch, ",") {
		if candidate = strings.TrimSpace(candidate); candidate == "*" || strings.TrimPrefix(candidate, "W/") == etag {
			return true
		}
	}
	return false
}
