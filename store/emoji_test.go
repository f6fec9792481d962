package store

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEmoji(t *testing.T) {
	for _, s := range []string{
		":tada:", ":+1:", ":-1:", ":e-mail:", ":8ball:", "👍", "👍🏽", "❤", "❤️", "☎️", "©️", "ℹ️", "‼️", "↔️", "⤴️", "〰️", "㊗️", "◾",
		"🇩🇪", "1️⃣", "#️⃣", "*⃣", "👨‍👩‍👧‍👦", "🧑🏿‍🚀", "🏳️‍🌈", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👁️‍🗨️",
	} {
		if err := CheckEmoji(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{
		"", ":", "::", "tada", ":ta da:", ":Tada:", ":a:b:", "a", "1", "#", "👍👍", "👍 ", "👍a", "\u200d👍", "👍\u200d", "\ufe0f", "🏽", "🇩", "🇩🇪🇩", "🇩👍",
		"<b>", "1️", "\x00", "\xff", "👍\xff", "@", "½",
	} {
		if err := CheckEmoji(s); CodeOf(err) != Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// Whatever is taken for an emoji is short, is text that can be kept, and holds no letters that could be markup.
func FuzzCheckEmoji(f *testing.F) {
	for _, seed := range []string{":tada:", "👨‍👩‍👧‍👦", "1️⃣", "🇩🇪", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👍\xff", "👍👍"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckEmoji(s) != nil {
			return
		}
		if n := utf8.RuneCountInString(s); n == 0 || n > 64 || !storable(s) {
			t.Errorf("%q has %d characters", s, n)
		}
		for _, r := range s {
			if r != emojiVariant && unicode.IsSpace(r) || r == '<' || r == '>' || r == '&' || r == '"' || r == '/' {
				t.Errorf("%q holds %q", s, r)
			}
		}
	})
}
