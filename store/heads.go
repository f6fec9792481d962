package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Head is how far a channel has come.
type Head struct {
	ChannelID uuid.UUID
	LastRev   int64
}

// Heads returns of each of the channels that there is the rev of its last change.
func (s *Store) Heads(ctx context.Context, channelIDs []uuid.UUID) ([]Head, error) {
	list, err := all(ctx, s, func(row pgx.Row) (h Head, err error) {
		err = row.Scan(&h.ChannelID, &h.LastRev)
		return h, err
	}, `SELECT id, last_rev FROM channels WHERE id = ANY($1)`, channelIDs)
	return list, wrap("read heads of channels", err)
}
