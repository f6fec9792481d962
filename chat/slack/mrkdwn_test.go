package slack

import (
	"bytes"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	goldmarkhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"
	"pgregory.net/rapid"

	"snug/store/markup"
)

func nobody(string) string { return "" }

func ada(id string) string { return map[string]string{"0195": "ada", "0196": "b.ob"}[id] }

func TestMrkdwn(t *testing.T) {
	for slack, want := range map[string]string{
		"hello":                                "hello",
		"two\nlines\n\nand more":               "two\nlines\n\nand more",
		"*bold* _italic_ ~gone~ `code`":        "**bold** _italic_ ~~gone~~ `code`",
		"*bold _and italic_*":                  "**bold _and italic_**",
		"(*a*), *b*: *c*.":                     "(**a**), **b**: **c**.",
		"2*3*4 a_b_c x~y~z":                    `2\*3\*4 a\_b\_c x\~y\~z`,
		"* a* *b *":                            `\* a\* \*b \*`,
		"**bold**":                             `\*\*bold\*\*`,
		"*not\nacross*":                        "\\*not\nacross\\*",
		"`*a*` `&lt;b&gt;`":                    "`*a*` `<b>`",
		"` ` ``":                               "` ` \\`\\`",
		"```code *x*\n&lt;b&gt;```":            "```\ncode *x*\n<b>\n```",
		"see ```a``` and ```b":                 "see\n\n```\na\n```\n\nand \\`\\`\\`b",
		"&gt; quoted\nnot":                     "> quoted\n\nnot",
		"> quoted *b*\n> more":                 "> quoted **b**\n> more",
		"a &amp; b &lt;c&gt; &copy;":           `a \& b \<c\> \&copy;`,
		"<https://a.b/c_d?e=f&amp;g|A *b*>":    `[A \*b\*](<https://a.b/c_d?e=f&amp;g>)`,
		"<https://a.b>":                        "[https://a.b](<https://a.b>)",
		"<mailto:a_b@c.de|a_b@c.de>":           `[a\_b@c.de](<mailto:a_b@c.de>)`,
		"<javascript:alert(1)|x>":              "x",
		"<b>x</b>":                             `\<b\>x\</b\>`,
		"see https://a.b/c_d_e, or www.x_y.z.": `see [https://a.b/c\_d\_e](<https://a.b/c_d_e>), or [www.x\_y.z](<http://www.x_y.z>).`,
		"(https://a.b/(c))":                    "([https://a.b/(c)](<https://a.b/(c)>))",
		"*<https://a.b|x>* done":               "**[x](<https://a.b>)** done",
		"<@0195> <@0196|x> <@U1|bob> <@U2>":    "@ada @b.ob @bob @U2",
		"hi<@0195>s":                           "hi @ada s",
		"<!channel>: <!here|here> <!everyone>": "@channel: @here @channel",
		"<!subteam^S1|@team>":                  "@team",
		"<!date^1^{date}|today> <!what>":       `today \<what\>`,
		"<#C1|general> <#C2>":                  `#general \#C2`,
		"#general # title":                     `\#general \# title`,
		":white_check_mark: :no_such_one:":     `:white_check_mark: :no\_such\_one:`,
		"@a_b and a_b@c":                       `@a_b and a\_b@c`,
		"- a\n+ b\n1. c\n2) d\n= e\n---\n===":  "\\- a\n\\+ b\n1\\. c\n2\\) d\n\\= e\n\\---\n\\===",
		"  two\n\tone":                         "\u00a0\u00a0two\n\u00a0\u00a0\u00a0\u00a0one",
		"| a | b |\n|---|---|":                 "\\| a \\| b \\|\n\\|---\\|---\\|",
		"[a](https://b.c) ![d](e)":             `\[a\]([https://b.c](<https://b.c>)) !\[d\](e)`,
		":fire:*Alert*":                        ":fire:**Alert**",
		"🔥*Alert*🔥 🔥_x_":                       "🔥**Alert**🔥 🔥*x*",
		`C:\dir\*x*`:                           `C:\\dir\\**x**`,
		"line\r\nend\x00":                      "line\nend\ufffd",
	} {
		tr := &translator{users: ada}
		if got := tr.text(slack, true); got != want {
			t.Errorf("%q is\n%q, want\n%q", slack, got, want)
		}
	}
	tr := &translator{users: ada}
	if got := tr.text("*a* `b` <https://c.d|e> &gt; > f\n> g", false); got != "\\*a\\* \\`b\\` [e](<https://c.d>) \\> \\> f\n\\> g" {
		t.Errorf("without markup: %q", got)
	}
}

// shown is what people see of Markdown, in lines.
func shown(body string) string {
	var out bytes.Buffer
	dialect := markup.Dialect(goldmark.WithRendererOptions(goldmarkhtml.WithHardWraps()))
	if err := dialect.Convert([]byte(body), &out); err != nil {
		panic(err)
	}
	var text strings.Builder
	for z := html.NewTokenizer(&out); ; {
		switch z.Next() {
		case html.ErrorToken:
			return lined(text.String())
		case html.TextToken:
			text.WriteString(html.UnescapeString(string(z.Raw())))
		}
	}
}

// lined is text without what no one sees: empty lines, and spaces around lines.
func lined(s string) string {
	var lines []string
	for line := range strings.SplitSeq(strings.ReplaceAll(s, "\u00a0", " "), "\n") {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// pieces are what is markup in Markdown or in Slack or in both, and words.
func pieces() *rapid.Generator[string] {
	piece := rapid.SampledFrom(strings.Split("aa|bb c|word|*|_|~|**|__|~~|`|``|```|>|<|&|&amp;|&lt;|#|# |- |+ |1. |2) |=|---|===|[|]|(|)|](|!|\\|\\*|:|::|@|@aa|\n|\n\n| |  |    |\t|.|,|é|🔥|http:|www.|://|a@b.c|\u00e9*|:-", "|"))
	bars := rapid.SampledFrom([]string{"|", "\n|-|\n", "| a |"})
	return rapid.Map(rapid.SliceOfN(rapid.OneOf(piece, piece, piece, bars), 0, 14), func(list []string) string { return strings.Join(list, "") })
}

// Text that is meant literally is shown literally, whatever it is in Markdown.
func TestLiteralTextIsShownAsItIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := pieces().Draw(t, "text")
		tr := &translator{users: nobody}
		body := tr.text(escapeEntities(text), false)
		if got, want := shown(body), lined(text); got != want {
			t.Fatalf("%q is %q, which shows\n%q, want\n%q", text, body, got, want)
		}
	})
}

// Of text with markup, nothing is lost but the marks.
func TestMarkedTextKeepsItsWords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := pieces().Draw(t, "text")
		tr := &translator{users: nobody}
		body := tr.text(text, true)
		unmarked := strings.NewReplacer("|", "", "*", "", "_", "", "~", "", "`", "", ">", "", "<", "", "&amp;", "&", "&lt;", "", " ", "", "\n", "", "\u00a0", "", "\t", "")
		if got, want := unmarked.Replace(shown(body)), unmarked.Replace(text); got != want {
			t.Fatalf("%q is %q, which shows\n%q, want\n%q", text, body, got, want)
		}
	})
}

// Marks that are translated are seen as marks by Markdown too.
func TestMarksAreMarks(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "(b)", "é", "🔥", "c.", "\"d\"", "e f", "[g]", "<https://h.i|j>", ":tada:", "`k`"})
	mark := rapid.SampledFrom([]string{"*", "_", "~"})
	edge := rapid.SampledFrom([]string{"", " ", "(", ")", ",", ":", "\"", "-", "🔥", "—"})
	rapid.Check(t, func(t *rapid.T) {
		var text strings.Builder
		for range rapid.IntRange(1, 4).Draw(t, "words") {
			m := mark.Draw(t, "mark")
			text.WriteString(edge.Draw(t, "before") + m + word.Draw(t, "word") + m + edge.Draw(t, "after") + " ")
		}
		tr := &translator{users: nobody}
		body := tr.text(text.String(), true)
		escaped := strings.Count(body, `\*`) + strings.Count(body, `\_`) + strings.Count(body, `\~`)
		got := shown(body)
		if marks := strings.Count(got, "*") + strings.Count(got, "_") + strings.Count(got, "~"); marks != escaped {
			t.Fatalf("%q is %q, which shows %q", text.String(), body, got)
		}
	})
}

func FuzzMrkdwn(f *testing.F) {
	for _, seed := range []string{"*a* _b_", "```x```", "<https://a.b|c>", "&gt; q", "<!here>", "a|b\n-|-", "`", "\\*a*", "🔥_x_🔥"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		tr := &translator{users: nobody}
		if body := tr.text(text, true); strings.ContainsRune(body, 0) || strings.Contains(body, "\r") {
			t.Errorf("%q is %q", text, body)
		}
		if !strings.ContainsAny(text, ":<&\x00\r\ufffd\v\f\u0085\u2028\u2029") {
			if got, want := shown(tr.text(escapeEntities(text), false)), lined(strings.ToValidUTF8(text, "\ufffd")); got != want && !strings.ContainsRune(want, '\ufffd') {
				t.Errorf("%q shows\n%q, want\n%q", text, got, want)
			}
		}
	})
}

// Nobody keeps the server busy with a text that is hard to translate.
func BenchmarkHardTexts(b *testing.B) {
	for _, unit := range []string{"*a", "_a ", "`a", "<a", "*a _b ~c ", "&gt;", "www.", "https://a ", "```"} {
		text := strings.Repeat(unit, longestText/len(unit))
		b.Run(unit, func(b *testing.B) {
			for b.Loop() {
				tr := &translator{users: nobody}
				tr.text(text, true)
			}
		})
	}
}
