package chat

import (
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/parser"
	"pgregory.net/rapid"
)

func TestMarkdown(t *testing.T) {
	m := newMarkdown(slog.New(slog.DiscardHandler))
	const link = ` rel="nofollow noreferrer noopener" target="_blank"`
	for body, want := range map[string]string{
		"hello":                        "<p>hello</p>\n",
		"it's \"x\"":                   "<p>it&#39;s &#34;x&#34;</p>\n",
		"a\nb\n\nc":                    "<p>a<br>\nb</p>\n<p>c</p>\n",
		"a\r\nb":                       "<p>a<br>\nb</p>\n",
		"**b** *i* ~~s~~ `c`":          "<p><strong>b</strong> <em>i</em> <del>s</del> <code>c</code></p>\n",
		"@ada, `@bob`":                 "<p><span class=\"mention\">@ada</span>, <code>@bob</code></p>\n",
		"```go\na < b\n```":            "<pre><code class=\"language-go\">a &lt; b\n</code></pre>\n",
		"- a\n- b":                     "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n",
		"5) x":                         "<ol start=\"5\">\n<li>x</li>\n</ol>\n",
		"> q":                          "<blockquote>\n<p>q</p>\n</blockquote>\n",
		"a|b\n:-|-:\n1|2":              "<table>\n<thead>\n<tr>\n<th align=\"left\">a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td align=\"left\">1</td>\n<td align=\"right\">2</td>\n</tr>\n</tbody>\n</table>\n",
		"<b>x</b> <script>y</script>":  "<p>&lt;b&gt;x&lt;/b&gt; &lt;script&gt;y&lt;/script&gt;</p>\n",
		"<div>\nx\n</div>":             "<p>&lt;div&gt;<br>\nx<br>\n&lt;/div&gt;</p>\n",
		"see https://a.b/c?d=e&f":      `<p>see <a href="https://a.b/c?d=e&amp;f"` + link + ">https://a.b/c?d=e&amp;f</a></p>\n",
		"www.a.b":                      `<p><a href="http://www.a.b"` + link + ">www.a.b</a></p>\n",
		"[x](https://a.b \"title\")":   `<p><a href="https://a.b"` + link + ">x</a></p>\n",
		"![cat](https://a.b/c.png)":    `<p><a href="https://a.b/c.png"` + link + ">cat</a></p>\n",
		"![](https://a.b/c.png)":       `<p><a href="https://a.b/c.png"` + link + ">https://a.b/c.png</a></p>\n",
		"[x](javascript:alert(1))":     "<p>x</p>\n",
		"[x](  JaVaScRiPt:alert(1))":   "<p>x</p>\n",
		"[x](data:text/html,y)":        "<p>x</p>\n",
		"![x](javascript:alert(1))":    "<p>x</p>\n",
		"<https://a.b>":                `<p><a href="https://a.b"` + link + ">https://a.b</a></p>\n",
		"[x](/relative)":               "<p>x</p>\n",
		"<a href=x onclick=alert(1)>y": "<p>&lt;a href=x onclick=alert(1)&gt;y</p>\n",
		"```\"><script>x\ny\n```":      "<pre><code>y\n</code></pre>\n",
	} {
		if got := m.HTML(body); got != want {
			t.Errorf("%q is rendered as\n%q, want\n%q", body, got, want)
		}
	}
}

// failing is a library that fails.
type failing struct{ goldmark.Markdown }

func (failing) Convert([]byte, io.Writer, ...parser.ParseOption) error { panic("of the library's") }

func TestABodyThatCannotBeRenderedIsShownAsItIs(t *testing.T) {
	m := newMarkdown(slog.New(slog.DiscardHandler))
	m.converter = failing{}
	if got := m.HTML("*a* <b>"); got != "<pre>*a* &lt;b&gt;</pre>\n" {
		t.Errorf("rendered as %q", got)
	}
}

// bodies are made of words, and of what is markup in some places and in others not.
func bodies() *rapid.Generator[string] {
	words := rapid.SampledFrom(strings.Split("hello|it's|\"x\"|3.|12)|1.5|a.b|www|http:|www.x|-|--|---|+|=|==|#|#x|:|:-|x:y|!|(|)|{|}|$|^|;|,|?|/|//|%|:tada:|:+1:|:a:|:100:|:x|é|😀|\u00a0|\u2028|\ufeff|\u200b|\u0085|\u3000|\u00ad", "|"))
	spaces := rapid.SampledFrom([]string{"", "", " ", " ", " ", "  ", "    ", "\n", "\n", "\n\n", "\n\n\n"})
	markup := rapid.SampledFrom([]string{"&", "<", ">", "*", "_", "`", "~", "[", "]", "\\", "|", "://", "www.", "@", "\t", "\r", "\x00", "\x7f", "\xff", "\v"})
	token := rapid.Custom(func(t *rapid.T) string {
		switch n := rapid.IntRange(0, 99).Draw(t, "kind"); {
		case n < 55:
			return words.Draw(t, "word")
		case n < 95:
			return spaces.Draw(t, "space")
		case n < 98:
			return rapid.StringN(0, 3, -1).Draw(t, "any")
		default:
			return markup.Draw(t, "markup")
		}
	})
	return rapid.Map(rapid.SliceOfN(token, 0, 12), func(tokens []string) string { return strings.Join(tokens, "") })
}

// checkPlain compares the two ways to render what the plain one takes.
func checkPlain(m *markdown, body string) (plain, parsed string, same bool) {
	plain, ok := plainHTML(body)
	if !ok {
		return "", "", true
	}
	parsed = m.render(body)
	return plain, parsed, plain == parsed
}

func TestPlainBodiesAreRenderedAsTheParserWould(t *testing.T) {
	m, taken := newMarkdown(slog.New(slog.DiscardHandler)), 0
	rapid.Check(t, func(t *rapid.T) {
		for _, body := range rapid.SliceOfN(bodies(), 20, 20).Draw(t, "bodies") {
			if plain, parsed, same := checkPlain(m, body); !same {
				t.Fatalf("%q: plain %q, parsed %q", body, plain, parsed)
			} else if plain != "" {
				taken++
			}
		}
	})
	if t.Logf("%d bodies were plain", taken); taken < 100 {
		t.Error("too few to tell")
	}
}

func FuzzPlain(f *testing.F) {
	m := newMarkdown(slog.New(slog.DiscardHandler))
	for _, body := range []string{"a'b\n\nc", "1. x", "see http://x.y", "\u00a0x", "a\u2028b\ufeff", "x\n=", "a:-\n-"} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if plain, parsed, same := checkPlain(m, body); !same {
			t.Fatalf("%q: plain %q, parsed %q", body, plain, parsed)
		}
	})
}

// Nobody can keep the server busy with a message that is hard to render.
func TestHardBodiesAreRenderedInTime(t *testing.T) {
	m := newMarkdown(slog.New(slog.DiscardHandler))
	for _, unit := range []string{"*", "_", "[", "](", "![", "`", "> ", "- ", "~~", "|", "<", "&", "\\", "**a ", "[a](", "a@", "http://a", "<a href=\"", "|-", "1. ", "\n#", "```\n", ":", ":a", "@", "@a.", "#a-",
		"```go\n```\n", "```python\n\"\"\"\n```\n", "```c++\n0011\n```\n"} {
		body := strings.Repeat(unit, 10_000/len(unit))
		begin := time.Now()
		m.HTML(body)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("%q, repeated, took %v", unit, took)
		}
	}
}

func BenchmarkMarkdown(b *testing.B) {
	m := newMarkdown(slog.New(slog.DiscardHandler))
	for name, body := range map[string]string{
		"code":   "```go\n" + strings.Repeat("if x := f(\"a\"); x > 1 { return x } // y\n", 20) + "```",
		"plain":  "Hello there, this is a plain message of some words. It's fine!",
		"marked": "Hello **there**, see https://example.org/x for `more`.",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.HTML(body)
			}
		})
	}
}
