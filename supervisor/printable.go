package supervisor

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Printable makes a text harmless to a terminal: colours and other escape sequences are taken out, any other character
// that a terminal would obey, or that would show the text in another order than it has, is written as \u and its number,
// and what is no UTF-8 as U+FFFD. Tabs are left.
func Printable(text string) string {
	if isPrintable(text) {
		return text
	}
	text = escapeSequence.ReplaceAllLiteralString(strings.ToValidUTF8(text, "\uFFFD"), "")
	var clean strings.Builder
	for _, r := range text {
		if obeyed(r) {
			fmt.Fprintf(&clean, `\u%04x`, r)
		} else {
			clean.WriteRune(r)
		}
	}
	return clean.String()
}

// escapeSequence is what begins with ESC [ (colours, moves) or ESC ] (titles, links), see console_codes(4) and ECMA-48, 5.4.
var escapeSequence = regexp.MustCompile(`\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)`)

func isPrintable(text string) bool {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return isPrintableUnicode(text[i:])
		}
		if obeyed(rune(text[i])) {
			return false
		}
	}
	return true
}

func isPrintableUnicode(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, obeyed) < 0
}

// obeyed are the control characters of both sets (ISO 6429), line ends among them, and those that change the direction of
// writing (Unicode Standard Annex 9).
func obeyed(r rune) bool {
	switch {
	case r == '\t':
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return true
	default:
		return false
	}
}
