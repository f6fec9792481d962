package store

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var searchNow = time.Date(2026, 3, 15, 14, 0, 0, 0, time.UTC)

func day(text string) time.Time {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestParseSearch(t *testing.T) {
	for text, want := range map[string]SearchQuery{
		"hello":                            {Words: `"hello"`},
		`  two  "a phrase" -not -"not a" `: {Words: `"two" "a phrase" -"not" -"not a"`},
		`open "phrase`:                     {Words: `"open" "phrase"`},
		"in:#General in:dev -in:@Ada x":    {Words: `"x"`, In: []string{"#general", "#dev"}, NotIn: []string{"@ada"}},
		"FROM:@Bob from:me -from:eve":      {From: []string{"bob", "me"}, NotFrom: []string{"eve"}},
		"has:link has:Files -has:pin":      {Has: []string{"link", "file"}, NotHas: []string{"pin"}},
		`in:"team lunch"`:                  {In: []string{"#team lunch"}},
		"before:2026-02-01 x":              {Words: `"x"`, Until: day("2026-02-01")},
		"after:2026-02-01":                 {Since: day("2026-02-02")},
		"on:2026-02-01":                    {Since: day("2026-02-01"), Until: day("2026-02-02")},
		"during:2026-02":                   {Since: day("2026-02-01"), Until: day("2026-03-01")},
		"during:2025":                      {Since: day("2025-01-01"), Until: day("2026-01-01")},
		"after:2026-01-01 after:2025-01-01 before:today before:yesterday": {Since: day("2026-01-02"), Until: day("2026-03-14")},
		"https://example.org note:this - -- a-b":                          {Words: `"https://example.org" "note:this" "-" "--" "a-b"`},
		`a"b"c`:                                                           {Words: `"a" "b" "c"`},
	} {
		got, err := ParseSearch(text, searchNow)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got)\n%s", text, err, diff)
		}
	}
	for _, text := range []string{strings.Repeat("ä", MaxSearch), strings.Repeat("x ", maxSearchTerms)} {
		if _, err := ParseSearch(text, searchNow); err != nil {
			t.Errorf("as much as may be: %v", err)
		}
	}
	for text, say := range map[string]string{
		"":                       "must have a word",
		` "" - `:                 "",
		"in:":                    "in:#general",
		"in:@ x":                 "in:#general",
		"from:":                  "from:@ada",
		"has:money":              "link, file, image, code, reaction, pin",
		"before:yesterdayish":    "before:2026-01-31",
		"after:2026-02-30":       "after:2026-01-31",
		"on:2026-02":             "on:2026-01-31",
		"during:spring":          "during:2026-01",
		"-before:2026-01-01":     "opposite",
		"x\x00":                  "NUL",
		strings.Repeat("x", 501): "500 characters",
		strings.Repeat("x ", 31): "30 words",
	} {
		_, err := ParseSearch(text, searchNow)
		if say == "" {
			continue
		}
		checkInvalid(t, err, "q")
		if err != nil && !strings.Contains(err.(*Error).Fields["q"], say) {
			t.Errorf("%q: %v, want %q", text, err.(*Error).Fields, say)
		}
	}
}

// What a query is made of is found in it again, in whatever order.
func TestParseSearchProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want SearchQuery
		var words, terms []string
		for range rapid.IntRange(1, 12).Draw(t, "terms") {
			word := rapid.StringMatching(`[a-zä]{1,6}`).Draw(t, "word")
			not := rapid.SampledFrom([]string{"", "-"}).Draw(t, "not")
			add := func(yes, no *[]string, value, term string) {
				if not == "" {
					*yes = append(*yes, value)
				} else {
					*no = append(*no, value)
				}
				terms = append(terms, not+term)
			}
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				add(&want.In, &want.NotIn, "#"+word, "in:#"+word)
			case 1:
				add(&want.In, &want.NotIn, "@"+word, "in:@"+word)
			case 2:
				add(&want.From, &want.NotFrom, word, "from:"+word)
			case 3:
				add(&want.Has, &want.NotHas, "pin", "has:pin")
			case 4:
				words, terms = append(words, not+`"`+word+`"`), append(terms, not+word)
			default:
				phrase := `"` + word + " " + word + `"`
				words, terms = append(words, not+phrase), append(terms, not+phrase)
			}
		}
		want.Words = strings.Join(words, " ")
		got, err := ParseSearch(strings.Join(terms, rapid.SampledFrom([]string{" ", "  ", "\t"}).Draw(t, "space")), searchNow)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v: %v (-want +got)\n%s", terms, err, diff)
		}
	})
}

func FuzzParseSearch(f *testing.F) {
	for _, seed := range []string{`hello "a b" -c`, "in:#a from:@b has:link", "before:2026-01-01", `-"`, "- -", "in:\"", "\xff", "during:0000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := ParseSearch(text, searchNow)
		if err != nil {
			if CodeOf(err) != Invalid || err.(*Error).Fields["q"] == "" {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if q.empty() || !utf8.ValidString(q.Words) || strings.Count(q.Words, `"`)%2 != 0 {
			t.Errorf("%q: %+v", text, q)
		}
	})
}
