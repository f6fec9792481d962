package postgres

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Note says which Snug used a cluster last. It lies in the cluster's folder, so that it goes wherever the data goes that it
// speaks of.
type Note struct {
	// Schema is the version of the newest migration that the database has.
	Schema int64 `json:"schema"`
	// Version is that of the program.
	Version string `json:"version"`
}

const noteFile = "snug-version.json"

func (c Config) noteFile() string { return filepath.Join(c.Dir, noteFile) }

// ErrDamagedNote means that a note is there, and cannot be understood.
var ErrDamagedNote = errors.New("the note of who used the database last is damaged")

// ReadNote reads a cluster's note. Without one, as in a cluster that was never migrated, the error wraps fs.ErrNotExist.
func ReadNote(cfg Config) (Note, error) {
	var note Note
	text, err := os.ReadFile(cfg.noteFile())
	if err != nil {
		return note, fmt.Errorf("read who used the database last: %w", err)
	}
	if err := json.Unmarshal(text, &note); err != nil || note.Schema < 1 {
		return Note{}, fmt.Errorf("%w: %s", ErrDamagedNote, cfg.noteFile())
	}
	return note, nil
}

// WriteNote makes a cluster's note durable. One that says the same already is left alone.
func WriteNote(cfg Config, note Note) error {
	if present, err := ReadNote(cfg); err == nil && present == note {
		return nil
	}
	if _, err := os.Stat(cfg.Dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("note who used the database: there is no cluster in %s", cfg.Dir)
	}
	text, err := json.Marshal(note)
	if err == nil {
		err = writeFile(cfg.noteFile(), append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("note who used the database: %w", err)
	}
	return nil
}
