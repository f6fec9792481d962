package supervisor

import (
	"encoding/json"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Line is a line of a child's output, understood as far as can be.
type Line struct {
	Time    time.Time
	Level   slog.Level
	Message string
	Attrs   []slog.Attr
}

// ParseLine understands log/slog's JSON and PostgreSQL's lines with the prefix '%m [%p] '; any other line
// is a message of level info. The time is now where the line tells none.
func ParseLine(text string) Line {
	if strings.HasPrefix(text, "{") {
		if line, ok := parseJSONLine(text); ok {
			return line
		}
	}
	if line, ok := parsePostgresLine(text); ok {
		return line
	}
	return Line{Time: time.Now(), Message: text}
}

func parseJSONLine(text string) (Line, bool) {
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return Line{}, false
	}
	message, ok := fields[slog.MessageKey].(string)
	if !ok {
		return Line{}, false
	}
	line := Line{Time: time.Now(), Message: message}
	if at, err := time.Parse(time.RFC3339Nano, asString(fields[slog.TimeKey])); err == nil {
		line.Time = at
	}
	_ = line.Level.UnmarshalText([]byte(asString(fields[slog.LevelKey]))) // stays at info if it is no level
	for key, value := range fields {
		if key != slog.MessageKey && key != slog.TimeKey && key != slog.LevelKey {
			line.Attrs = append(line.Attrs, slog.Any(key, value))
		}
	}
	slices.SortFunc(line.Attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	return line, true
}

func asString(value any) string {
	text, _ := value.(string)
	return text
}

// postgresLine is '2026-11-23 10:00:00.123 UTC [42] LOG:  text'; before PostgreSQL has read its configuration it says GMT.
var postgresLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?:UTC|GMT) \[(\d+)\] ([A-Z]+\d?):  (.*)$`)

// postgresLevels are PostgreSQL's message severities,
// https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-SEVERITY-LEVELS.
var postgresLevels = map[string]slog.Level{
	"DEBUG1": slog.LevelDebug, "DEBUG2": slog.LevelDebug, "DEBUG3": slog.LevelDebug,
	"DEBUG4": slog.LevelDebug, "DEBUG5": slog.LevelDebug,
	"WARNING": slog.LevelWarn,
	"ERROR":   slog.LevelError, "FATAL": slog.LevelError, "PANIC": slog.LevelError,
}

// postgresRoutine are messages that PostgreSQL calls fatal, since a session ends, and that belong to every start and stop.
var postgresRoutine = []string{
	"the database system is starting up",
	"the database system is shutting down",
	"the database system is not yet accepting connections",
	"terminating connection due to administrator command",
}

func parsePostgresLine(text string) (Line, bool) {
	parts := postgresLine.FindStringSubmatch(text)
	if parts == nil {
		return Line{}, false
	}
	at, err := time.Parse("2006-01-02 15:04:05.000", parts[1])
	if err != nil {
		return Line{}, false
	}
	level := postgresLevels[parts[3]] // the rest, such as LOG and NOTICE, is info, the zero level
	if slices.Contains(postgresRoutine, parts[4]) {
		level = slog.LevelDebug
	}
	return Line{
		Time:    at,
		Level:   level,
		Message: parts[4],
		Attrs:   []slog.Attr{slog.String("pid", parts[2])},
	}, true
}
