package markup

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNames(t *testing.T) {
	for body, want := range map[string][]string{
		"hello":                               nil,
		"@ada":                                {"ada"},
		"@Ada: hi":                            {"ada"},
		"(@b.ob)":                             {"b.ob"},
		"thanks @b.ob.":                       {"b.ob"},
		"thanks @b.ob...":                     {"b.ob"},
		"@ada @ADA @bob":                      {"ada", "bob"},
		"@channel lunch, @here too":           {"channel", "here"},
		"@b.ob-1":                             {"b.ob-1"},
		"@a_b_c and *@d* ~~@e~~ **@f_g**":     {"a_b_c", "d", "e", "f_g"},
		"@ada_":                               {"ada"},
		"@a..b":                               {"a..b"},
		"mail b.ob@b.ob":                      nil,
		"mail me@b.ob":                        nil,
		"ü@ada":                               nil,
		"@adaü":                               nil,
		"@ada.ü":                              nil,
		".@ada -@ada _@ada":                   nil,
		"@@ada":                               {"ada"},
		"@":                                   nil,
		"@-ada":                               nil,
		"@ada/@bob":                           {"ada", "bob"},
		"first\n@ada\nlast":                   {"ada"},
		"`@ada`":                              nil,
		"a ``@ada ` b`` @bob":                 {"bob"},
		"```\n@ada\n```\n@bob":                {"bob"},
		"~~~ css\n@ada\n~~~":                  nil,
		"```\n@ada is not closed":             nil,
		"x\n\n    @ada":                       nil,
		"`@ada is no code":                    {"ada"},
		"https://example.org/@ada @bob":       {"bob"},
		"<https://example.org/@ada>":          nil,
		"[@ada](https://example.org/@bob)":    {"ada"},
		"![@ada](https://example.org/a.png)":  {"ada"},
		"> @ada\n\n- @bob\n\n# @cy":           {"ada", "bob", "cy"},
		"| a | b |\n|---|---|\n| @ada | @b |": {"ada", "b"},
		"<b>@ada</b>":                         {"ada"},
		"日本 @ada、":                            {"ada"},
		"\\@ada":                              nil,
	} {
		if diff := cmp.Diff(want, Names(body)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", body, diff)
		}
	}
	var many strings.Builder
	for i := range 3 * MaxNames {
		many.WriteString("@" + strings.Repeat("a", 1+i%40) + string(rune('0'+i%10)) + " ")
	}
	if n := len(Names(strings.Repeat(many.String(), 2))); n > MaxNames {
		t.Errorf("%d names count", n)
	}
}

// FuzzNames: what is named stands in the text behind an @, and is shown outside of code.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"@ada", "`@a` @b", "```\n@a\n```", "me@b.c", "@a_b *@c*", "\\@a", "| @a |\n|-|\n| `|@b` |", "\x00@a", "@\xff@a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var html bytes.Buffer
		var shown []string
		for _, name := range Names(body) {
			if !strings.Contains(strings.ToLower(body), "@"+name) || strings.Trim(name, "._-") != name {
				t.Errorf("%q names %q", body, name)
			}
			if slices.ContainsFunc([]rune(name), func(r rune) bool { return !isNameLetter(r) && !joins(r) }) {
				t.Errorf("%q is a name", name)
			}
		}
		err := reader().Convert([]byte(body), &html)
		for name := range strings.SplitSeq(html.String(), `<span class="mention">@`) {
			shown = append(shown, strings.ToLower(strings.Split(name, "</span>")[0]))
		}
		for _, name := range Names(body) {
			if !slices.Contains(shown[1:], name) && !strings.Contains(body, "![") { // what is in place of an image is text alone
				t.Errorf("%q names %q, which is not shown so: %v", body, name, shown)
			}
		}
		if err != nil {
			t.Errorf("%q: %v", body, err)
		}
	})
}

func BenchmarkNames(b *testing.B) {
	for b.Loop() {
		Names("Good morning @ada, have you seen *this*? It is what @bob said.")
	}
}
