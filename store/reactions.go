package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// MaxReactions is how many different emoji a message may have under it.
const MaxReactions = 50

// ReactionParams is an emoji of a user's under a message.
type ReactionParams struct {
	UserID, MessageID uuid.UUID
	Emoji             string // as [CanonicalEmoji] wants it
}

// AddReaction puts an emoji under a message, where it is once for each user. It answers Conflict of a deleted message,
// and when there are MaxReactions other emoji.
func (s *Store) AddReaction(ctx context.Context, p ReactionParams) (Change, Message, error) {
	emoji, err := CanonicalEmoji(p.Emoji)
	if err != nil {
		return Change{}, Message{}, err
	}
	return s.changeMessage(ctx, p.UserID, p.MessageID, func(ctx context.Context, m subject) error {
		if m.deleted {
			return errDeleted
		}
		added, err := m.tx.Exec(ctx, `
			INSERT INTO reactions (message_id, emoji, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, m.id, emoji, p.UserID)
		if err != nil {
			return err
		}
		if added.RowsAffected() == 0 {
			return errUnchanged
		}
		var different int
		if err := m.tx.QueryRow(ctx, `SELECT count(DISTINCT emoji) FROM reactions WHERE message_id = $1`, m.id).Scan(&different); err != nil {
			return err
		}
		if different > MaxReactions {
			return &Error{Code: Conflict, Message: fmt.Sprintf("This message has %d different emoji already. Choose one of them.", MaxReactions)}
		}
		return m.keepReactions(ctx)
	})
}

// RemoveReaction undoes AddReaction.
func (s *Store) RemoveReaction(ctx context.Context, p ReactionParams) (Change, Message, error) {
	emoji, err := CanonicalEmoji(p.Emoji)
	if err != nil {
		return Change{}, Message{}, err
	}
	return s.changeMessage(ctx, p.UserID, p.MessageID, func(ctx context.Context, m subject) error {
		removed, err := m.tx.Exec(ctx, `DELETE FROM reactions WHERE message_id = $1 AND emoji = $2 AND user_id = $3`, m.id, emoji, p.UserID)
		if err != nil {
			return err
		}
		if removed.RowsAffected() == 0 {
			return errUnchanged
		}
		return m.keepReactions(ctx)
	})
}

// keepReactions keeps the reactions with the message, as they are read.
func (m subject) keepReactions(ctx context.Context) error {
	return m.exec(ctx, `
		UPDATE messages SET rev = $2, reactions = (
			SELECT jsonb_agg(jsonb_build_object('emoji', emoji, 'user_ids', user_ids) ORDER BY first, emoji)
			FROM (
				SELECT emoji, min(created_at) AS first, jsonb_agg(user_id ORDER BY created_at, user_id) AS user_ids
				FROM reactions WHERE message_id = $1 GROUP BY emoji
			) each
		) WHERE id = $1`)
}
