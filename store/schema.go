package store

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// SchemaVersion returns the version of the newest migration that the database has, 0 when it has none.
func (s *Store) SchemaVersion(ctx context.Context) (int64, error) {
	// The table is goose's.
	version, err := one(ctx, s, value[int64], "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied")
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42P01" { // undefined_table
		return 0, nil
	}
	return version, wrap("read the schema's version", err)
}
