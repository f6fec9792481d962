package store

import (
	"strings"
	"unicode"

	"snug/store/markup"
)

const (
	keycap        = '\u20e3'
	joiner        = '\u200d' // zero width joiner
	emojiVariant  = '\ufe0f' // variation selector 16
	firstModifier = '\U0001f3fb'
	lastModifier  = '\U0001f3ff' // of skin tones
	firstTag      = '\U000e0020'
	lastTag       = '\U000e007f'
	firstRegional = '\U0001f1e6'
	lastRegional  = '\U0001f1ff'
)

// emojiBases are the characters that may stand for an emoji besides symbols (general category So): ‼ ⁉ ↔ ◽ and the like.
var emojiBases = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x203c, Hi: 0x203c, Stride: 1}, {Lo: 0x2049, Hi: 0x2049, Stride: 1}, {Lo: 0x2139, Hi: 0x2139, Stride: 1}, {Lo: 0x2194, Hi: 0x2194, Stride: 1},
	{Lo: 0x25fb, Hi: 0x25fe, Stride: 1}, {Lo: 0x2934, Hi: 0x2935, Stride: 1}, {Lo: 0x2b05, Hi: 0x2b07, Stride: 1},
	{Lo: 0x3030, Hi: 0x3030, Stride: 1}, {Lo: 0x303d, Hi: 0x303d, Stride: 1},
}}

// CanonicalEmoji returns the one form in which an emoji is kept: its character, with the variation that is usual for it. It
// wants one emoji, as a character or by a name that [markup.EmojiNamed] knows, between colons or not, and answers Invalid to
// anything else. A character is of the form of Unicode Technical Standard #51, section 1.4.9: a flag, a keycap, or symbols
// with their modifiers, joined into one.
func CanonicalEmoji(s string) (string, error) {
	if len(s) > 1 { // a single letter is the name of one, too, but is hardly meant so
		if character, known := markup.EmojiNamed(":" + strings.Trim(s, ":") + ":"); known {
			s = character
		}
	}
	if usual, known := markup.UsualEmoji(s); known && !isModifier(s) {
		return usual, nil
	}
	if storable(s) && isEmoji([]rune(s)) {
		return s, nil
	}
	return "", invalid("emoji", "must be one emoji, or its name, as :tada:")
}

func isEmoji(r []rune) bool {
	const longest = 32 // the longest in use have 14
	if len(r) == 0 || len(r) > longest {
		return false
	}
	if regional(r[0]) {
		return len(r) == 2 && regional(r[1])
	}
	if r[0] == '#' || r[0] == '*' || (r[0] >= '0' && r[0] <= '9') {
		return len(r) == 2 && r[1] == keycap || len(r) == 3 && r[1] == emojiVariant && r[2] == keycap
	}
	for {
		r = afterElement(r)
		switch {
		case r == nil:
			return false
		case len(r) == 0:
			return true
		case r[0] != joiner:
			return false
		}
		r = r[1:]
	}
}

// afterElement returns what follows the symbol and its modifiers that r begins with, and nil when it begins with none.
func afterElement(r []rune) []rune {
	if len(r) == 0 || !(unicode.Is(unicode.So, r[0]) || unicode.Is(emojiBases, r[0])) {
		return nil
	}
	r = r[1:]
	if len(r) > 0 && (r[0] == emojiVariant || isModifier(string(r[0]))) {
		r = r[1:]
	}
	for len(r) > 0 && r[0] >= firstTag && r[0] <= lastTag {
		r = r[1:]
	}
	return r
}

func regional(r rune) bool { return r >= firstRegional && r <= lastRegional }

func isModifier(s string) bool { return s >= string(firstModifier) && s <= string(lastModifier) }
