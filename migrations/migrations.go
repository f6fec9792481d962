// Package migrations holds the database schema as goose migrations and applies them.
//
// Each file in sql/ is one migration and one transaction: it is applied whole or not at all. Nodes that start
// together take turns behind a PostgreSQL advisory lock, so that one migrates and the others find it done.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver of database/sql, which goose works through
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed sql/*.sql
var files embed.FS

// Migration says of one migration whether the database has it.
type Migration struct {
	Version   int64     `json:"version"`
	Name      string    `json:"name"`
	Applied   bool      `json:"applied"`
	AppliedAt time.Time `json:"applied_at,omitzero"`
}

// Up applies the migrations that the database at databaseURL does not have yet. When another process is at it, Up
// waits (up to 5 minutes) and then finds it done. Each migration is applied in a transaction of its own: after an
// error the schema is that of the last one that succeeded. A database that a newer program has migrated is refused.
func Up(ctx context.Context, databaseURL string, log *slog.Logger) error {
	return run(ctx, databaseURL, log, embedded(), func(p *goose.Provider) error { return up(ctx, p) })
}

func up(ctx context.Context, p *goose.Provider) error {
	version, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	if known := sources[len(sources)-1].Version; version > known {
		return fmt.Errorf("its schema has version %d, and this program knows versions up to %d: "+
			"run the newer program that it was last used with, or restore a backup from before", version, known)
	}
	_, err = p.Up(ctx)
	return err
}

// Status returns every migration this program knows, oldest first, and whether the database has it.
func Status(ctx context.Context, databaseURL string) ([]Migration, error) {
	var list []Migration
	err := run(ctx, databaseURL, slog.New(slog.DiscardHandler), embedded(), func(p *goose.Provider) error {
		all, err := p.Status(ctx)
		for _, m := range all {
			list = append(list, Migration{
				Version:   m.Source.Version,
				Name:      strings.TrimSuffix(path.Base(m.Source.Path), ".sql"),
				Applied:   m.State == goose.StateApplied,
				AppliedAt: m.AppliedAt.UTC(),
			})
		}
		return err
	})
	return list, err
}

// Latest is the version of the newest migration this program knows.
func Latest() int64 {
	var latest int64
	entries, err := fs.ReadDir(embedded(), ".")
	if err != nil {
		panic(err) // the files are part of the program
	}
	for _, e := range entries {
		v, err := goose.NumericComponent(e.Name())
		if err != nil {
			panic(err)
		}
		latest = max(latest, v)
	}
	return latest
}

func embedded() fs.FS {
	sub, err := fs.Sub(files, "sql")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	return sub
}

func run(ctx context.Context, databaseURL string, log *slog.Logger, fsys fs.FS, do func(*goose.Provider) error) (err error) {
	db, err := sql.Open("pgx", databaseURL)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()

	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300), lock.WithUnlockTimeout(1, 10))
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, fsys,
		goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true), goose.WithSlog(log))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if err := do(provider); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}
