package supervisor

import (
	"bytes"
	"errors"
	"io"
	"os"
	"time"
	"unicode/utf8"
)

const (
	// maxLine is the longest line taken from a child, in bytes; what is longer is cut and marked.
	maxLine = 16 << 10
	cutMark = " […cut]"
	// partialAfter is how long the begin of a line waits for its end before it is taken for a line: a prompt or a
	// progress has none.
	partialAfter = time.Second
	// tellDroppedEvery is the pause between two lines that tell of dropped ones.
	tellDroppedEvery = time.Second
	// A read buffer begins small, as most services say little, and grows to what a pipe holds (pipe(7)).
	minReadBuffer = 4 << 10
	maxReadBuffer = 64 << 10
)

// outputPipeEnd is where the output of a process is read: an *os.File in non-blocking mode.
type outputPipeEnd interface {
	io.ReadCloser
	SetReadDeadline(time.Time) error
}

// lineReader cuts the output of one process into lines. It reads as fast as the process writes: what the flood limit
// does not let through is only counted.
type lineReader struct {
	from  outputPipeEnd
	flood *flood
	// emit takes a line without its end; tellDropped takes how many were dropped since it was told last.
	emit        func(text string)
	tellDropped func(lines int64)

	// partial is a line whose end has not come; partialSince is when its first byte came.
	partial      []byte
	partialSince time.Time
	// skipping says that what comes until the next line end belongs to a line that was cut or dropped.
	skipping bool

	dropped      int64
	droppedSince time.Time
}

// run reads until the output ends.
func (l *lineReader) run() {
	buffer := make([]byte, minReadBuffer)
	var deadline time.Time
	for {
		if next := l.deadline(); next != deadline {
			deadline = next
			_ = l.from.SetReadDeadline(deadline) // cannot fail on a pipe
		}
		n, err := l.from.Read(buffer)
		now := time.Now()
		l.feed(buffer[:n], now)
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			l.flush()
			l.report()
			return
		}
		l.expire(now)
		if n == len(buffer) && n < maxReadBuffer {
			buffer = make([]byte, 2*n)
		}
	}
}

// deadline is when something is to be done even if nothing is read; zero means never.
func (l *lineReader) deadline() (at time.Time) {
	if len(l.partial) > 0 {
		at = l.partialSince.Add(partialAfter)
	}
	if l.dropped > 0 {
		if tell := l.droppedSince.Add(tellDroppedEvery); at.IsZero() || tell.Before(at) {
			at = tell
		}
	}
	return at
}

func (l *lineReader) expire(now time.Time) {
	if len(l.partial) > 0 && now.Sub(l.partialSince) >= partialAfter {
		l.flush()
	}
	if l.dropped > 0 && now.Sub(l.droppedSince) >= tellDroppedEvery {
		l.report()
	}
}

// feed takes the next bytes of the output.
func (l *lineReader) feed(chunk []byte, now time.Time) {
	l.flood.refill(now)
	for len(chunk) > 0 {
		if !l.flood.open() {
			l.drop(chunk, now)
			return
		}
		piece, rest, whole := bytes.Cut(chunk, []byte{'\n'})
		if !l.skipping {
			l.take(piece, whole, now)
		}
		if whole {
			l.skipping = false
		}
		chunk = rest
	}
}

// take adds a piece to the line that has begun; whole says that this is its last.
func (l *lineReader) take(piece []byte, whole bool, now time.Time) {
	room := maxLine - len(l.partial)
	switch {
	case len(piece) > room:
		l.partial = append(l.partial, piece[:room]...)
		l.pass(string(trimBrokenRune(l.partial)) + cutMark)
		l.partial = l.partial[:0]
		l.skipping = true
	case whole && len(l.partial) == 0:
		l.pass(string(piece))
	case whole:
		l.partial = append(l.partial, piece...)
		l.flush()
	default:
		if len(l.partial) == 0 {
			l.partialSince = now
		}
		l.partial = append(l.partial, piece...)
	}
}

// flush takes what has come of a line for the line.
func (l *lineReader) flush() {
	text := string(l.partial)
	l.partial = l.partial[:0]
	l.pass(text)
}

func (l *lineReader) pass(text string) {
	if n := len(text); n > 0 && text[n-1] == '\r' {
		text = text[:n-1]
	}
	if text == "" {
		return
	}
	l.flood.spend(len(text))
	l.emit(text)
}

// drop counts the lines that end or begin in chunk, without looking at each: that is as fast as memory.
func (l *lineReader) drop(chunk []byte, now time.Time) {
	ends := bytes.Count(chunk, []byte{'\n'})
	lines := int64(ends)
	if l.skipping && ends > 0 {
		lines-- // the first that ends here was cut, or counted, before
	}
	open := chunk[len(chunk)-1] != '\n'
	if open && (ends > 0 || !l.skipping) {
		lines++
	}
	l.skipping = open
	l.partial = l.partial[:0]
	if lines == 0 {
		return
	}
	if l.dropped == 0 {
		l.droppedSince = now
	}
	l.dropped += lines
	l.flood.dropped.Add(lines)
}

func (l *lineReader) report() {
	if l.dropped > 0 {
		l.tellDropped(l.dropped)
		l.dropped = 0
	}
}

// trimBrokenRune takes off the first bytes of a character whose last were cut off.
func trimBrokenRune(text []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if last := text[len(text)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRune(last) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}
