package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Save is a message that a user has put aside. Nobody else is told.
type Save struct {
	ID      uuid.UUID `json:"id"` // rises with the time
	SavedAt time.Time `json:"saved_at"`
	Message Message   `json:"message"`
}

// SavePage says which saves to list, the newest first.
type SavePage struct {
	Before *uuid.UUID // those that are older than this one; the newest when nil
	Limit  int        // 1 to MaxPage
}

// SaveMessage puts a message aside for the user; one that is aside already stays where it is. It answers NotFound unless
// the user may read the message.
func (s *Store) SaveMessage(ctx context.Context, userID, messageID uuid.UUID) error {
	m, err := s.Message(ctx, userID, messageID)
	if err != nil {
		return err
	}
	if m.DeletedAt != nil {
		return errDeleted
	}
	return wrap("save message", s.exec(ctx, `
		INSERT INTO saves (id, user_id, message_id) VALUES ($1, $2, $3) ON CONFLICT (user_id, message_id) DO NOTHING`,
		newID(), userID, messageID))
}

// UnsaveMessage undoes SaveMessage.
func (s *Store) UnsaveMessage(ctx context.Context, userID, messageID uuid.UUID) error {
	return wrap("unsave message", s.exec(ctx, `DELETE FROM saves WHERE user_id = $1 AND message_id = $2`, userID, messageID))
}

// Saves returns a page of what the user has put aside and may still read, and whether there is more.
func (s *Store) Saves(ctx context.Context, userID uuid.UUID, p SavePage) ([]Save, bool, error) {
	var check checker
	check.limit(p.Limit)
	if err := check.err(); err != nil {
		return nil, false, err
	}
	list, err := all(ctx, s, func(row pgx.Row) (v Save, err error) {
		v.Message, err = scanMessageAnd(row, &v.ID, &v.SavedAt)
		return v, err
	}, `
		SELECT `+messageColumns+`, s.id, s.saved_at
		FROM saves s JOIN messages m ON m.id = s.message_id JOIN users u ON u.id = m.author_id
		WHERE s.user_id = $1 AND ($2::uuid IS NULL OR s.id < $2) AND m.deleted_at IS NULL
			AND EXISTS (SELECT FROM channels c, users u WHERE c.id = m.channel_id AND u.id = $1 AND `+mayRead+`)
		ORDER BY s.id DESC LIMIT $3`, userID, p.Before, p.Limit+1)
	if err != nil {
		return nil, false, wrap("list saved messages", err)
	}
	list, more := atMost(list, p.Limit)
	return list, more, nil
}

// atMost cuts a list that was read with one more than wanted, and reports whether there was more.
func atMost[T any](list []T, limit int) ([]T, bool) {
	if len(list) > limit {
		return list[:limit], true
	}
	return list, false
}
