package supervisor

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// captureConfig is what becomes of the output of one process.
type captureConfig struct {
	output outputPipeEnd
	// log carries the name of the service.
	log *slog.Logger
	// flood is the service's: both processes of an overlapped restart share it.
	flood *flood
	// onLine is told of each line of the process, if it is not nil.
	process Process
	onLine  func(Process, Line)
	// lastError takes the last line that is an error by itself.
	lastError *atomic.Pointer[string]
}

// capture logs what a process prints, line by line, until the last of its descendants closed the pipe.
func capture(c captureConfig) {
	defer c.output.Close()
	var parser lineParser
	reader := lineReader{
		from:  c.output,
		flood: c.flood,
		emit: func(text string) {
			line := parser.parse(text)
			if line.Level >= slog.LevelError && !line.Continues {
				c.lastError.Store(&line.Message)
			}
			if c.onLine != nil {
				c.onLine(c.process, line)
			}
			c.write(line)
		},
		tellDropped: func(lines int64) {
			c.write(Line{
				Time:    time.Now(),
				Level:   slog.LevelWarn,
				Message: "lines dropped, as the service prints too fast",
				Attrs:   []slog.Attr{slog.Int64("lines", lines)},
			})
		},
	}
	reader.run()
}

func (c captureConfig) write(line Line) {
	if !c.log.Enabled(context.Background(), line.Level) {
		return
	}
	record := slog.NewRecord(line.Time, line.Level, line.Message, 0)
	record.AddAttrs(line.Attrs...)
	_ = c.log.Handler().Handle(context.Background(), record) // a log that cannot be written has nowhere to say so
}
