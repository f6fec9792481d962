package store

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/kyokomi/emoji/v2"

	"snug/store/markup"
)

func TestEmoji(t *testing.T) {
	for _, s := range []string{
		":tada:", ":+1:", ":-1:", ":e-mail:", ":8ball:", "👍", "👍🏽", "❤", "❤️", "☎️", "©️", "ℹ️", "‼️", "↔️", "⤴️", "〰️", "㊗️", "◾",
		"🇩🇪", "1️⃣", "#️⃣", "*⃣", "👨‍👩‍👧‍👦", "🧑🏿‍🚀", "🏳️‍🌈", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👁️‍🗨️",
	} {
		if _, err := CanonicalEmoji(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{
		"", ":", "::", "nothing", ":ta da:", ":Tada:", ":a:b:", ":nothing_of_that_name:", ":skin-tone-2:", "a", "1", "#", "👍👍", "👍 ", "👍a", "\u200d👍", "👍\u200d", "\ufe0f", "🏽", "🇩", "🇩🇪🇩", "🇩👍",
		"<b>", "1️", "\x00", "\xff", "👍\xff", "@", "½",
	} {
		if _, err := CanonicalEmoji(s); CodeOf(err) != Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// However somebody writes an emoji, it is the same one.
func TestEmojiHasOneForm(t *testing.T) {
	for s, want := range map[string]string{
		":tada:": "🎉", "tada": "🎉", "🎉": "🎉", ":+1:": "👍", "+1": "👍", "thumbsup": "👍", ":heart:": "❤️", "❤": "❤️", "❤️": "❤️",
		":de:": "🇩🇪", ":hash:": "#️⃣", "#⃣": "#️⃣", ":slightly_smiling_face:": "🙂", "👩‍❤️‍👩": "👩‍❤️‍👩", "👩‍❤‍👩": "👩‍❤️‍👩", "⇄": "⇄",
	} {
		if got, err := CanonicalEmoji(s); err != nil || got != want {
			t.Errorf("%q is kept as %q, %v; want %q", s, got, err, want)
		}
	}
}

// Every emoji that has a name may be used, and all names of one give the same.
func TestNamesOfEmoji(t *testing.T) {
	for name, character := range emoji.CodeMap() {
		named, _ := markup.EmojiNamed(name)
		if usual, known := markup.UsualEmoji(character); !known || named != usual {
			t.Errorf("%s is %q in messages, and %q as a reaction", name, named, usual)
		}
		byName, err := CanonicalEmoji(name)
		byCharacter, err2 := CanonicalEmoji(character)
		bare, err3 := CanonicalEmoji(strings.ReplaceAll(character, string(emojiVariant), ""))
		if isModifier(character) {
			continue // it is none by itself
		}
		if err != nil || err2 != nil || err3 != nil || byName != byCharacter || bare != byName {
			t.Errorf("%s: %q, %v; %q: %q, %v; bare: %q, %v", name, byName, err, character, byCharacter, err2, bare, err3)
		}
		if again, err := CanonicalEmoji(byName); err != nil || again != byName {
			t.Errorf("%q is kept as %q", byName, again)
		}
	}
}

// Whatever is taken for an emoji is short, is text that can be kept, and holds no letters that could be markup.
func FuzzCanonicalEmoji(f *testing.F) {
	for _, seed := range []string{":tada:", "👨‍👩‍👧‍👦", "1️⃣", "🇩🇪", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👍\xff", "👍👍"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		kept, err := CanonicalEmoji(s)
		if err != nil {
			return
		}
		if again, err := CanonicalEmoji(kept); err != nil || again != kept {
			t.Errorf("%q is kept as %q, and that as %q, %v", s, kept, again, err)
		}
		s = kept
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
