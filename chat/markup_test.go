package chat

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"pgregory.net/rapid"
)

func TestCodeIsColoured(t *testing.T) {
	m := newMarkdown(slog.New(slog.DiscardHandler))
	for body, want := range map[string]string{
		"```go\nif x { // y\n```":     "<pre><code class=\"language-go\"><span class=\"hl-keyword\">if </span>x { <span class=\"hl-comment\">// y\n</span></code></pre>\n",
		"```JSON\n{\"a<b\": 1}\n```":  "<pre><code class=\"language-JSON\">{<span class=\"hl-name\">&#34;a&lt;b&#34;</span>: <span class=\"hl-number\">1</span>}\n</code></pre>\n",
		"~~~diff\n-a\n+b\n~~~":        "<pre><code class=\"language-diff\"><span class=\"hl-deleted\">-a\n</span><span class=\"hl-inserted\">+b\n</span></code></pre>\n",
		"```nothing\nif <x>\n```":     "<pre><code class=\"language-nothing\">if &lt;x&gt;\n</code></pre>\n",
		"```go\n```":                  "<pre><code class=\"language-go\"></code></pre>\n",
		"```go\n  \r\n\tx\n```":       "<pre><code class=\"language-go\">  \n\tx\n</code></pre>\n",
		"    indented :tada: @ada #a": "<pre><code>indented :tada: @ada #a\n</code></pre>\n",
	} {
		if got := m.HTML(body); got != want {
			t.Errorf("%q is rendered as\n%q, want\n%q", body, got, want)
		}
	}
}

func TestNamesInMessages(t *testing.T) {
	m := newMarkdown(slog.New(slog.DiscardHandler))
	mention := func(name string) string { return `<span class="mention">` + name + `</span>` }
	channel := func(name string) string { return `<span class="channel-link">` + name + `</span>` }
	for body, want := range map[string]string{
		"a :tada: b":                   "a 🎉 b",
		":tada:":                       "🎉",
		"**:tada:**(:+1:)":             "<strong>🎉</strong>(👍)",
		"`:tada:` \\:tada:":            "<code>:tada:</code> :tada:",
		":no_such_emoji: :Tada: ::":    ":no_such_emoji: :Tada: ::",
		"10:100:20 x:tada: :tada:x":    "10:100:20 x:tada: :tada:x",
		":wave::skin-tone-2: :heart:❤": "👋🏻 ❤️❤",
		"http://a.b/:tada:/c":          `<a href="http://a.b/:tada:/c" rel="nofollow noreferrer noopener" target="_blank">http://a.b/:tada:/c</a>`,

		"@ada, (@Bob.b). @here!":     mention("@ada") + ", (" + mention("@Bob.b") + "). " + mention("@here") + "!",
		"**@ada** *@bob*":            "<strong>" + mention("@ada") + "</strong> <em>" + mention("@bob") + "</em>",
		"a@b x.@c x-@d @ @. @-d @@e": "a@b x.@c x-@d @ @. @-d @" + mention("@e"),
		"`@ada` \\@ada":              "<code>@ada</code> @ada",
		"ada@example.org @x":         `<a href="mailto:ada@example.org" rel="nofollow noreferrer">ada@example.org</a> ` + mention("@x"),
		"@zoë @ada.":                 "@zoë " + mention("@ada") + ".",

		"see #general, (#team-lunch).":  "see " + channel("#general") + ", (" + channel("#team-lunch") + ").",
		"#42 is a#b a/#c ##d #Big `#e`": "#42 is a#b a/#c ##d #Big <code>#e</code>",
		"#général":                      channel("#général"),
	} {
		if got := m.HTML(body); got != "<p>"+want+"</p>\n" {
			t.Errorf("%q is rendered as\n%q, want\n%q", body, got, want)
		}
	}
}

// allowedTags are what messages may be made of, with the attributes of each and the form of their values.
var allowedTags = func() map[string]map[string]string {
	tags := map[string]map[string]string{}
	for name := range strings.FieldsSeq("p br hr em strong del pre blockquote ul li h1 h2 h3 h4 h5 h6 table thead tbody tr") {
		tags[name] = nil
	}
	tags["a"] = map[string]string{"href": `(?i:https?|mailto):.*`, "rel": `nofollow noreferrer( noopener)?`, "target": `_blank`}
	tags["code"] = map[string]string{"class": `language-[A-Za-z0-9_+#.-]+`}
	tags["span"] = map[string]string{"class": `mention|channel-link|hl-[a-z]+`}
	tags["ol"] = map[string]string{"start": `[0-9]+`}
	tags["th"] = map[string]string{"align": `left|right|center`}
	tags["td"] = tags["th"]
	return tags
}()

// harm is what there is in the HTML of a message that must not be; nil if nothing.
func harm(text string) error {
	var open []string
	for z := html.NewTokenizer(strings.NewReader(text)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				return fmt.Errorf("%v are not closed", open)
			}
			return nil
		case html.CommentToken, html.DoctypeToken, html.SelfClosingTagToken:
			return fmt.Errorf("has %q", z.Raw())
		case html.StartTagToken:
			token := z.Token()
			if err := harmOfTag(token); err != nil {
				return err
			}
			if token.Data != "br" && token.Data != "hr" {
				open = append(open, token.Data)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				return fmt.Errorf("</%s> closes none of %v", name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func harmOfTag(token html.Token) error {
	attributes, allowed := allowedTags[token.Data]
	if !allowed {
		return fmt.Errorf("has <%s>", token.Data)
	}
	for _, a := range token.Attr {
		if pattern := attributes[a.Key]; pattern == "" || !regexp.MustCompile(`^(?s:`+pattern+`)$`).MatchString(a.Val) {
			return fmt.Errorf("has %s=%q in <%s>", a.Key, a.Val, token.Data)
		}
	}
	return nil
}

var attacks = []string{
	"<img src=x onerror=y>", "[a](javascript:b)", "![a](data:b)", "<a href='x'>", "`<b>`", "[a]: vbscript:x\n\n[a]",
	"```html\n<script>\n```", "```go\" onclick=x\ny\n```", "@<b>", "#<b>", "&lt;script&gt;", "&#60;script>", "[a](https://b\"onclick=c)", "<https://a\"b>",
	"~~~php\n<?php \"</span></code></pre><script>\" ?>\n~~~", "|a|\n|-|\n|<b>|", "[a](java\tscript:b)", "[a](//b)", "http://a\"'><script>",
}

// What is rendered has no script, no handler, no style and no address but of the allowed kinds, whatever is written.
func FuzzRenderedIsHarmless(f *testing.F) {
	m := newMarkdown(slog.New(slog.DiscardHandler))
	for _, body := range attacks {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if err := harm(m.HTML(body)); err != nil {
			t.Fatalf("%q is rendered as %q, which %v", body, m.HTML(body), err)
		}
	})
}

func TestRenderedIsHarmless(t *testing.T) {
	m := newMarkdown(slog.New(slog.DiscardHandler))
	joints := rapid.SampledFrom([]string{"\n", " ", "```go\n", "\n```\n", "> ", "- ", "<", ">", "\"", "](", "@a", "#b", ":tada:", "`", "**"})
	pieces := rapid.SliceOfN(rapid.OneOf(bodies(), rapid.SampledFrom(attacks), joints), 1, 6)
	rapid.Check(t, func(t *rapid.T) {
		body := strings.Join(pieces.Draw(t, "pieces"), "")
		if err := harm(m.HTML(body)); err != nil {
			t.Fatalf("%q is rendered as %q, which %v", body, m.HTML(body), err)
		}
	})
}

// Whatever the language, colours change nothing of the code.
func TestHighlightingKeepsTheCode(t *testing.T) {
	h := newHighlighter()
	lines := rapid.SampledFrom([]string{
		"func f(x int) string { return \"a<b>\" }", "<?php echo 'x'; ?>", "  # comment", "-- SELECT 'a' FROM b;", "{\"a\": [1, null]}",
		"\t<a href=\"x\">&amp;</a>", "'unclosed", "\"\"\"doc", "/* open", "*/", "{{ .x }}", "${a}", "\r", "\u2028é😀", "+ added", "@@ -1 +1 @@", "end", "",
	})
	rapid.Check(t, func(t *rapid.T) {
		code := strings.Join(rapid.SliceOfN(lines, 0, 6).Draw(t, "lines"), "\n")
		language := rapid.SampledFrom(highlightedLanguages).Draw(t, "language")
		if out := h.html(language, code); harm(out) != nil || textOf(out) != strings.ReplaceAll(code, "\r", "\n") && textOf(out) != code {
			t.Fatalf("%s: %q is coloured as %q: %v", language, code, out, harm(out))
		}
	})
}

// textOf is what is left of HTML without its tags.
func textOf(text string) string {
	var out strings.Builder
	for z := html.NewTokenizer(strings.NewReader(text)); ; {
		switch z.Next() {
		case html.ErrorToken:
			return out.String()
		case html.TextToken:
			out.WriteString(html.UnescapeString(string(z.Raw())))
		}
	}
}

func TestOnlySoMuchColouredCodeIsKept(t *testing.T) {
	h := newHighlighter()
	for i := range 20_000 {
		h.keep(codeBlock{"Go", fmt.Sprint(i)}, strings.Repeat("x", 1000))
	}
	if h.size > highlightKept || len(h.kept) != len(h.order) || len(h.kept) < 1000 {
		t.Errorf("%d bytes of %d blocks are kept, in an order of %d", h.size, len(h.kept), len(h.order))
	}
	if out, found := h.kept[codeBlock{"Go", "19999"}]; !found || len(out) != 1000 {
		t.Error("the newest is not kept")
	}
}
