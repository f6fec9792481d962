package store

import (
	"context"

	"github.com/google/uuid"
)

// Deletion is a deleted message, and what changed with it.
type Deletion struct {
	Change  Change
	Message Message
	Parent  *Message // of a reply: what its thread is about, changed by the rev after the deletion's
}

// DeleteMessage takes everything from a message but its place in the channel. Its author may, admins and owners; others are
// answered Forbidden. What is deleted already stays as it is.
func (s *Store) DeleteMessage(ctx context.Context, userID, messageID uuid.UUID) (Deletion, error) {
	var d Deletion
	var err error
	d.Change, d.Message, err = s.changeMessage(ctx, userID, messageID, func(ctx context.Context, m subject) error {
		if err := m.as.deletes(m.author == userID); err != nil {
			return err
		}
		if m.deleted {
			return errUnchanged
		}
		err := m.exec(ctx, `
			WITH no_edits AS (DELETE FROM message_edits WHERE message_id = $1),
				no_reactions AS (DELETE FROM reactions WHERE message_id = $1),
				no_pin AS (DELETE FROM pins WHERE message_id = $1),
				no_saves AS (DELETE FROM saves WHERE message_id = $1),
				no_mentions AS (DELETE FROM mentions WHERE message_id = $1),
				no_files AS (DELETE FROM files WHERE message_id = $1)
			UPDATE messages SET rev = $2, body = '', deleted_at = statement_timestamp(), edited_at = NULL, reactions = NULL, files = NULL,
				pinned = false
			WHERE id = $1`)
		if err == nil && m.author != userID {
			err = record(ctx, m.tx, Event{Action: MessageDeleted, Target: Target{Kind: "message", ID: messageID}})
		}
		if err != nil || m.parentSeq == nil {
			return err
		}
		d.Parent, err = m.recountThread(ctx)
		return err
	})
	if err != nil {
		return Deletion{}, err
	}
	return d, nil
}

// recountThread counts the replies of the thread that m was one of, and returns what the thread is about. That is a change
// of its own.
func (m subject) recountThread(ctx context.Context) (*Message, error) {
	var parentID uuid.UUID
	err := m.tx.QueryRow(ctx, `
		WITH next AS (
			UPDATE channels SET last_rev = last_rev + 1 WHERE id = $1 RETURNING last_rev
		), replies AS (
			SELECT author_id, seq, created_at FROM messages WHERE channel_id = $1 AND parent_seq = $2 AND deleted_at IS NULL
		), thread AS (
			SELECT count(*) AS count, max(seq) AS last_seq, max(created_at) AS last_at FROM replies
		)
		UPDATE messages SET rev = next.last_rev, reply_count = count, last_reply_seq = last_seq, last_reply_at = last_at,
			participants = nullif(ARRAY(SELECT author_id FROM replies GROUP BY author_id ORDER BY min(seq) LIMIT $3), '{}')
		FROM next, thread WHERE channel_id = $1 AND seq = $2 RETURNING id`, m.channelID, *m.parentSeq, maxParticipants).Scan(&parentID)
	if err != nil {
		return nil, err
	}
	parent, err := messageIn(ctx, m.tx, parentID)
	return &parent, err
}
