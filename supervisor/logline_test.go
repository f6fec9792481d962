package supervisor

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var compareAttrs = cmp.Options{
	cmp.Comparer(func(a, b slog.Attr) bool { return a.Equal(b) }),
	cmpopts.EquateApproxTime(time.Minute), // lines without a time have ours
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 123_000_000, time.UTC)

func TestJSONLine(t *testing.T) {
	for _, test := range []struct {
		text string
		want Line
	}{
		{`{"time":"2026-11-23T12:00:00.123Z","level":"WARN","msg":"slow","took":3,"id":12345678901234567890,"ratio":0.5,"ok":true,"none":null}`,
			Line{Time: noon, Level: slog.LevelWarn, Message: "slow", Attrs: []slog.Attr{slog.Int("took", 3),
				slog.Any("id", rawJSON("12345678901234567890")), slog.Any("ratio", rawJSON("0.5")), slog.Bool("ok", true), slog.Any("none", nil)}}},
		{`{"msg":"nested","error":{"at":[1,2]},"z":"","a":"\u001b[31mred\u0007"}`,
			Line{Time: time.Now(), Message: "nested", Attrs: []slog.Attr{slog.Any("error", rawJSON(`{"at":[1,2]}`)), slog.String("z", ""), slog.String("a", `red\u0007`)}}},
		{`{"msg":"of another","service":"postgres","level":30,"time":"noon"}`,
			Line{Time: time.Now(), Message: "of another", Attrs: []slog.Attr{slog.String("service_", "postgres"), slog.Int("level_", 30), slog.String("time_", "noon")}}},
		{`{"msg":"first","x":1,"msg":"last","x":2}`, Line{Time: time.Now(), Message: "last", Attrs: []slog.Attr{slog.Int("x", 2)}}},
		{`{"time":"0001-01-01T00:00:00Z","msg":"no time"}`, Line{Time: time.Now(), Message: "no time", Attrs: []slog.Attr{slog.String("time_", "0001-01-01T00:00:00Z")}}},
	} {
		if diff := cmp.Diff(test.want, ParseLine(test.text), compareAttrs); diff != "" {
			t.Errorf("%s:\n%s", test.text, diff)
		}
	}
}

func TestPlainLine(t *testing.T) {
	for _, text := range []string{"plain", `{"half":`, `{"level":"INFO"}`, `{"msg":5}`, `{"msg":"one"}{"msg":"two"}`, "[42] LOG: x", "{}", "\tindented",
		"2026-11-23 12:00:00.123 UTC [42] nothing"} {
		if diff := cmp.Diff(Line{Time: time.Now(), Message: text}, ParseLine(text), compareAttrs); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
	for _, text := range []string{"panic: runtime error: index out of range [3] with length 3", "fatal error: all goroutines are asleep - deadlock!"} {
		if line := ParseLine(text); line.Level != slog.LevelError {
			t.Errorf("%q has level %s", text, line.Level)
		}
	}
}

// TestPostgresLines are as PostgreSQL 15 prints them.
func TestPostgresLines(t *testing.T) {
	const at = "2026-11-23 12:00:00.123 UTC "
	pid := func(pid string) []slog.Attr { return []slog.Attr{slog.String("pid", pid)} }
	var parser lineParser
	for _, test := range []struct {
		text string
		want Line
	}{
		{"\tof nobody", Line{Time: time.Now(), Message: "\tof nobody"}},
		{at + "[42] LOG:  database system is ready", Line{Time: noon, Message: "database system is ready", Attrs: pid("42")}},
		{"2026-11-23 12:00:00.123 GMT [42] FATAL:  out of disk", Line{Time: noon, Level: slog.LevelError, Message: "out of disk", Attrs: pid("42")}},
		{at + "[43] FATAL:  the database system is not yet accepting connections", Line{Time: noon, Level: slog.LevelDebug, Message: "the database system is not yet accepting connections", Attrs: pid("43")}},
		{at + "[43] DETAIL:  Consistent recovery state has not been yet reached.", Line{Time: noon, Level: slog.LevelDebug, Message: "detail: Consistent recovery state has not been yet reached.", Attrs: pid("43"), Continues: true}},
		{at + "[44] ERROR:  duplicate key", Line{Time: noon, Level: slog.LevelError, Message: "duplicate key", Attrs: pid("44")}},
		{at + "[44] DETAIL:  Key (a, b)", Line{Time: noon, Level: slog.LevelError, Message: "detail: Key (a, b)", Attrs: pid("44"), Continues: true}},
		{"\talready exists.", Line{Time: noon, Level: slog.LevelError, Message: "  already exists.", Attrs: pid("44"), Continues: true}},
		{at + "[44] HINT:  Choose another.", Line{Time: noon, Level: slog.LevelError, Message: "hint: Choose another.", Attrs: pid("44"), Continues: true}},
		{at + "[44] STATEMENT:  INSERT INTO t", Line{Time: noon, Level: slog.LevelDebug, Message: "statement: INSERT INTO t", Attrs: pid("44"), Continues: true}},
		{"\tVALUES ('what somebody wrote')", Line{Time: noon, Level: slog.LevelDebug, Message: "  VALUES ('what somebody wrote')", Attrs: pid("44"), Continues: true}},
		{at + "[45] HINT:  Of a message that is not known.", Line{Time: noon, Message: "hint: Of a message that is not known.", Attrs: pid("45"), Continues: true}},
		{at + "[44] WARNING:  two", Line{Time: noon, Level: slog.LevelWarn, Message: "two", Attrs: pid("44")}},
		{"\tlines", Line{Time: noon, Level: slog.LevelWarn, Message: "  lines", Attrs: pid("44"), Continues: true}},
		{"something else", Line{Time: time.Now(), Message: "something else"}},
		{"\tof nobody", Line{Time: time.Now(), Message: "\tof nobody"}},
	} {
		if diff := cmp.Diff(test.want, parser.parse(test.text), compareAttrs); diff != "" {
			t.Errorf("%s:\n%s", test.text, diff)
		}
	}
}

func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext, ÄÖ 👋🏽":                                                  "plain\ttext, ÄÖ 👋🏽",
		"\x1b[1;31mred\x1b[0m and \x1b]0;title\x07\x1b]8;;http://x\x1b\\link": "red and link",
		"\x1bc\a\b\x7f\r":            `\u001bc\u0007\u0008\u007f\u000d`,
		"\u009b31m \u202egnp.exe":    `\u009b31m \u202egnp.exe`,
		"broken \xff\xc3":            "broken \uFFFD",
		"half a sequence \x1b[31":    `half a sequence \u001b[31`,
		"\x1b]0;no end of the title": `\u001b]0;no end of the title`,
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(`{"time":"2026-11-23T10:00:00Z","level":"INFO","msg":"hello"}`)
	f.Add("2026-11-23 10:00:00.123 UTC [42] LOG:  text")
	f.Add("2026-11-23 10:00:00.123 UTC [42] DETAIL:  text")
	f.Add("\x1b[31mred\x1b[0m \xff")
	f.Add("{")
	f.Fuzz(func(t *testing.T, text string) {
		var parser lineParser
		for range 2 { // the second time after itself
			checkLine(t, text, parser.parse(text))
		}
		checkLine(t, "\t"+text, parser.parse("\t"+text))
	})
}

// FuzzJSONLine goes to the extremes of what a JSON line can hold.
func FuzzJSONLine(f *testing.F) {
	f.Add(`"level":"ERROR+99999999999","msg":"x"`)
	f.Add(`"time":"9999-12-31T23:59:59.999999999+23:59","msg":"\ud800","n":1e999,"n":-0`)
	f.Add(`"msg":"deep","a":[[[[[[[[{"a":{}}]]]]]]]]`)
	f.Add(`"msg":"","":"","msg_":{},"service":[],"time":{},"level":null`)
	f.Add(`"msg":"\u001b[31m\u0000","\u001b":"\u202e","raw":["\u001b","` + "\u009b" + `"]`)
	f.Fuzz(func(t *testing.T, fields string) {
		text := "{" + fields + "}"
		line := ParseLine(text)
		checkLine(t, text, line)
		var object map[string]json.RawMessage
		var message string
		err := json.Unmarshal([]byte(Printable(text)), &object)
		isText := err == nil && bytes.HasPrefix(object["msg"], []byte{'"'}) && json.Unmarshal(object["msg"], &message) == nil
		if isText && line.Message != Printable(message) {
			t.Errorf("%q became message %q, want %q", text, line.Message, message)
		}
		if !isText && line.Message != Printable(text) {
			t.Errorf("%q is no line with a message, and became %q", text, line.Message)
		}
	})
}

// TestDeepestJSONLine is what fits into the longest line.
func TestDeepestJSONLine(t *testing.T) {
	const depth = maxLine/2 - 20
	deep := strings.Repeat("[", depth) + strings.Repeat("]", depth)
	text := `{"msg":"deep","a":` + deep + "}"
	line := ParseLine(text)
	if diff := cmp.Diff([]slog.Attr{slog.Any("a", rawJSON(deep))}, line.Attrs, compareAttrs); diff != "" || line.Message != "deep" {
		t.Errorf("message %.50q: %.500s", line.Message, diff)
	}
	checkLine(t, text, line)
}

// checkLine wants what holds for every line, and that the log in JSON is sound with it.
func checkLine(t *testing.T, text string, line Line) {
	t.Helper()
	if line.Time.IsZero() {
		t.Errorf("%q has no time", text)
	}
	if Printable(line.Message) != line.Message || !utf8.ValidString(line.Message) {
		t.Errorf("%q became the message %q", text, line.Message)
	}
	j := NewJournal(JournalConfig{Services: []string{"fuzzed"}, Bytes: 1 << 20})
	capturing := captureConfig{log: slog.New(j.Handler(slog.NewJSONHandler(&bytes.Buffer{}, &slog.HandlerOptions{Level: slog.Level(-1 << 62)}))).With(serviceKey, "fuzzed")}
	capturing.write(line)
	kept := j.reader("fuzzed", 1).read(1).lines
	if len(kept) != 1 {
		t.Fatalf("%q was not kept", text)
	}
	service, again, err := DecodeLogLine(kept[0])
	if err != nil || service != "fuzzed" || again.Message != line.Message || again.Level != line.Level {
		t.Errorf("%q was kept as %s, which is read as %q, %+v, %v", text, kept[0], service, again, err)
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (a (b) c) S 1 42 42 0 -1"))
	f.Fuzz(func(_ *testing.T, stat []byte) { parseStat(stat) })
}

func TestParseStat(t *testing.T) {
	entry, ok := parseStat([]byte("42 (evil) Z 7) S 9 42 42 0 -1"))
	if !ok || entry.ppid != 9 || entry.zombie {
		t.Errorf("got %+v, %t", entry, ok)
	}
}
