package supervisor

import (
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"
)

// postgresParser understands what PostgreSQL prints with the log_line_prefix '%m [%p] '. A message may have several
// lines: its first, '2026-11-23 10:00:00.123 UTC [42] ERROR:  text', those with more about it, which begin likewise
// with DETAIL or HINT in the place of the level, and for each line break inside of one of these a line that begins with
// a tab.
type postgresParser struct {
	// last is the line before, if that was PostgreSQL's; main is the level of the message that it belongs to.
	last Line
	pid  string
	main slog.Level
}

// postgresLine has the time; before PostgreSQL has read its configuration it says GMT.
var postgresLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?:UTC|GMT) \[(\d+)\] ([A-Z]+\d?):  (.*)$`)

// postgresLevels are PostgreSQL's message severities,
// https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-SEVERITY-LEVELS.
var postgresLevels = map[string]slog.Level{
	"DEBUG1": slog.LevelDebug, "DEBUG2": slog.LevelDebug, "DEBUG3": slog.LevelDebug,
	"DEBUG4": slog.LevelDebug, "DEBUG5": slog.LevelDebug,
	"WARNING": slog.LevelWarn,
	"ERROR":   slog.LevelError, "FATAL": slog.LevelError, "PANIC": slog.LevelError,
}

// postgresDetails are the lines with more about a message (src/backend/utils/error/elog.c, send_message_to_server_log).
var postgresDetails = []string{"DETAIL", "HINT", "QUERY", "CONTEXT", "LOCATION", "BACKTRACE", "STATEMENT"}

// postgresStatement is a detail that may hold what users wrote. It is shown to those only who ask for everything.
const postgresStatement = "STATEMENT"

// postgresRoutine are messages that PostgreSQL calls fatal, since a session ends, and that belong to every start and stop.
var postgresRoutine = []string{
	"the database system is starting up",
	"the database system is shutting down",
	"the database system is in recovery mode",
	"the database system is not yet accepting connections",
	"terminating connection due to administrator command",
	"terminating autovacuum process due to administrator command",
}

func (p *postgresParser) parse(text string) (Line, bool) {
	line, ok := p.understand(text)
	p.last = line
	return line, ok
}

func (p *postgresParser) understand(text string) (Line, bool) {
	if rest, tab := strings.CutPrefix(text, "\t"); tab && !p.last.Time.IsZero() {
		return Line{Time: p.last.Time, Level: p.last.Level, Message: "  " + rest, Attrs: p.last.Attrs, Continues: true}, true
	}
	if text == "" || text[0] < '0' || text[0] > '9' {
		return Line{}, false
	}
	parts := postgresLine.FindStringSubmatch(text)
	if parts == nil {
		return Line{}, false
	}
	at, err := time.Parse("2006-01-02 15:04:05.000", parts[1])
	if err != nil || at.IsZero() {
		return Line{}, false
	}
	pid, severity, message := parts[2], parts[3], parts[4]
	line := Line{Time: at, Message: message, Attrs: []slog.Attr{slog.String("pid", pid)}}
	if slices.Contains(postgresDetails, severity) {
		line.Message = strings.ToLower(severity) + ": " + message
		line.Continues = true
		if pid == p.pid {
			line.Level = p.main
		}
		if severity == postgresStatement {
			line.Level = slog.LevelDebug
		}
		return line, true
	}
	line.Level = postgresLevels[severity] // the rest, such as LOG and NOTICE, is info, the zero level
	if slices.Contains(postgresRoutine, message) {
		line.Level = slog.LevelDebug
	}
	p.pid, p.main = pid, line.Level
	return line, true
}
