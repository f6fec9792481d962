package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A batch is one pipeline: one round trip, and one transaction, which commits at its end.

// settings are those of the transaction.
//
// Plans are to read by index: they are kept, and one that was made while a table was small reads all of it. Measured on
// a new instance: 15 times slower for up to a minute, until autovacuum has counted the rows. (Planning each time anew
// costs more than it gains here.)
//
// The commit is to be durable, also in a database whose owner has set it not to wait for that.
const settings = `
	SELECT set_config('enable_seqscan', 'off', true), set_config('synchronous_commit',
		CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`

// lockChannels is a statement of its own because each statement sees what was committed when it began
// (isolation level READ COMMITTED): storeBatch begins with all locks held, and so sees every message that another
// writer stored in these channels. In the order of ids no two writers wait for each other. NO KEY: what refers to
// the channel, whose foreign key locks the channel's key, need not wait.
const lockChannels = `SELECT FROM channels WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`

// findDoubtful returns those of the messages that were stored after all. It follows lockChannels, so that none of them
// is under way.
const findDoubtful = `SELECT ` + messageColumns + ` FROM messages m JOIN users u ON u.id = m.author_id WHERE m.id = ANY ($1)`

// storeBatch judges each send, stores those it accepts with the next seqs of their channels, in the order of arrival,
// and returns a row for each, in that order.
const storeBatch = `
	WITH input AS (
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[]) WITH ORDINALITY
			AS input (id, author_id, client_id, channel_id, body, n)
	), judged AS MATERIALIZED (
		SELECT input.*, u.username, u.display_name, u.avatar_url, c.last_seq, c.last_rev,
			m.user_id IS NOT NULL AND u.active AS member, coalesce(c.archived, false) AS archived, known.*
		FROM input
		LEFT JOIN users u ON u.id = input.author_id
		LEFT JOIN channels c ON c.id = input.channel_id
		LEFT JOIN channel_members m ON m.channel_id = input.channel_id AND m.user_id = input.author_id
		LEFT JOIN LATERAL (
			SELECT k.id AS known_id, k.channel_id AS known_channel_id, k.seq AS known_seq, k.body AS known_body,
				k.created_at AS known_at, k.created_rev AS known_rev
			FROM messages k WHERE k.author_id = input.author_id AND k.client_id = input.client_id LIMIT 1
		) known ON true
	), accepted AS MATERIALIZED (
		SELECT *, last_seq + row_number() OVER (PARTITION BY channel_id ORDER BY n) AS seq,
			last_rev + row_number() OVER (PARTITION BY channel_id ORDER BY n) AS rev, statement_timestamp() AS at
		FROM judged WHERE known_id IS NULL AND member AND NOT archived
	), stored AS (
		INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
		SELECT id, channel_id, seq, author_id, client_id, body, at, rev, rev FROM accepted
	), counted AS (
		UPDATE channels c SET last_seq = newest.seq, last_rev = newest.rev
		FROM (SELECT channel_id, max(seq) AS seq, max(rev) AS rev FROM accepted GROUP BY channel_id) newest WHERE c.id = newest.channel_id
	)
	SELECT j.member, j.archived, coalesce(a.id, j.known_id), coalesce(a.channel_id, j.known_channel_id),
		coalesce(a.seq, j.known_seq), coalesce(a.rev, j.known_rev), coalesce(a.at, j.known_at), j.known_body, j.username, j.display_name, j.avatar_url
	FROM judged j LEFT JOIN accepted a USING (n) ORDER BY n`

// verdict is a row of storeBatch.
type verdict struct {
	member, archived bool
	id, channelID    pgtype.UUID // of the message as stored, now or before; invalid when it was refused
	seq, rev         *int64
	at               *time.Time
	body             *string // set when it was stored before
	username         *string
	displayName      *string
	avatarURL        *string
}

func scanVerdict(row pgx.CollectableRow) (v verdict, err error) {
	err = row.Scan(&v.member, &v.archived, &v.id, &v.channelID, &v.seq, &v.rev, &v.at, &v.body,
		&v.username, &v.displayName, &v.avatarURL)
	return v, err
}

// try stores the batch once. When it returns nil, that is durable and the senders are answered. An error means that
// nobody was answered; when the connection broke, the batch may be stored nevertheless.
func (w *Writer) try(batch []*pending) error {
	ctx, cancel := context.WithDeadline(context.Background(), w.deadline(batch))
	defer cancel()
	verdicts, found, err := w.exchange(ctx, batch)
	if err != nil {
		if w.conn != nil && w.conn.Conn().IsClosed() {
			err = fmt.Errorf("%w: %w", errConnectionLost, err)
		}
		w.release()
		return err
	}
	w.doubt = nil
	created := found
	answers := make([]answer, len(batch))
	for i, p := range batch {
		answers[i] = p.judge(verdicts[i])
		if answers[i].stored.Created {
			created = append(created, answers[i].stored.Message)
		}
	}
	// Within a channel, what an earlier try has stored comes before what this one has.
	slices.SortStableFunc(created, func(a, b Message) int { return cmp.Compare(a.Seq, b.Seq) })
	if len(created) > 0 {
		w.committed(created)
	}
	for i, p := range batch {
		p.settle(answers[i].stored, answers[i].err)
	}
	return nil
}

// exchange sends the pipeline and reads its results: a verdict for each of the batch, and the messages that were in
// doubt and are stored.
func (w *Writer) exchange(ctx context.Context, batch []*pending) (verdicts []verdict, found []Message, err error) {
	if w.conn == nil {
		if w.conn, err = w.store.pool.Acquire(ctx); err != nil {
			return nil, nil, fmt.Errorf("connect: %w", err)
		}
	}
	results := w.conn.SendBatch(ctx, w.pipeline(batch))
	defer func() {
		// The commit comes last, and so does the news that it failed.
		if closeErr := results.Close(); err == nil && closeErr != nil {
			err = fmt.Errorf("commit: %w", closeErr)
		}
	}()
	for _, step := range []string{"set up", "lock channels"} {
		if _, err := results.Exec(); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", step, err)
		}
	}
	if len(w.doubt) > 0 {
		rows, _ := results.Query()
		found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Message, error) { return scanMessage(row) })
		if err != nil {
			return nil, nil, fmt.Errorf("find messages in doubt: %w", err)
		}
	}
	if len(batch) > 0 {
		rows, _ := results.Query()
		verdicts, err = pgx.AppendRows(make([]verdict, 0, len(batch)), rows, scanVerdict)
		if err == nil && len(verdicts) != len(batch) {
			err = fmt.Errorf("%d answers to %d sends", len(verdicts), len(batch))
		}
		if err != nil {
			return nil, nil, fmt.Errorf("store messages: %w", err)
		}
	}
	return verdicts, found, nil
}

func (w *Writer) pipeline(batch []*pending) *pgx.Batch {
	// As [16]byte they are sent as they are; pgx would make a string of each uuid.UUID and parse that.
	n := len(batch)
	ids, authors, clients := make([][16]byte, n), make([][16]byte, n), make([][16]byte, n)
	channels, bodies := make([][16]byte, n), make([]string, n)
	locked := map[[16]byte]bool{}
	for i, p := range batch {
		ids[i], authors[i], clients[i], channels[i], bodies[i] = p.id, p.AuthorID, p.ClientID, p.ChannelID, p.Body
		locked[p.ChannelID] = true
		p.tried = true
	}
	var doubtful [][16]byte
	for _, p := range w.doubt {
		doubtful = append(doubtful, p.id)
		locked[p.ChannelID] = true
	}
	pipe := &pgx.Batch{}
	pipe.Queue(settings)
	pipe.Queue(lockChannels, slices.Collect(maps.Keys(locked)))
	if len(doubtful) > 0 {
		pipe.Queue(findDoubtful, doubtful)
	}
	if n > 0 {
		pipe.Queue(storeBatch, ids, authors, clients, channels, bodies)
	}
	return pipe
}

// judge turns a row into the sender's answer.
func (p *pending) judge(v verdict) answer {
	switch {
	case v.id.Valid && v.channelID.Bytes != p.ChannelID:
		return answer{err: errOtherChannel}
	case !v.id.Valid && !v.member:
		return answer{err: notFound("channel")}
	case !v.id.Valid:
		return answer{err: &Error{Code: Forbidden, Message: "This channel is archived: nothing can be sent to it."}}
	}
	body := p.Body
	if v.body != nil {
		body = *v.body
	}
	return answer{stored: Stored{
		// Found under the id that this send made, it was stored by this send: by a try whose outcome was unknown.
		Created: v.id.Bytes == p.id,
		Message: Message{
			ID: v.id.Bytes, ChannelID: p.ChannelID, Seq: *v.seq, Body: body, ClientID: p.ClientID, CreatedAt: *v.at, CreatedRev: *v.rev, Rev: *v.rev,
			Author:    Author{ID: p.AuthorID, Username: *v.username, DisplayName: *v.displayName, AvatarURL: *v.avatarURL},
			Reactions: []Reaction{}, Files: []File{},
		},
	}}
}

// deadline is when to give up a try: when no sender of the batch waits any more, and at the latest when half of the
// time that a send has is over, so that those whose connection hangs get another try.
func (w *Writer) deadline(batch []*pending) time.Time {
	latest := time.Now().Add(w.timeout / 2)
	if len(batch) == 0 {
		return latest
	}
	last := slices.MaxFunc(batch, func(a, b *pending) int { return a.deadline().Compare(b.deadline()) }).deadline()
	if last.Before(latest) {
		return last
	}
	return latest
}

// release gives the connection back to the pool, which closes it if it is broken.
func (w *Writer) release() {
	if w.conn != nil {
		w.conn.Release()
		w.conn = nil
	}
}
