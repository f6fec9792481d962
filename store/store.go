// Package store keeps everything that lasts in PostgreSQL: accounts, channels and messages.
//
// Types carry the JSON names of the HTTP API, so that the wire form is written once. Every error is an [Error] with
// a [Code]. Messages are stored by the [Writer], many in one commit.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config is what a [Store] needs.
type Config struct {
	URL      string          // PostgreSQL connection URL or keyword/value string
	MaxConns int32           // most connections at once, one of which each [Writer] keeps; default 8
	Logger   *slog.Logger    // default: discard
	Tracer   pgx.QueryTracer // sees every statement; may be nil
}

// Store answers queries on one PostgreSQL database. It is safe for concurrent use.
type Store struct {
	pool *pgxpool.Pool
	log  *slog.Logger
}

// Open returns a store for the database at cfg.URL. It does not connect: connections are made when they are needed,
// so the database may be down.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	pc, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("parse database URL: %w", err)
	}
	switch {
	case cfg.MaxConns > 0:
		pc.MaxConns = cfg.MaxConns
	case !strings.Contains(cfg.URL, "pool_max_conns"):
		pc.MaxConns = 8
	}
	if pc.ConnConfig.ConnectTimeout == 0 {
		pc.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	if pc.PingTimeout == 0 {
		pc.PingTimeout = time.Second
	}
	if pc.ConnConfig.RuntimeParams["application_name"] == "" {
		pc.ConnConfig.RuntimeParams["application_name"] = "snug"
	}
	pc.ConnConfig.Tracer = cfg.Tracer
	pc.AfterConnect = prepareConn
	pool, err := pgxpool.NewWithConfig(ctx, pc)
	if err != nil {
		return nil, fmt.Errorf("make connection pool: %w", err)
	}
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Store{pool: pool, log: log}, nil
}

// prepareConn makes times arrive in UTC, whatever the zone of this process.
func prepareConn(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// Close closes every connection. It waits for those in use.
func (s *Store) Close() { s.pool.Close() }

// PoolStat tells how the connections are used.
func (s *Store) PoolStat() *pgxpool.Stat { return s.pool.Stat() }

// Ping reports whether the database answers a query.
func (s *Store) Ping(ctx context.Context) error {
	_, err := one(ctx, s, value[int], "SELECT 1")
	return wrap("ping database", err)
}

// retry runs an idempotent statement, and once more when the connection turns out to be broken: after a crash restart
// of PostgreSQL each pooled connection fails once.
func (s *Store) retry(ctx context.Context, statement func() error) error {
	err := statement()
	if err == nil || ctx.Err() != nil || !s.stale(err) {
		return err
	}
	return statement()
}

// stale reports whether err is of the connection rather than of the statement, which may then succeed on another. The
// pool's other connections are as suspect when one was lost, and are closed.
func (s *Store) stale(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) && (refused.Code == "0A000" || refused.Code == "26000") {
		return true // the schema has changed: cached plan must not change result type, prepared statement is gone
	}
	if !connectionLost(err) {
		return false
	}
	s.pool.Reset()
	return true
}

// one runs an idempotent statement that gives one row, read by scan.
func one[T any](ctx context.Context, s *Store, scan func(pgx.Row) (T, error), sql string, args ...any) (T, error) {
	var row T
	err := s.retry(ctx, func() (err error) {
		row, err = scan(s.pool.QueryRow(ctx, sql, args...))
		return err
	})
	return row, err
}

// all runs a query and reads its rows by scan. The list is never nil, so that it encodes as a list.
func all[T any](ctx context.Context, s *Store, scan func(pgx.Row) (T, error), sql string, args ...any) ([]T, error) {
	var list []T
	err := s.retry(ctx, func() error {
		rows, err := s.pool.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		list, err = pgx.AppendRows([]T{}, rows, func(row pgx.CollectableRow) (T, error) { return scan(row) })
		return err
	})
	return list, err
}

// exec runs an idempotent statement that gives no rows.
func (s *Store) exec(ctx context.Context, sql string, args ...any) error {
	return s.retry(ctx, func() error {
		_, err := s.pool.Exec(ctx, sql, args...)
		return err
	})
}

// inTx runs do in a transaction and commits it, unless do fails.
func (s *Store) inTx(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, do)
}

// value scans the single column of a row.
func value[T any](row pgx.Row) (v T, err error) {
	err = row.Scan(&v)
	return v, err
}

// newID makes a UUIDv7: RFC 9562, section 5.7. They sort by the time they were made.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
