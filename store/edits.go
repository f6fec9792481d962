package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Edit is what a message said before it was edited.
type Edit struct {
	Body      string    `json:"body"` // Markdown
	HTML      string    `json:"html"` // filled in by whoever renders the body
	WrittenAt time.Time `json:"written_at"`
}

// EditMessage gives a message another text. Only its author may, others are answered Forbidden; of a deleted message the
// answer is Conflict. The same text changes nothing.
func (s *Store) EditMessage(ctx context.Context, userID, messageID uuid.UUID, body string) (Change, Message, error) {
	var check checker
	check.body(body, true)
	if err := check.err(); err != nil {
		return Change{}, Message{}, err
	}
	return s.changeMessage(ctx, userID, messageID, func(ctx context.Context, m subject) error {
		if err := m.as.edits(m.author == userID); err != nil {
			return err
		}
		switch {
		case m.deleted:
			return errDeleted
		case m.body == body:
			return errUnchanged
		}
		var check checker
		check.body(body, m.hasFiles)
		if err := check.err(); err != nil {
			return err
		}
		if err := m.editMentions(ctx, m.body, body); err != nil {
			return err
		}
		return m.exec(ctx, `
			WITH kept AS (
				INSERT INTO message_edits (message_id, rev, body, written_at) VALUES ($1, $2, $3, $4)
			)
			UPDATE messages SET rev = $2, body = $5, edited_at = statement_timestamp() WHERE id = $1`, m.body, m.writtenAt, body)
	})
}

// Edits returns what a message said before, the oldest first; of a message that was edited more often than MaxPage
// times, the newest of them. It answers NotFound unless the user may read the message.
func (s *Store) Edits(ctx context.Context, userID, messageID uuid.UUID) ([]Edit, error) {
	if _, err := s.channelOf(ctx, userID, messageID); err != nil {
		return nil, err
	}
	list, err := all(ctx, s, func(row pgx.Row) (e Edit, err error) {
		err = row.Scan(&e.Body, &e.WrittenAt)
		return e, err
	}, `
		SELECT body, written_at FROM (SELECT * FROM message_edits WHERE message_id = $1 ORDER BY rev DESC LIMIT $2) newest
		ORDER BY rev`, messageID, MaxPage)
	return list, wrap("read the history of a message", err)
}
