package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// MaxPins is how many messages of a channel may be pinned.
const MaxPins = 100

// Pin is a pinned message.
type Pin struct {
	Message  Message   `json:"message"`
	PinnedBy uuid.UUID `json:"pinned_by"`
	PinnedAt time.Time `json:"pinned_at"`
}

// PinMessage pins a message in its channel, or takes the pin away. It answers Conflict of a deleted message, and when
// MaxPins are pinned.
func (s *Store) PinMessage(ctx context.Context, userID, messageID uuid.UUID, pinned bool) (Change, Message, error) {
	return s.changeMessage(ctx, userID, messageID, func(ctx context.Context, m subject) error {
		switch {
		case m.pinned == pinned:
			return errUnchanged
		case m.deleted:
			return errDeleted
		case !pinned:
			return m.exec(ctx, `
				WITH unpinned AS (DELETE FROM pins WHERE message_id = $1)
				UPDATE messages SET rev = $2, pinned = false WHERE id = $1`)
		}
		var count int
		if err := m.tx.QueryRow(ctx, `SELECT count(*) FROM pins WHERE channel_id = $1`, m.channelID).Scan(&count); err != nil {
			return err
		}
		if count >= MaxPins {
			return &Error{Code: Conflict, Message: fmt.Sprintf("This channel has %d pinned messages already. Unpin one first.", MaxPins)}
		}
		return m.exec(ctx, `
			WITH pinned AS (INSERT INTO pins (message_id, channel_id, pinned_by) VALUES ($1, $3, $4))
			UPDATE messages SET rev = $2, pinned = true WHERE id = $1`, m.channelID, userID)
	})
}

// Pins returns the pinned messages of a channel, the last pinned first. It answers NotFound unless the user may read the
// channel.
func (s *Store) Pins(ctx context.Context, userID, channelID uuid.UUID) ([]Pin, error) {
	if _, err := s.Standing(ctx, userID, channelID); err != nil {
		return nil, err
	}
	list, err := all(ctx, s, func(row pgx.Row) (p Pin, err error) {
		p.Message, err = scanMessageAnd(row, &p.PinnedBy, &p.PinnedAt)
		return p, err
	}, `
		SELECT `+messageColumns+`, p.pinned_by, p.pinned_at
		FROM pins p JOIN messages m ON m.id = p.message_id JOIN users u ON u.id = m.author_id
		WHERE p.channel_id = $1 ORDER BY p.pinned_at DESC, p.message_id DESC`, channelID)
	return list, wrap("list pins", err)
}
