package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"snug/supervisor"
)

// What a terminal is told (console_codes(4) and xterm's): a second screen that leaves the first as it was, no cursor;
// go home, clear the rest of a line, clear the rest of the screen.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l"
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	goHome      = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// watchStatus shows an error in place of the table, and goes on: a restart of Snug is worth watching.
func watchStatus(cmd *cobra.Command, asJSON bool) error {
	settings, err := operatorSettings(cmd)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	screen := newScreen(out)
	screen.enter()
	defer screen.leave()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		report, events, err := statusAndEvents(cmd.Context(), settings)
		switch {
		case cmd.Context().Err() != nil:
			return nil
		case asJSON && err == nil:
			err = json.NewEncoder(out).Encode(report)
			if err != nil {
				return err
			}
		case asJSON:
			fmt.Fprintln(cmd.ErrOrStderr(), err)
		case err != nil:
			screen.draw(err.Error() + "\n")
		default:
			screen.draw(describeStatus(report, newPalette(out)) + "\n" + describeEvents(events, newPalette(out)))
		}
		select {
		case <-ticker.C:
		case <-cmd.Context().Done():
			return nil
		}
	}
}

// latelyShown is how many of the latest events stand below the table.
const latelyShown = 12

func statusAndEvents(ctx context.Context, settings Settings) (supervisor.StatusReport, []supervisor.Event, error) {
	asked, err := findSupervisor(settings)
	if err != nil {
		return supervisor.StatusReport{}, nil, err
	}
	report, err := asked.status(ctx)
	if err != nil {
		return report, nil, err
	}
	events, err := asked.events(ctx)
	return report, events[max(0, len(events)-latelyShown):], err
}

// screen is a terminal that is drawn over in place, without a flicker; without one, out is written to.
type screen struct {
	out      io.Writer
	terminal *os.File
}

func newScreen(out io.Writer) screen {
	return screen{out: out, terminal: terminalOf(out)}
}

func (s screen) enter() {
	if s.terminal != nil {
		fmt.Fprint(s.out, enterScreen)
	}
}

func (s screen) leave() {
	if s.terminal != nil {
		fmt.Fprint(s.out, leaveScreen)
	}
}

// draw shows a text from the top, as much of it as fits.
func (s screen) draw(text string) {
	if s.terminal == nil {
		fmt.Fprintln(s.out, text)
		return
	}
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if width, height, err := term.GetSize(int(s.terminal.Fd())); err == nil {
		lines = lines[:min(len(lines), height)]
		for i := range lines {
			lines[i] = cut(lines[i], width)
		}
	}
	fmt.Fprint(s.out, goHome+strings.Join(lines, clearLine+"\r\n")+clearLine+clearBelow)
}

// cut shortens a line to a width, in which colours do not count.
func cut(line string, width int) string {
	shown, inColour := 0, false
	for i, r := range line {
		switch {
		case r == '\x1b':
			inColour = true
		case inColour:
			inColour = r != 'm'
		case shown == width:
			return line[:i] + "\x1b[0m"
		default:
			shown++
		}
	}
	return line
}
