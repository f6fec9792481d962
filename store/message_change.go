package store

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// subject is a message that somebody wants to change, as the channel's lock keeps it.
type subject struct {
	tx        pgx.Tx
	rev       int64 // of the change
	id        uuid.UUID
	channelID uuid.UUID
	parentSeq *int64 // of a reply
	author    uuid.UUID
	body      string
	writtenAt time.Time // the body
	deleted   bool
	pinned    bool
	hasFiles  bool
	as        Standing // of who wants it
}

var errDeleted = &Error{Code: Conflict, Message: "This message was deleted."}

// changeMessage runs do under the lock of the message's channel, and returns the change and the message as it then is; do
// may answer errUnchanged. NotFound means that the user may not read the message, Forbidden that the user is not in the
// channel, or that it is archived.
func (s *Store) changeMessage(ctx context.Context, userID, messageID uuid.UUID, do func(context.Context, subject) error) (Change, Message, error) {
	channelID, err := s.channelOf(ctx, userID, messageID)
	if err != nil {
		return Change{}, Message{}, err
	}
	var message Message
	change, err := s.inChannel(ctx, channelID, func(tx pgx.Tx, rev int64) error {
		m := subject{tx: tx, rev: rev, id: messageID, channelID: channelID}
		if err := m.read(ctx, userID); err != nil {
			return err
		}
		done := do(ctx, m)
		if done != nil && !errors.Is(done, errUnchanged) {
			return done
		}
		if message, err = messageIn(ctx, tx, messageID); err != nil {
			return err
		}
		return done
	})
	if err != nil {
		return Change{}, Message{}, wrap("change message", err)
	}
	return change, message, nil
}

// channelOf returns the channel of a message, and NotFound unless the user may read it.
func (s *Store) channelOf(ctx context.Context, userID, messageID uuid.UUID) (uuid.UUID, error) {
	id, err := one(ctx, s, value[uuid.UUID], `
		SELECT c.id FROM messages m JOIN channels c ON c.id = m.channel_id JOIN users u ON u.id = $1
		WHERE m.id = $2 AND `+mayRead, userID, messageID)
	if noRows(err) {
		return id, notFound("message")
	}
	return id, wrap("find message", err)
}

// read reads what is to be changed, and what the user is to its channel, where something is to change.
func (m *subject) read(ctx context.Context, userID uuid.UUID) error {
	err := m.tx.QueryRow(ctx, `
		SELECT said.parent_seq, said.author_id, said.body, coalesce(said.edited_at, said.created_at), said.deleted_at IS NOT NULL, said.pinned,
			said.files IS NOT NULL, `+standingColumns+fromStanding+` JOIN messages said ON said.channel_id = c.id WHERE said.id = $2`, userID, m.id).
		Scan(append([]any{&m.parentSeq, &m.author, &m.body, &m.writtenAt, &m.deleted, &m.pinned, &m.hasFiles}, m.as.fields()...)...)
	if noRows(err) {
		return notFound("message")
	}
	if err != nil {
		return err
	}
	return m.as.Writes()
}

// exec runs a statement whose $1 is the message's id and whose $2 is the change's rev.
func (m subject) exec(ctx context.Context, sql string, args ...any) error {
	_, err := m.tx.Exec(ctx, sql, append([]any{m.id, m.rev}, args...)...)
	return err
}

func messageIn(ctx context.Context, tx pgx.Tx, id uuid.UUID) (Message, error) {
	return scanMessage(tx.QueryRow(ctx, `SELECT `+messageColumns+` FROM messages m JOIN users u ON u.id = m.author_id WHERE m.id = $1`, id))
}
