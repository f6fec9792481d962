package main

import (
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// newLogger is the appliance's log: text for people, JSON for machines.
func newLogger(w io.Writer, settings Settings) *slog.Logger {
	if settings.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: settings.LogLevel}))
	}
	colour := settings.LogFormat == "auto" && term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == ""
	return slog.New(tint.NewTextHandler(w, &tint.Options{
		Level:      settings.LogLevel,
		NoColor:    !colour,
		TimeFormat: time.DateTime,
	}))
}

// newChildLogger is the log of a child: JSON that the supervisor understands and passes on.
func newChildLogger(settings Settings) *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: settings.LogLevel}))
}
