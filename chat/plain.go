package chat

import (
	"strings"
	"unicode/utf8"

	"snug/store/markup"
)

// markupBytes are those that may be Markdown wherever they stand. What is markup only at the start of a line is in
// startsMarkup.
var markupBytes = func() (markup [256]bool) {
	for b := range 0x20 {
		markup[b] = true
	}
	for _, b := range []byte("\\`*_~[]<>&|@#\x7f") {
		markup[b] = true
	}
	return markup
}()

// plainHTML renders a body that has no markup: paragraphs of lines. It reports false for any other, and gives for
// those that it takes what the Markdown parser and the sanitiser would.
func plainHTML(body string) (string, bool) {
	if !utf8.ValidString(body) {
		return "", false
	}
	out := make([]byte, 0, len(body)+len(body)/8+16)
	open := false // a paragraph is
	for line := range strings.SplitSeq(body, "\n") {
		if line == "" {
			if open {
				out, open = append(out, "</p>\n"...), false
			}
			continue
		}
		if startsMarkup(line) {
			return "", false
		}
		if open {
			out = append(out, "<br>\n"...)
		} else {
			out, open = append(out, "<p>"...), true
		}
		var plain bool
		if out, plain = appendPlain(out, line); !plain {
			return "", false
		}
	}
	if open {
		out = append(out, "</p>\n"...)
	}
	return string(out), true
}

// startsMarkup reports whether a line may be a heading, a rule, a list item, a table's delimiter row, or have spaces that
// Markdown takes off.
func startsMarkup(line string) bool {
	switch line[0] {
	case ' ', '+', '-', '=', ':':
		return true
	}
	if line[len(line)-1] == ' ' {
		return true
	}
	digits := 0
	for digits < len(line) && '0' <= line[digits] && line[digits] <= '9' {
		digits++
	}
	return digits > 0 && digits < len(line) && (line[digits] == '.' || line[digits] == ')')
}

// appendPlain appends line escaped for HTML, and reports whether it is free of markup and of what becomes a link.
func appendPlain(out []byte, line string) ([]byte, bool) {
	for i := range len(line) {
		switch b := line[i]; {
		case markupBytes[b]:
			return out, false
		case b == '\'':
			out = append(out, "&#39;"...)
		case b == '"':
			out = append(out, "&#34;"...)
		case b == '/' && i >= 2 && line[i-1] == '/' && line[i-2] == ':', b == '.' && i >= 3 && line[i-3:i] == "www":
			return out, false
		case b == ':' && emojiIn(line, i):
			return out, false
		default:
			out = append(out, b)
		}
	}
	return out, true
}

// emojiIn reports whether the name of an emoji begins at i.
func emojiIn(line string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(line[:i])
	name, _ := markup.EmojiAt(before, line[i:])
	return name != ""
}
