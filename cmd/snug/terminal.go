package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminalOf is the terminal that w writes to, or nil.
func terminalOf(w io.Writer) *os.File {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// showsColour says whether w is a terminal whose user has nothing against colours, see https://no-color.org.
func showsColour(w io.Writer) bool { return terminalOf(w) != nil && os.Getenv("NO_COLOR") == "" }
