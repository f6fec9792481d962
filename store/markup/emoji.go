package markup

import (
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/kyokomi/emoji/v2"
)

// skinTones are the names that Slack gives the modifiers: ":wave::skin-tone-3:".
var skinTones = map[string]string{
	":skin-tone-2:": "\U0001f3fb", ":skin-tone-3:": "\U0001f3fc", ":skin-tone-4:": "\U0001f3fd", ":skin-tone-5:": "\U0001f3fe", ":skin-tone-6:": "\U0001f3ff",
}

// EmojiNamed returns the emoji of a name between colons: ":tada:". The names are GitHub's and Slack's.
func EmojiNamed(name string) (string, bool) {
	if tone := skinTones[name]; tone != "" {
		return tone, true
	}
	character, known := emoji.CodeMap()[name]
	if !known {
		return "", false
	}
	return UsualEmoji(character)
}

// EmojiAt returns the name of an emoji that text begins with, colons included, and the emoji. It begins where no word is
// before it, and ends where none follows: in "10:100:20" there is none.
func EmojiAt(before rune, text string) (name, character string) {
	end := 1
	for end < len(text) && end < longestEmojiName && isEmojiNameByte(text[end]) {
		end++
	}
	if end == 1 || end >= len(text) || text[end] != ':' || isWord(before) {
		return "", ""
	}
	if after, _ := utf8.DecodeRuneInString(text[end+1:]); isWord(after) {
		return "", ""
	}
	if character, known := EmojiNamed(text[:end+1]); known {
		return text[:end+1], character
	}
	return "", ""
}

// longestEmojiName is longer than any name, in bytes.
const longestEmojiName = 100

func isEmojiNameByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_' || b == '+' || b == '-'
}

// UsualEmoji returns the usual form of an emoji that has a name: with the variation selectors that it usually has. ❤ and ❤️
// are the same.
func UsualEmoji(character string) (string, bool) {
	usual, known := usualForms()[withoutVariation(character)]
	return usual, known
}

func withoutVariation(s string) string { return strings.ReplaceAll(s, "\ufe0f", "") }

// usualForms are the emoji that have names, by what they are without variation selectors. The one with them is usual.
var usualForms = sync.OnceValue(func() map[string]string {
	forms := map[string]string{}
	for character := range emoji.RevCodeMap() {
		bare := withoutVariation(character)
		forms[bare] = max(forms[bare], character)
	}
	return forms
})
