package supervisor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
)

// maxLine is the longest line taken from a child, in bytes; what is longer is cut and marked.
const maxLine = 16 << 10

// capture logs what a run prints, line by line, until the last of its processes closed the pipe.
func capture(output *os.File, log *slog.Logger, r *run) {
	defer output.Close()
	readLines(output, func(text string) {
		line := ParseLine(text)
		if line.Level >= slog.LevelError {
			r.lastError.Store(&line.Message)
		}
		if !log.Enabled(context.Background(), line.Level) {
			return
		}
		record := slog.NewRecord(line.Time, line.Level, line.Message, 0)
		record.AddAttrs(line.Attrs...)
		_ = log.Handler().Handle(context.Background(), record) // a log that cannot be written has nowhere to say so
	})
}

// readLines calls emit for each line, without its end. The rest of a line that is too long is skipped.
func readLines(from io.Reader, emit func(string)) {
	reader := bufio.NewReaderSize(from, maxLine)
	for {
		line, err := reader.ReadSlice('\n')
		if len(line) > 0 && line[len(line)-1] == '\n' {
			line = line[:len(line)-1]
		}
		text := string(line)
		for errors.Is(err, bufio.ErrBufferFull) {
			if _, err = reader.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
				text += " […cut]"
			}
		}
		if text != "" {
			emit(text)
		}
		if err != nil {
			return
		}
	}
}
