package main

import (
	"io"
	"strings"
	"unicode/utf8"

	"snug/supervisor"
)

// colour is a terminal's, as the parameter of an SGR sequence (console_codes(4)).
type colour string

const (
	noColour colour = ""
	green    colour = "32"
	yellow   colour = "33"
	red      colour = "31"
	faint    colour = "2"
)

// palette paints on a terminal, and nowhere else.
type palette struct{ painting bool }

func newPalette(w io.Writer) palette { return palette{painting: showsColour(w)} }

// cell is a text in a table.
type cell struct {
	text   string
	colour colour
}

func plain(text string) cell { return cell{text: text} }

func (p palette) show(c cell) string {
	if !p.painting || c.colour == noColour {
		return c.text
	}
	return "\x1b[" + string(c.colour) + "m" + c.text + "\x1b[0m"
}

// table aligns rows in columns; colours take no width.
func (p palette) table(rows [][]cell) string {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var text strings.Builder
	for _, row := range rows {
		var line strings.Builder
		for i, c := range row {
			line.WriteString(p.show(c))
			line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+3))
		}
		text.WriteString(strings.TrimRight(line.String(), " "))
		text.WriteString("\n")
	}
	return text.String()
}

func colourOf(service supervisor.Status) colour {
	switch service.State {
	case supervisor.StateFailed, supervisor.StateUnhealthy:
		return red
	case supervisor.StateBackoff, supervisor.StateStarting, supervisor.StateStopping, supervisor.StateStopped, supervisor.StateWaiting:
		return yellow
	case supervisor.StateExternal:
		if !service.Check.OK {
			return red
		}
	}
	return green
}

func conditionColour(condition supervisor.Condition) colour {
	switch condition {
	case supervisor.ConditionHealthy:
		return green
	case supervisor.ConditionUnhealthy:
		return red
	default:
		return yellow
	}
}
