// Package migrations holds the database schema as goose migrations and applies them.
//
// Each file in sql/ is one migration. All that a database lacks are applied in one transaction: a database has the schema
// of one release or of another, and never one in between that no release knows. Nodes that start together take turns
// behind a PostgreSQL advisory lock, so that one migrates and the others find it done.
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

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
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
// waits (up to 5 minutes) and then finds it done. After an error the database is as it was, and the error says so. A
// database that a newer program has migrated is refused.
func Up(ctx context.Context, databaseURL string, log *slog.Logger) error {
	return upTo(ctx, databaseURL, log, embedded())
}

func upTo(ctx context.Context, databaseURL string, log *slog.Logger, fsys fs.FS) error {
	return run(ctx, databaseURL, fsys, func(conn *sql.Conn, provider *goose.Provider) error {
		return upgrade{conn, provider, fsys, log}.run(ctx)
	})
}

// Status returns every migration this program knows, oldest first, and whether the database has it.
func Status(ctx context.Context, databaseURL string) ([]Migration, error) {
	var list []Migration
	err := run(ctx, databaseURL, embedded(), func(_ *sql.Conn, p *goose.Provider) error {
		all, err := p.Status(ctx)
		for _, m := range all {
			list = append(list, Migration{
				Version:   m.Source.Version,
				Name:      nameOf(m.Source),
				Applied:   m.State == goose.StateApplied,
				AppliedAt: m.AppliedAt.UTC(),
			})
		}
		return err
	})
	return list, err
}

func nameOf(source *goose.Source) string { return strings.TrimSuffix(path.Base(source.Path), ".sql") }

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

// run calls do with a connection that holds the lock of all migrators, and a provider of the migrations in fsys.
func run(ctx context.Context, databaseURL string, fsys fs.FS, do func(*sql.Conn, *goose.Provider) error) (err error) {
	config, err := pgxpool.ParseConfig(databaseURL) // which understands also what such a URL says of a pool
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	db := stdlib.OpenDB(*config.ConnConfig)
	defer func() { err = errors.Join(err, db.Close()) }()

	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return fmt.Errorf("make migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, fsys, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	defer conn.Close()
	if err := locker.SessionLock(ctx, conn); err != nil { // db.Close ends the session, and the lock with it
		return fmt.Errorf("wait for another migration of the database: %w", err)
	}
	if err := do(conn, provider); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return nil
}
