package postgres_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"snug/store/postgres"
)

func TestNote(t *testing.T) {
	cfg := postgres.Config{Dir: filepath.Join(t.TempDir(), "postgres")}
	note := postgres.Note{Schema: 7, Version: "v1.2.3"}
	if err := postgres.WriteNote(cfg, note); err == nil {
		t.Error("a note where there is no cluster")
	}
	if err := os.Mkdir(cfg.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.ReadNote(cfg); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a note: %v", err)
	}
	path := filepath.Join(cfg.Dir, "snug-version.json")
	for _, damaged := range []string{"", "{", "null", `{"schema":"7"}`, `{"schema":0}`} {
		writeFile(t, path, damaged, 0o600)
		if got, err := postgres.ReadNote(cfg); !errors.Is(err, postgres.ErrDamagedNote) {
			t.Errorf("%q: %+v, %v", damaged, got, err)
		}
	}
	if err := postgres.WriteNote(cfg, note); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := postgres.WriteNote(cfg, note); err != nil {
		t.Fatal(err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("written again though it says the same, %v", err)
	}
	if got, err := postgres.ReadNote(cfg); got != note || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
}
