package servicefile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// file is a service as it is written down. What is nil or empty was not written.
type file struct {
	Name     string            `toml:"name"`
	Kind     string            `toml:"kind"`
	Command  []string          `toml:"command"`
	Dir      string            `toml:"dir"`
	Env      map[string]string `toml:"env"`
	After    []string          `toml:"after"`
	Required bool              `toml:"required"`
	OOMScore *int              `toml:"oom_score"`
	Ready    *probe            `toml:"ready"`
	Live     *probe            `toml:"live"`
	Restart  restart           `toml:"restart"`
	Stop     []stopStep        `toml:"stop"`

	doc document
}

type probe struct {
	HTTP         string   `toml:"http"`
	TCP          string   `toml:"tcp"`
	Unix         string   `toml:"unix"`
	Command      []string `toml:"command"`
	Interval     string   `toml:"interval"`
	Timeout      string   `toml:"timeout"`
	Threshold    *int     `toml:"threshold"`
	StartTimeout string   `toml:"start_timeout"`
}

type restart struct {
	Policy       string `toml:"policy"`
	Min          string `toml:"min"`
	Max          string `toml:"max"`
	HealthyAfter string `toml:"healthy_after"`
	Burst        *int   `toml:"burst"`
	RetryFailed  string `toml:"retry_failed"`
}

type stopStep struct {
	Signal string `toml:"signal"`
	Grace  string `toml:"grace"`
}

// What a field must be, in words for people.
const (
	mustBeText     = `must be text in quotes`
	mustBeList     = `must be a list of texts, such as ["python3", "bot.py"]`
	mustBeDuration = `must be a duration above zero, such as "500ms", "5s" or "2m"`
	mustBeCount    = `must be a whole number from 1 to 1000`
	mustBeScore    = `must be a whole number from 0 to 1000`
)

// mustBe is what to say when a field has a value of another type. Of others it is text.
var mustBe = map[string]string{
	"command": mustBeList, "after": mustBeList, "ready.command": mustBeList, "live.command": mustBeList,
	"required": "must be true or false", "oom_score": mustBeScore, "restart.burst": mustBeCount, "live.threshold": mustBeCount,
	"ready": "must be a table", "live": "must be a table", "restart": "must be a table", "env": "must be a table",
	"stop": `must be a list of steps, such as [{ signal = "SIGTERM", grace = "10s" }]`,
}

// document says where in a file a field is.
type document struct {
	path  string
	lines map[string]int
}

// wrong is the one form of all errors: file, line, field, and what is wrong with it. A field that is not there has no
// line; one in an inline table has that of the table.
func (d document) wrong(field, format string, args ...any) error {
	place := d.path
	for name := field; name != ""; name = parent(name) {
		if line := d.lines[name]; line > 0 {
			place = fmt.Sprintf("%s:%d", place, line)
			break
		}
	}
	if field != "" {
		place += ": " + field
	}
	return fmt.Errorf("%s: %s", place, fmt.Sprintf(format, args...))
}

func parent(field string) string {
	return field[:max(0, strings.LastIndexByte(field, '.'))]
}

// maxSize is far more than a service needs.
const maxSize = 64 << 10

func read(path string) (file, []error) {
	shown := filepath.Join(filepath.Base(filepath.Dir(path)), filepath.Base(path))
	doc := document{path: shown}
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		return file{}, []error{doc.wrong("", "is not a file")}
	case info.Size() > maxSize:
		return file{}, []error{doc.wrong("", "is larger than %d kB", maxSize>>10)}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return file{}, []error{doc.wrong("", "cannot be read: %v", errors.Unwrap(err))}
	}
	return parse(shown, content)
}

func parse(path string, content []byte) (file, []error) {
	f := file{doc: document{path: path, lines: fieldLines(content)}}
	decoder := toml.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&f)
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		var errs []error
		for _, one := range unknown.Errors {
			line, _ := one.Position()
			errs = append(errs, fmt.Errorf("%s:%d: %s: is no field of a service", path, line, strings.Join(one.Key(), ".")))
		}
		return f, errs
	}
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		return f, []error{explain(path, wrong)}
	}
	if err != nil {
		return f, []error{f.doc.wrong("", "%v", err)}
	}
	return f, nil
}

// explain puts the decoder's errors, which speak of Go's types, in words for people.
func explain(path string, err *toml.DecodeError) error {
	line, _ := err.Position()
	field := strings.Join(err.Key(), ".")
	text := strings.TrimPrefix(err.Error(), "toml: ")
	if field == "" {
		return fmt.Errorf("%s:%d: %s", path, line, text)
	}
	if strings.HasPrefix(text, "cannot") || strings.Contains(text, "too large") {
		text = mustBeText
		if known, found := mustBe[field]; found {
			text = known
		}
	}
	return fmt.Errorf("%s:%d: %s: %s", path, line, field, text)
}

// fieldLines finds the line of each field and table, by its full name. Of several the last is kept. It stops at what is
// not TOML, which the decoder tells of.
func fieldLines(content []byte) map[string]int {
	lines := map[string]int{}
	table := ""
	var parser unstable.Parser
	parser.Reset(content)
	for parser.NextExpression() {
		expression := parser.Expression()
		if expression.Kind == unstable.Comment {
			continue
		}
		name, line := "", 0
		for key := expression.Key(); key.Next(); {
			name += "." + string(key.Node().Data)
			line = parser.Shape(key.Node().Raw).Start.Line
		}
		name = strings.TrimPrefix(name, ".")
		if expression.Kind == unstable.KeyValue && table != "" {
			name = table + "." + name
		} else if expression.Kind != unstable.KeyValue {
			table = name
		}
		lines[name] = line
	}
	return lines
}
