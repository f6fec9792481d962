package migrations

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

// upgrade brings a database to the newest schema, or leaves it as it is.
type upgrade struct {
	conn     *sql.Conn
	provider *goose.Provider
	files    fs.FS
	log      *slog.Logger
}

func (u upgrade) run(ctx context.Context) error {
	version, err := u.provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	pending, err := u.pending(ctx, version)
	if err != nil || len(pending) == 0 {
		return err
	}
	begun := time.Now()
	if err := u.applyAll(ctx, pending); err != nil {
		return err
	}
	u.log.Info("the database's schema was brought up to date",
		"from", version, "to", pending[len(pending)-1].Version, "took", time.Since(begun).Round(time.Millisecond).String())
	return nil
}

// pending are the migrations that the database lacks, oldest first.
func (u upgrade) pending(ctx context.Context, version int64) ([]*goose.Source, error) {
	sources := u.provider.ListSources()
	if known := sources[len(sources)-1].Version; version > known {
		return nil, fmt.Errorf("its schema has version %d, and this program knows versions up to %d: "+
			"run the newer program that it was last used with, or restore a backup from before", version, known)
	}
	all, err := u.provider.Status(ctx)
	if err != nil {
		return nil, err
	}
	var pending []*goose.Source
	for _, m := range all {
		if m.State == goose.StateApplied {
			continue
		}
		if m.Source.Version < version {
			return nil, fmt.Errorf("its schema has version %d, but not the migration %s from before: "+
				"it was made by another program than a release of this one; restore a backup", version, nameOf(m.Source))
		}
		pending = append(pending, m.Source)
	}
	return pending, nil
}

func (u upgrade) applyAll(ctx context.Context, pending []*goose.Source) error {
	versions, err := database.NewStore(database.DialectPostgres, goose.DefaultTablename)
	if err != nil {
		return err
	}
	tx, err := u.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after a commit it does nothing
	for _, source := range pending {
		u.log.Debug("migrating", "migration", nameOf(source))
		err := u.apply(ctx, tx, source)
		if err == nil {
			err = versions.Insert(ctx, tx, database.InsertRequest{Version: source.Version})
		}
		if ctx.Err() != nil {
			return fmt.Errorf("gave up in the middle of migration %s; nothing was changed, and the next start begins anew: %w", nameOf(source), ctx.Err())
		}
		if err != nil {
			return fmt.Errorf("migration %s failed: %w. Nothing was changed: run the version of Snug again that ran before, and report this", nameOf(source), err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit the migrations: %w", err)
	}
	return nil
}

// apply runs what a file has between the marks of goose. Without arguments the driver sends it as it is, in one message
// (PostgreSQL docs, "Message Flow", Simple Query): it may be any number of statements.
func (u upgrade) apply(ctx context.Context, tx *sql.Tx, source *goose.Source) error {
	text, err := fs.ReadFile(u.files, source.Path)
	if err != nil {
		return err
	}
	_, after, _ := strings.Cut(string(text), "-- +goose Up")
	statements, _, _ := strings.Cut(after, "-- +goose Down")
	_, err = tx.ExecContext(ctx, statements)
	return err
}
