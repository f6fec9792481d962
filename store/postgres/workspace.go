package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"snug/store/postgres/internal/proc"
)

// workspace is a folder of ours in which something is made before it is renamed into place. A process that was
// killed leaves it behind, and with it the programs that it had running: embedded-postgres starts PostgreSQL as a
// daemon.
type workspace struct {
	dir    string
	logger *slog.Logger
}

func (w workspace) path(name string) string { return filepath.Join(w.dir, name) }

func (w workspace) temp() string { return w.path("tmp") }

// create makes the workspace, empty but for its folder of temporary files.
func (w workspace) create() error {
	if err := makeDir(w.temp()); err != nil {
		return fmt.Errorf("make a folder to work in: %w", err)
	}
	return nil
}

// clear removes the workspace, after ending whatever still runs in it.
func (w workspace) clear(ctx context.Context) error {
	if _, err := os.Lstat(w.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := w.endPrograms(ctx); err != nil {
		return err
	}
	if err := os.RemoveAll(w.dir); err != nil {
		return fmt.Errorf("remove what an unfinished start left behind: %w", err)
	}
	return nil
}

// patience is how long PostgreSQL's immediate shutdown may take before it is killed, leaving its shared memory. It is shorter
// than PostgreSQL's own with a process that was too young to hear of the end (5 s): nothing here is worth waiting for.
const patience = 2 * time.Second

// endPrograms ends the programs of ours that work in the workspace: PostgreSQL's, and a killed start of Snug itself.
func (w workspace) endPrograms(ctx context.Context) error {
	ours := []string{"initdb", "pg_ctl", "pg_checksums", "postgres", proc.Exe(os.Getpid())}
	isOurs := func(exe string) bool { return slices.Contains(ours, exe) }
	return proc.EndAll(ctx, w.dir, isOurs, syscall.SIGQUIT, patience)
}

// await runs work, which cannot be told to stop, and ends its programs when ctx ends. It returns when work has.
func (w workspace) await(ctx context.Context, work func() error) error {
	finished, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-finished:
		case <-ctx.Done():
			w.endUntil(finished)
		}
	}()
	err := work()
	close(finished)
	<-watched
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// endUntil ends programs again and again, since work may be between two of them.
func (w workspace) endUntil(finished <-chan struct{}) {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		if err := w.endPrograms(context.Background()); err != nil {
			w.logger.Warn("could not end the programs of a start that was given up", "error", err)
		}
		select {
		case <-finished:
			return
		case <-again.C:
		}
	}
}

// enter points the programs that are run from here at the workspace, and hides from them settings of PostgreSQL's
// clients that are meant for others. It returns what restores the environment.
func (w workspace) enter() (leave func(), err error) {
	before := os.Environ()
	leave = func() {
		os.Clearenv()
		for _, variable := range before {
			name, value, _ := strings.Cut(variable, "=")
			_ = os.Setenv(name, value) // it was set before
		}
	}
	for _, variable := range before {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "PG") {
			err = errors.Join(err, os.Unsetenv(name))
		}
	}
	return leave, errors.Join(err, os.Setenv("TMPDIR", w.temp()), w.nameUser())
}
