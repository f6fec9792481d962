package peers

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// schema is Snug's for messages, as far as it is about storing them in order and once.
const schema = `
	DROP SCHEMA IF EXISTS peer CASCADE;
	CREATE SCHEMA peer;
	CREATE TABLE peer.channels (id uuid PRIMARY KEY, last_seq bigint NOT NULL DEFAULT 0);
	CREATE TABLE peer.messages (
		id uuid PRIMARY KEY, channel_id uuid NOT NULL REFERENCES peer.channels, seq bigint NOT NULL, author_id uuid NOT NULL,
		client_id uuid NOT NULL, body text NOT NULL, created_at timestamptz NOT NULL,
		UNIQUE (channel_id, seq), UNIQUE (author_id, client_id))`

// insert is one transaction, in which the lock of the channel's row gives the message its place.
const insert = `
	WITH place AS (
		INSERT INTO peer.channels (id, last_seq) VALUES ($2, 1) ON CONFLICT (id) DO UPDATE SET last_seq = peer.channels.last_seq + 1 RETURNING last_seq
	)
	INSERT INTO peer.messages (id, channel_id, seq, author_id, client_id, body, created_at)
	SELECT $1, $2, last_seq, $3, $4, $5, $6 FROM place RETURNING seq`

// poolSize is how many inserts the peer has under way at once: more only wait for each other's lock.
const poolSize = 8

// NewInserts is the server that stores each message in a transaction of its own, in a schema of its own.
func NewInserts(ctx context.Context, databaseURL string) (*Server, error) {
	cfg, err := pgxpool.ParseConfig(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("database URL: %w", err)
	}
	cfg.MaxConns = poolSize
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	if _, err := pool.Exec(ctx, schema); err != nil {
		return nil, fmt.Errorf("make the peer's tables: %w", err)
	}
	return newServer(func(ctx context.Context, m *message) error {
		return pool.QueryRow(ctx, insert, m.ID, m.ChannelID, m.Author.ID, m.ClientID, m.Body, m.CreatedAt).Scan(&m.Seq)
	}), nil
}
