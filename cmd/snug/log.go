package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/lmittmann/tint"

	"snug/supervisor"
)

// logQueueBytes are kept while the output of the log is blocked.
const logQueueBytes = 512 << 10

// newLogQueue keeps the appliance from waiting for whoever reads its log.
func newLogQueue(w io.Writer, settings Settings) *supervisor.LogQueue {
	return supervisor.NewLogQueue(supervisor.LogQueueConfig{
		Output: w,
		Bytes:  logQueueBytes,
		TellDropped: func(w io.Writer, lines int64) {
			settings.LogLevel = min(settings.LogLevel, slog.LevelWarn) // it is told to those too who want errors only
			newLogger(w, settings).Warn("lines dropped, as the output was blocked", "lines", lines)
		},
	})
}

// outliveLogReader keeps us alive when whoever reads our output is gone: by default a write to it is our end, see the
// section "SIGPIPE" of os/signal. Children are not affected, as what is caught here is reset when they are launched.
func outliveLogReader() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }

// newLogger is the appliance's log: text for people, JSON for machines.
func newLogger(w io.Writer, settings Settings) *slog.Logger {
	if settings.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: settings.LogLevel}))
	}
	return slog.New(newTextHandler(w, settings.LogLevel, wantsColour(os.Stdout, settings)))
}

// wantsColour says whether a log is shown in colours.
func wantsColour(w io.Writer, settings Settings) bool {
	return settings.LogFormat != "text" && showsColour(w)
}

// newTextHandler writes lines for people, and nothing that would confuse a terminal.
func newTextHandler(w io.Writer, level slog.Level, colour bool) slog.Handler {
	return tint.NewTextHandler(w, &tint.Options{
		Level:       level,
		NoColor:     !colour,
		TimeFormat:  time.DateTime,
		ReplaceAttr: printableAttr,
	})
}

// printableAttr makes the name and value of an attribute, and the message, harmless to a terminal.
func printableAttr(_ []string, attr slog.Attr) slog.Attr {
	if attr.Equal(slog.Attr{}) {
		return attr // one that is left out
	}
	attr.Key = forTerminal(attr.Key)
	switch attr.Value.Kind() {
	case slog.KindString:
		attr.Value = slog.StringValue(forTerminal(attr.Value.String()))
	case slog.KindAny:
		if _, isLevel := attr.Value.Any().(slog.Level); !isLevel { // which tint writes in its own way
			attr.Value = slog.StringValue(forTerminal(fmt.Sprintf("%+v", attr.Value.Any())))
		}
	}
	return attr
}

// forTerminal is printable, and without what tint treats in a way of its own: it makes an escape character of its quoted form,
// and stops at U+FFFD.
func forTerminal(text string) string {
	return tintOwn.Replace(supervisor.Printable(text))
}

var tintOwn = strings.NewReplacer(`\x1b`, `\u001b`, "\uFFFD", "?")

// newChildLogger is the log of a child: JSON that the supervisor understands and passes on.
func newChildLogger(settings Settings) *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: settings.LogLevel}))
}
