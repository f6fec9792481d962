package chat

import (
	"bytes"
	"fmt"
	"html"
	"log/slog"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	goldmarkhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/util"

	"snug/store/markup"
)

// markdown turns the Markdown of message bodies into HTML that is safe to show.
//
// The dialect is that of [markup.Dialect]. Images become links, since showing them would tell a stranger's server who
// reads here. Code has colours (highlight.go).
type markdown struct {
	converter goldmark.Markdown
	policy    *bluemonday.Policy
	buffers   sync.Pool
	log       *slog.Logger
}

func newMarkdown(log *slog.Logger) *markdown {
	return &markdown{
		log: log,
		converter: markup.Dialect(goldmark.WithRendererOptions(
			goldmarkhtml.WithHardWraps(),
			renderer.WithNodeRenderers(util.Prioritized(imageLinks{}, 100), util.Prioritized(newHighlighter(), 100)),
		)),
		policy:  messagePolicy(),
		buffers: sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

// imageLinks renders images as links to them.
type imageLinks struct{}

// RegisterFuncs tells goldmark what is rendered here.
func (imageLinks) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindImage, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		image := n.(*ast.Image)
		destination := util.EscapeHTML(util.URLEscape(image.Destination, true))
		if !entering {
			_, err := w.WriteString("</a>")
			return ast.WalkContinue, err
		}
		fmt.Fprintf(w, `<a href="%s">`, destination)
		if !image.HasChildren() {
			w.Write(destination)
		}
		return ast.WalkContinue, nil
	})
}

// messagePolicy allows what Markdown makes, and links that neither tell the other side where they come from nor get
// hold of the window they were opened from.
func messagePolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li",
		"h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("align").Matching(bluemonday.CellAlign).OnElements("th", "td")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[A-Za-z0-9_+#.-]{1,32}$`)).OnElements("code")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^(?:mention|channel-link|hl-[a-z]{1,12})$`)).OnElements("span")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AddTargetBlankToFullyQualifiedLinks(true)
	return p
}

// prepare colours the code of a body that is about to be stored, so that delivery need not wait for that.
func (m *markdown) prepare(body string) {
	if strings.Contains(body, "```") || strings.Contains(body, "~~~") {
		m.HTML(body)
	}
}

// HTML renders body. Most messages are plain words, for which one pass over the bytes does.
func (m *markdown) HTML(body string) string {
	if out, ok := plainHTML(body); ok {
		return out
	}
	return m.render(body)
}

// render has the libraries render body. Should they fail on it, it is shown as it was written: it is stored, and will be
// rendered for everybody who comes by.
func (m *markdown) render(body string) (out string) {
	buf := m.buffers.Get().(*bytes.Buffer)
	defer func() {
		if r := recover(); r != nil {
			m.log.Error("message could not be rendered", "stack", string(debug.Stack()))
			out = "<pre>" + html.EscapeString(body) + "</pre>\n"
		}
		m.buffers.Put(buf)
	}()
	buf.Reset()
	if err := m.converter.Convert([]byte(body), buf); err != nil {
		panic(err) // only the buffer could fail, and it does not
	}
	return m.policy.Sanitize(buf.String())
}
