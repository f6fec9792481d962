package supervisor

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Line is a line of a child's output, understood as far as can be. Its texts are printable, see [Printable].
type Line struct {
	Time    time.Time
	Level   slog.Level
	Message string
	Attrs   []slog.Attr
	// Continues says that the line belongs to the one before it, and says no more than that one about how things are.
	Continues bool
}

// ParseLine understands log/slog's JSON, PostgreSQL's lines with the prefix '%m [%p] ' and the last words of a Go
// program; any other line is a message of level info. The time is now where the line tells none.
func ParseLine(text string) Line { return new(lineParser).parse(text) }

// lineParser understands the lines of one process: some tell their level only together with the line before.
type lineParser struct{ postgres postgresParser }

func (p *lineParser) parse(text string) Line {
	text = Printable(text)
	if line, ok := p.postgres.parse(text); ok {
		return line
	}
	if strings.HasPrefix(text, "{") {
		if line, ok := parseJSONLine(text); ok {
			return line
		}
	}
	line := Line{Time: time.Now(), Message: text}
	if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
		line.Level = slog.LevelError
	}
	return line
}

// reservedKeys are what a log line has by itself. A child's attribute of such a name gets an underscore, as it would
// otherwise be there twice, or pretend to be of another service.
var reservedKeys = []string{slog.TimeKey, slog.LevelKey, slog.MessageKey, serviceKey}

// parseJSONLine understands an object with a message. Attributes keep their order.
func parseJSONLine(text string) (Line, bool) {
	line := Line{Time: time.Now()}
	fields, err := decodeFields(text)
	if err != nil {
		return Line{}, false
	}
	hasMessage := false
	for _, field := range fields {
		key, value := field.Key, field.Value
		isText := value.Kind() == slog.KindString
		switch {
		case key == slog.MessageKey && isText:
			line.Message, hasMessage = value.String(), true
			continue
		case key == slog.TimeKey && isText:
			if at, err := time.Parse(time.RFC3339Nano, value.String()); err == nil && !at.IsZero() {
				line.Time = at
				continue
			}
		case key == slog.LevelKey && isText:
			if line.Level.UnmarshalText([]byte(value.String())) == nil {
				continue
			}
		}
		if slices.Contains(reservedKeys, key) {
			field.Key += "_"
		}
		line.Attrs = append(line.Attrs, field)
	}
	return line, hasMessage
}

// decodeFields reads one object. Of a key that is there twice the last value counts, as encoding/json has it.
func decodeFields(text string) ([]slog.Attr, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("not an object")
	}
	var fields []slog.Attr
	position := map[string]int{}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, err
		}
		field := slog.Attr{Key: Printable(key.(string)), Value: decodeValue(raw)}
		if at, twice := position[field.Key]; twice {
			fields[at] = field
			continue
		}
		position[field.Key] = len(fields)
		fields = append(fields, field)
	}
	if _, err := decoder.Token(); err != nil { // the closing brace
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("more than one object")
	}
	return fields, nil
}

// decodeValue keeps numbers as they are, which a float64 does not, and leaves objects and arrays undecoded.
func decodeValue(raw json.RawMessage) slog.Value {
	switch raw[0] {
	case '"':
		var text string
		_ = json.Unmarshal(raw, &text) // it was decoded as a value before
		return slog.StringValue(Printable(text))
	case 't', 'f':
		return slog.BoolValue(raw[0] == 't')
	case 'n':
		return slog.AnyValue(nil)
	case '{', '[':
		return slog.AnyValue(rawJSON(raw))
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return slog.Int64Value(n)
	}
	return slog.AnyValue(rawJSON(raw))
}

// rawJSON is a value that goes into the log as it came.
type rawJSON string

// MarshalJSON is for logs in JSON.
func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// MarshalText is for logs in text.
func (r rawJSON) MarshalText() ([]byte, error) { return []byte(r), nil }
