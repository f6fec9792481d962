package slack

import (
	"cmp"
	"regexp"
	"strings"
	"unicode"
)

// inline translates what stands in one line.
type inline struct {
	*translator
	markup bool
	active string // the marks that are open around it
}

// marks are those of Slack, and what Markdown has for them. Of the two for italics, the second is for where letters that
// are not of ASCII stand close by.
var marks = map[byte]string{'*': "**", '_': "_", '~': "~~"}

// translate translates s, which stands between two characters; 0 is none.
func (in inline) translate(s string, before, after rune) string {
	var out []byte
	hopeless := "" // marks that are not closed in the rest of s
	for i := 0; i < len(s); {
		previous := before
		if i > 0 {
			previous = lastRune(s[:i])
		}
		done, size := "", 0
		switch b := s[i]; {
		case b == '<':
			done, size = in.control(s[i:], previous)
		case b == '&':
			done, size = entity(s[i:])
		case b == '`' && in.markup:
			done, size = codeSpan(s[i:])
		case marks[b] != "" && in.markup && !strings.Contains(hopeless+in.active, s[i:i+1]):
			if done, size = in.marked(s[i:], previous, after); size == 0 && opens(s[i:], previous) {
				hopeless += s[i : i+1]
			}
		case b == ':':
			done = emojiOf(previous, s[i:])
			size = len(done)
		case b == '@' && !isWord(previous):
			done = namePattern.FindString(s[i:])
			size = len(done)
		case !isWord(previous):
			done, size = bareLink(s[i:])
		}
		if size == 0 {
			size = len(string(firstRune(s[i:])))
			done = escape(s[i : i+size])
		}
		out = appendTo(out, done)
		i += size
	}
	return string(out)
}

// appendTo appends Markdown. A link behind an exclamation mark is no picture.
func appendTo(out []byte, done string) []byte {
	if n := len(out); n > 0 && out[n-1] == '!' && strings.HasPrefix(done, "[") {
		out = append(out[:n-1], `\!`...)
	}
	return append(out, done...)
}

// namePattern is "@name" as people write it.
var namePattern = regexp.MustCompile(`^@[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?`)

func entity(s string) (done string, size int) {
	for _, e := range []string{"&amp;", "&lt;", "&gt;"} {
		if strings.HasPrefix(s, e) {
			return escape(unescape(e)), len(e)
		}
	}
	return "", 0
}

// codeSpan translates the code that s begins with.
func codeSpan(s string) (done string, size int) {
	end := strings.IndexByte(s[1:], '`')
	if end <= 0 {
		return "", 0
	}
	code := unescape(stripLinks(s[1 : end+1]))
	ticks := strings.Repeat("`", longestRun(code, '`')+1)
	if strings.TrimSpace(code) != "" && (code[0] == ' ' && code[len(code)-1] == ' ' || code[0] == '`' || code[len(code)-1] == '`') {
		code = " " + code + " " // which Markdown takes off
	}
	return ticks + code + ticks, end + 2
}

// opens reports whether the mark that s begins with may open something.
func opens(s string, before rune) bool {
	next := firstRune(s[1:])
	return !isWord(before) && next != 0 && !unicode.IsSpace(next) && next != rune(s[0])
}

// marked translates what stands between two marks, of which s begins with the first.
func (in inline) marked(s string, before, after rune) (done string, size int) {
	if !opens(s, before) {
		return "", 0
	}
	end := closing(s, after)
	if end == 0 {
		return "", 0
	}
	inside, mark := s[1:end], marks[s[0]]
	if end+1 < len(s) {
		after = firstRune(s[end+1:])
	}
	// Otherwise Markdown would not see the marks.
	if !isEdge(before) && !isWord(firstRune(inside)) || !isEdge(after) && !isWord(lastRune(inside)) {
		return "", 0
	}
	if mark == "_" && !(isEdge(before) && isEdge(after)) {
		mark = "*"
	}
	deeper := in
	deeper.active += s[:1]
	return mark + deeper.translate(inside, rune(s[0]), rune(s[0])) + mark, end + 1
}

// closing is where the mark that s begins with is closed; 0 if it is not. After is what follows s.
func closing(s string, after rune) int {
	mark := s[0]
	for j := 1; j < len(s); j++ {
		switch s[j] {
		case '`', '<':
			if skip := strings.IndexByte(s[j+1:], map[byte]byte{'`': '`', '<': '>'}[s[j]]); skip >= 0 {
				j += skip + 1
			}
		case mark:
			next := after
			if j+1 < len(s) {
				next = firstRune(s[j+1:])
			}
			if last := lastRune(s[:j]); j > 1 && !unicode.IsSpace(last) && last != rune(mark) && next != rune(mark) && !isWord(next) {
				return j
			}
		}
	}
	return 0
}

// control translates what stands in < >.
func (in inline) control(s string, before rune) (done string, size int) {
	end := strings.IndexAny(s[1:], "<>") + 1
	if end <= 1 || s[end] != '>' {
		return "", 0
	}
	what, label, _ := strings.Cut(s[1:end], "|")
	what, label, size = unescape(what), unescape(label), end+1
	after := firstRune(s[size:])
	switch what[:min(1, len(what))] {
	case "@", "#":
		if name := in.users(what[1:]); name != "" && what[0] == '@' {
			return mentionOf(name, before, after), size
		}
		return in.named(what[:1], cmp.Or(label, what[1:]), before, after), size
	case "!":
		return in.command(what[1:], label, before, after), size
	}
	if !schemePattern.MatchString(what) {
		return "", 0
	}
	return link(what, label), size
}

// named is a user or channel by what Slack calls it.
func (in inline) named(sign, label string, before, after rune) string {
	name := strings.TrimPrefix(label, sign)
	if sign == "@" && namePattern.FindString("@"+name) == "@"+name {
		return mentionOf(name, before, after)
	}
	if sign == "#" && channelPattern.MatchString(name) && !isWord(before) {
		return "#" + name
	}
	return escape(sign) + oneLine(name)
}

var channelPattern = regexp.MustCompile(`^[a-z0-9]+(?:[-.][a-z0-9]+)*$`)

// command is what stands behind <!.
func (in inline) command(what, label string, before, after rune) string {
	switch what {
	case "here":
		return mentionOf("here", before, after)
	case "channel", "everyone", "group":
		return mentionOf("channel", before, after)
	}
	if label != "" {
		return oneLine(label)
	}
	what, _, _ = strings.Cut(what, "^")
	return oneLine("<" + what + ">")
}
