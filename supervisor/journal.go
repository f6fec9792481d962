package supervisor

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"sync"
)

const (
	// serviceKey is the attribute that says whose line it is.
	serviceKey = "service"
	// ownName is the service of lines that are nobody else's: the supervisor's own.
	ownName = "supervisor"
	// DefaultJournalBytes is what is kept of each service, in bytes.
	DefaultJournalBytes = 128 << 10
)

// Journal keeps the last lines of each service in memory, and lets readers follow. It is a part of the log, see
// [Journal.Handler], and answers over HTTP, see [Journal.ServeHTTP].
type Journal struct {
	names []string

	mu    sync.Mutex
	rings map[string]*ring
	// encoded is where each line is written by the handlers, which own it under the lock.
	encoded bytes.Buffer
	// seq counts the lines of all services.
	seq uint64
	// changed is closed at the next line, or at the end. It is nil while nobody waits.
	changed chan struct{}
	ended   bool
}

// JournalConfig is what a journal is made of.
type JournalConfig struct {
	// Services are the names that lines may have; the supervisor's own name is among them always.
	Services []string
	// Bytes are kept of each service, all it costs in memory counted; zero means [DefaultJournalBytes].
	Bytes int
}

// NewJournal makes an empty journal. Close ends it.
func NewJournal(config JournalConfig) *Journal {
	setDefault(&config.Bytes, DefaultJournalBytes)
	j := &Journal{names: append(slices.Clone(config.Services), ownName), rings: map[string]*ring{}}
	for _, name := range j.names {
		j.rings[name] = &ring{capacity: config.Bytes}
	}
	return j
}

// Handler keeps each line, and passes it on to the output. A line belongs to the service that its attribute "service"
// names. The journal keeps info and above, and what the output takes besides.
func (j *Journal) Handler(output slog.Handler) slog.Handler {
	return journalHandler{journal: j, encoder: slog.NewJSONHandler(&j.encoded, nil), output: output, service: ownName}
}

// Close ends all who follow, once they have read what is there. Lines are kept all the same.
func (j *Journal) Close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.ended = true
	j.tellReaders()
}

func (j *Journal) tellReaders() {
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

// cutMessage is what is left, in bytes, of the message of a line that is too large to be kept.
const cutMessage = 1 << 10

func (j *Journal) keep(service string, encoder slog.Handler, record slog.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	ring, known := j.rings[service]
	if !known {
		service, ring = ownName, j.rings[ownName]
	}
	text := j.encode(service, encoder, record)
	if cost(text) > ring.capacity {
		message := string(trimBrokenRune([]byte(record.Message[:min(cutMessage, len(record.Message))]))) + cutMark
		short := slog.NewRecord(record.Time, record.Level, message, 0)
		text = j.encode(service, slog.NewJSONHandler(&j.encoded, nil), short)
	}
	j.seq++
	ring.add(entry{seq: j.seq, text: text})
	j.tellReaders()
}

// encode makes a line of JSON. The service has its place before the message.
func (j *Journal) encode(service string, encoder slog.Handler, record slog.Record) string {
	j.encoded.Reset()
	_ = encoder.Handle(context.Background(), record) // a buffer takes everything
	line := j.encoded.Bytes()
	at := bytes.Index(line, []byte(`,"`+slog.MessageKey+`":`))
	var text bytes.Buffer
	text.Grow(len(line) + len(service) + len(`,"service":""`))
	text.Write(line[:at])
	text.WriteString(`,"` + serviceKey + `":`)
	text.Write(encodeString(service))
	text.Write(line[at:])
	return text.String()
}

// journalHandler is the log's way into the journal.
type journalHandler struct {
	journal *Journal
	encoder slog.Handler
	output  slog.Handler
	service string
	// grouped says that attributes belong to a group now, so that "service" is one like others.
	grouped bool
}

// Enabled is as the documentation of [Journal.Handler] says.
func (h journalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.output.Enabled(ctx, level)
}

// Handle keeps a line and passes it on.
func (h journalHandler) Handle(ctx context.Context, record slog.Record) error {
	service, kept := h.service, record
	if !h.grouped {
		service, kept = takeService(service, record)
	}
	h.journal.keep(service, h.encoder, kept)
	if !h.output.Enabled(ctx, record.Level) {
		return nil
	}
	return h.output.Handle(ctx, record)
}

// WithAttrs is a handler of lines that all have these attributes.
func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.output = h.output.WithAttrs(attrs)
	if !h.grouped {
		attrs = slices.Clone(attrs)
		attrs = slices.DeleteFunc(attrs, func(attr slog.Attr) bool {
			if attr.Key == serviceKey {
				h.service = attr.Value.Resolve().String()
			}
			return attr.Key == serviceKey
		})
	}
	h.encoder = h.encoder.WithAttrs(attrs)
	return h
}

// WithGroup is a handler of lines whose attributes belong to a group.
func (h journalHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	h.output, h.encoder, h.grouped = h.output.WithGroup(name), h.encoder.WithGroup(name), true
	return h
}

// takeService finds the service that a record names, and makes a record that names none.
func takeService(service string, record slog.Record) (string, slog.Record) {
	named := false
	record.Attrs(func(attr slog.Attr) bool {
		named = attr.Key == serviceKey
		return !named
	})
	if !named {
		return service, record
	}
	without := slog.NewRecord(record.Time, record.Level, record.Message, record.PC)
	record.Attrs(func(attr slog.Attr) bool {
		if attr.Key == serviceKey {
			service = attr.Value.Resolve().String()
		} else {
			without.AddAttrs(attr)
		}
		return true
	})
	return service, without
}
