package slack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// Whatever a program sends, what becomes of it can be kept.
func FuzzPayload(f *testing.F) {
	files, err := filepath.Glob("../testdata/hooks/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"text": "` + strings.Repeat("x `` ``` ", 100) + `"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		IDs(raw)
		p, err := Decode(raw)
		if err != nil {
			return
		}
		if n := utf8.RuneCountInString(p.Name()); n > 80 {
			t.Errorf("a name of %d characters", n)
		}
		const most = 300
		body, err := p.Markdown(most, nobody)
		if n := utf8.RuneCountInString(body); n > most || err == nil && strings.TrimSpace(body) == "" {
			t.Errorf("%d characters: %q", n, body)
		}
		if strings.ContainsRune(body, 0) || !utf8.ValidString(body) {
			t.Errorf("%q cannot be kept", body)
		}
	})
}

// What is cut says so, and leaves no code open.
func TestLongTextsAreCut(t *testing.T) {
	for _, long := range []string{
		strings.Repeat("word ", 500), strings.Repeat("x", 2000), "```" + strings.Repeat("code\n", 500) + "```", strings.Repeat("é\n", 20_000),
		"&gt; " + strings.Repeat("word ", 500),
	} {
		for _, p := range []Payload{{Text: text(long)}, {Attachments: []attachment{{Text: text(long)}}}} {
			body, err := p.Markdown(1000, nobody)
			if n := utf8.RuneCountInString(body); err != nil || n > 1000 || n < 500 {
				t.Errorf("%d characters, %v", n, err)
			}
			if seen := shown(body); !strings.HasSuffix(seen, "characters more.") {
				t.Errorf("%q shows %q", body[len(body)-100:], seen[len(seen)-50:])
			}
		}
	}
}

func TestColours(t *testing.T) {
	for colour, want := range map[string]string{
		"good": "🟢", "warning": "🟡", "danger": "🔴", "#36a64f": "🟢", "#D63232": "🔴", "e01e5a": "🔴", "#f2c744": "🟡", "#ff9900": "🟠",
		"#439FE0": "🔵", "#808080": "", "#24292f": "", "red": "", "#12": "", "": "",
	} {
		if got := colourMark(strings.ToLower(colour)); got != want {
			t.Errorf("%q is %s, want %s", colour, got, want)
		}
	}
}
