package slack

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"snug/store/markup"
)

// translator makes Markdown of Slack's texts. What has a meaning in Markdown and none in Slack is escaped.
//
// Slack's markup is https://docs.slack.dev/messaging/formatting-message-text: *bold*, _italic_, ~strike~, `code`, blocks of
// code between ```, lines that begin with > are quoted, and what stands in < > is a link or a mention. The characters & < >
// are written &amp; &lt; &gt;.
type translator struct {
	users func(id string) string // the name of a user; empty if there is none
	cut   int                    // how many characters of texts were left out
}

// longestText is the most characters of one text that are translated: more than a message holds.
const longestText = 12_000

// text translates a text of several lines. Without markup, only links, mentions and emoji are looked for.
func (t *translator) text(s string, markup bool) string {
	s = t.clean(s)
	var parts []string
	for markup {
		before, rest, opened := strings.Cut(s, "```")
		code, after, closed := strings.Cut(rest, "```")
		if !opened || !closed {
			break
		}
		parts = append(parts, t.lines(before, true), fenced(unescape(stripLinks(code))))
		s = strings.TrimLeft(after, " ")
	}
	return join(append(parts, t.lines(s, markup))...)
}

// clean returns what can be kept, in lines that end in one way.
func (t *translator) clean(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\x00", "\uFFFD").Replace(strings.ToValidUTF8(s, "\uFFFD"))
	if n := utf8.RuneCountInString(s); n > longestText {
		t.cut += n - longestText
		s = string([]rune(s)[:longestText])
	}
	return s
}

// join puts blocks of Markdown one after the other.
func join(blocks ...string) string {
	var kept []string
	for _, b := range blocks {
		if b = strings.Trim(b, "\n"); strings.TrimSpace(b) != "" {
			kept = append(kept, b)
		}
	}
	return strings.Join(kept, "\n\n")
}

// fenced is a block of code.
func fenced(code string) string {
	code = strings.Trim(code, "\n")
	if code == "" {
		return ""
	}
	fence := strings.Repeat("`", max(3, longestRun(code, '`')+1))
	return fence + "\n" + code + "\n" + fence
}

func longestRun(s string, b byte) (longest int) {
	run := 0
	for i := range len(s) {
		if run++; s[i] != b {
			run = 0
		}
		longest = max(longest, run)
	}
	return longest
}

// quoted is a block in which every line is quoted.
func quoted(block string) string {
	if block == "" {
		return ""
	}
	return "> " + strings.ReplaceAll(block, "\n", "\n> ")
}

// lines translates lines of text, of which some may be quoted.
func (t *translator) lines(s string, markup bool) string {
	var blocks, run []string
	inQuote := false
	end := func() {
		block := strings.Join(run, "\n")
		if inQuote {
			block = quoted(strings.Trim(block, "\n"))
		}
		blocks, run = append(blocks, block), nil
	}
	for line := range strings.SplitSeq(s, "\n") {
		rest, isQuote := quoteMark(line)
		if isQuote = isQuote && markup; isQuote != inQuote {
			end()
			inQuote = isQuote
		}
		if isQuote {
			line = rest
		}
		run = append(run, t.line(line, markup))
	}
	end()
	return join(blocks...)
}

func quoteMark(line string) (rest string, found bool) {
	for _, mark := range []string{"&gt;", ">"} {
		if rest, found = strings.CutPrefix(line, mark); found {
			return strings.TrimPrefix(rest, " "), true
		}
	}
	return line, false
}

// noBreakSpace keeps the place of spaces that Markdown would take off, or for code.
const noBreakSpace = "\u00a0"

// markAtStart is what Markdown takes for a list, a rule or a heading at the beginning of a line.
var markAtStart = regexp.MustCompile(`^(?:[-+=]|[0-9]+[.)]|:[-: ]*$)`)

// line translates one line.
func (t *translator) line(s string, markup bool) string {
	s = strings.TrimRightFunc(s, unicode.IsSpace)
	text := strings.TrimLeft(s, " \t\v\f")
	indent := strings.NewReplacer(" ", noBreakSpace, "\t", strings.Repeat(noBreakSpace, 4), "\v", "", "\f", "").Replace(s[:len(s)-len(text)])
	in := inline{translator: t, markup: markup}
	out := in.translate(text, 0, 0)
	if mark := markAtStart.FindString(out); mark != "" && indent == "" {
		if last := len(mark) - 1; mark[last] == '.' || mark[last] == ')' {
			return mark[:last] + `\` + out[last:]
		}
		return `\` + out
	}
	return indent + out
}

var unescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

func unescape(s string) string { return unescaper.Replace(s) }

var linkPattern = regexp.MustCompile(`<([a-z]+:[^<>|\n]*)(?:\|([^<>\n]*))?>`)

// stripLinks leaves of links in code what Slack shows of them.
func stripLinks(s string) string {
	return linkPattern.ReplaceAllStringFunc(s, func(link string) string {
		parts := linkPattern.FindStringSubmatch(link)
		if parts[2] != "" {
			return parts[2]
		}
		return parts[1]
	})
}

// escape is text as Markdown.
func escape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if name := emojiOf(lastRune(s[:i]), s[i:]); name != "" {
			out.WriteString(name)
			i += len(name) - 1
			continue
		}
		if strings.IndexByte("\\`*_~[]<>&|#", s[i]) >= 0 {
			out.WriteByte('\\')
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// oneLine is text as Markdown, of which line ends are spaces.
func oneLine(s string) string { return escape(strings.Join(strings.Fields(s), " ")) }

func isWord(r rune) bool { return r != 0 && (unicode.IsLetter(r) || unicode.IsNumber(r)) }

// isEdge reports whether r is what Markdown takes for an edge of a word for sure: nothing, a space, or punctuation of ASCII.
func isEdge(r rune) bool {
	return r == 0 || unicode.IsSpace(r) || r < utf8.RuneSelf && !isWord(r)
}

func firstRune(s string) rune {
	r, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return 0
	}
	return r
}

func lastRune(s string) rune {
	r, size := utf8.DecodeLastRuneInString(s)
	if size == 0 {
		return 0
	}
	return r
}

// mentionOf is a mention between what is before and after it.
func mentionOf(name string, before, after rune) string {
	mention := "@" + name
	if isWord(before) || before != 0 && strings.ContainsRune("._-@\\", before) {
		mention = " " + mention
	}
	if isWord(after) || after != 0 && strings.ContainsRune("._-", after) {
		mention += " "
	}
	return mention
}

// emojiOf is the name of an emoji at the beginning of text, as it stands.
func emojiOf(before rune, text string) string {
	if !strings.HasPrefix(text, ":") {
		return ""
	}
	name, _ := markup.EmojiAt(before, text)
	return name
}
