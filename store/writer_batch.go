package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A batch is one pipeline: one round trip, and one transaction, which commits at its end.

// settings are those of the transaction.
//
// Plans are to read by index, and to be made once: for one message, planning took as long as storing. They are kept, and one
// that was made while a table was small may read all of it later, until autovacuum has counted the rows. Measured on a new
// instance: 15 times slower for up to a minute.
//
// The commit is to be durable, also in a database whose owner has set it not to wait for that.
const settings = `
	SELECT set_config('enable_seqscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true), set_config('synchronous_commit',
		CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`

// lockChannels is a statement of its own because each statement sees what was committed when it began
// (isolation level READ COMMITTED): storeBatch begins with all locks held, and so sees every message that another
// writer stored in these channels. In the order of ids no two writers wait for each other. NO KEY: what refers to
// the channel, whose foreign key locks the channel's key, need not wait.
const lockChannels = `SELECT FROM channels WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE`

// messagesByID returns those of the messages that are stored. Where it follows lockChannels, none of them is under way.
const messagesByID = `SELECT ` + messageColumns + ` FROM messages m JOIN users u ON u.id = m.author_id WHERE m.id = ANY ($1)`

// storeBatch judges each send, stores those it accepts with the next seqs of their channels, in the order of arrival,
// and returns a row for each, in that order.
const storeBatch = inputOfBatch + judgedBatch + `, false AS lacks_files, NULL::jsonb AS files` + judgedFrom + storedBatch + verdicts

const inputOfBatch = `
	WITH input AS (
		SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::uuid[], $7::boolean[],
			$8::text[], $9::text[]) WITH ORDINALITY
			AS input (id, author_id, client_id, channel_id, body, parent_id, also_to_channel, author_name, author_emoji, n)
	)`

const judgedBatch = `, judged AS MATERIALIZED (
		SELECT input.*, u.username, u.display_name, u.avatar_url, u.bot, c.last_seq, c.last_rev,
			(u.active AND (m.user_id IS NOT NULL OR u.bot AND EXISTS (
				SELECT FROM hooks h WHERE h.user_id = u.id AND h.channel_id = c.id))) IS TRUE AS member, coalesce(c.archived, false) AS archived, p.seq AS parent_seq, known.*`

const judgedFrom = `
		FROM input
		LEFT JOIN users u ON u.id = input.author_id
		LEFT JOIN channels c ON c.id = input.channel_id
		LEFT JOIN LATERAL ( -- in the order of the primary key, or another index seems as good while there are few members
			SELECT user_id FROM channel_members WHERE channel_id = input.channel_id AND user_id >= input.author_id ORDER BY user_id LIMIT 1
		) m ON m.user_id = input.author_id
		LEFT JOIN LATERAL ( -- by its id alone: in a small table an index of the channel seems as good, and is kept
			SELECT seq, channel_id, parent_seq, deleted_at FROM messages WHERE id = input.parent_id LIMIT 1
		) p ON p.channel_id = input.channel_id AND p.parent_seq IS NULL AND p.deleted_at IS NULL
		LEFT JOIN LATERAL (
			SELECT k.id AS known_id, k.channel_id AS known_channel_id FROM messages k
			WHERE k.author_id = input.author_id AND k.client_id = input.client_id LIMIT 1
		) known ON true`

const storedBatch = `
	), chosen AS MATERIALIZED (
		SELECT *, known_id IS NULL AND member AND NOT archived AND (parent_id IS NULL OR parent_seq IS NOT NULL) AND NOT lacks_files AS accepted
		FROM judged
	), placed AS MATERIALIZED (
		SELECT *, last_seq + place AS seq, last_rev + place AS rev, statement_timestamp() AS at
		FROM (
			SELECT *, CASE WHEN accepted THEN count(*) FILTER (WHERE accepted) OVER (PARTITION BY channel_id ORDER BY n) END AS place
			FROM chosen
		) counted
	), stored AS (
		INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev, parent_seq, also_to_channel, files,
			author_name, author_emoji)
		SELECT id, channel_id, seq, author_id, client_id, body, at, rev, rev, parent_seq, coalesce(also_to_channel, false), files,
			author_name, author_emoji FROM placed WHERE accepted
	), counted AS (
		UPDATE channels c SET last_seq = newest.seq, last_rev = newest.rev
		FROM (SELECT channel_id, max(seq) AS seq, max(rev) AS rev FROM placed WHERE accepted GROUP BY channel_id) newest WHERE c.id = newest.channel_id
	)`

const verdicts = `
	SELECT member, archived, lacks_files, known_id, known_channel_id, seq, rev, at, CASE WHEN accepted THEN files END,
		username, display_name, avatar_url, bot
	FROM placed ORDER BY n`

// verdict is a row of storeBatch.
type verdict struct {
	member, archived      bool
	lacksFiles            bool        // one of its files is not there for it
	knownID, knownChannel pgtype.UUID // of the message that was stored before
	seq, rev              *int64      // of the message as stored now; nil when it is known or was refused
	at                    *time.Time
	files                 []File
	username              *string
	displayName           *string
	avatarURL             *string
	bot                   *bool
}

func scanVerdict(row pgx.CollectableRow) (v verdict, err error) {
	err = row.Scan(&v.member, &v.archived, &v.lacksFiles, &v.knownID, &v.knownChannel, &v.seq, &v.rev, &v.at, &v.files,
		&v.username, &v.displayName, &v.avatarURL, &v.bot)
	return v, err
}

// written is what became of a batch.
type written struct {
	verdicts []verdict // one for each of the batch
	found    []Message // that were in doubt and are stored
	changed  []Message // by replies: what their threads are about, as that now is
}

// try stores the batch once. When it returns nil, that is durable and the senders are answered. An error means that
// nobody was answered; when the connection broke, the batch may be stored nevertheless.
func (w *Writer) try(batch []*pending) error {
	ctx, cancel := context.WithDeadline(context.Background(), w.deadline(batch))
	defer cancel()
	done, err := w.exchange(ctx, batch)
	var known map[uuid.UUID]Message
	if err == nil {
		known, err = w.readKnown(ctx, done.verdicts)
	}
	if err != nil {
		if w.conn != nil && w.conn.Conn().IsClosed() {
			err = fmt.Errorf("%w: %w", errConnectionLost, err)
		}
		w.release()
		return err
	}
	w.doubt = nil
	created := done.found
	answers := make([]answer, len(batch))
	for i, p := range batch {
		answers[i] = p.judge(done.verdicts[i], known)
		if answers[i].stored.Created {
			created = append(created, answers[i].stored.Message)
		}
	}
	// Within a channel, what an earlier try has stored comes before what this one has.
	slices.SortStableFunc(created, func(a, b Message) int { return cmp.Compare(a.Seq, b.Seq) })
	if len(created) > 0 {
		w.committed(created, done.changed)
	}
	for i, p := range batch {
		p.settle(answers[i].stored, answers[i].err)
	}
	w.answered()
	return nil
}

// readKnown reads the messages that were stored before, which may have been changed since.
func (w *Writer) readKnown(ctx context.Context, verdicts []verdict) (map[uuid.UUID]Message, error) {
	var ids [][16]byte
	for _, v := range verdicts {
		if v.knownID.Valid {
			ids = append(ids, v.knownID.Bytes)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	rows, _ := w.conn.Query(ctx, messagesByID, ids)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Message, error) { return scanMessage(row) })
	if err != nil {
		return nil, fmt.Errorf("read messages that were stored before: %w", err)
	}
	known := make(map[uuid.UUID]Message, len(list))
	for _, m := range list {
		known[m.ID] = m
	}
	return known, nil
}

// exchange sends the pipeline and reads its results.
func (w *Writer) exchange(ctx context.Context, batch []*pending) (done written, err error) {
	if w.conn == nil {
		if w.conn, err = w.store.pool.Acquire(ctx); err != nil {
			return done, fmt.Errorf("connect: %w", err)
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
			return done, fmt.Errorf("%s: %w", step, err)
		}
	}
	if len(w.doubt) > 0 {
		if done.found, err = nextRows(results, scanMessage); err != nil {
			return done, fmt.Errorf("find messages in doubt: %w", err)
		}
	}
	if len(batch) > 0 {
		rows, _ := results.Query()
		done.verdicts, err = pgx.AppendRows(make([]verdict, 0, len(batch)), rows, scanVerdict)
		if err == nil && len(done.verdicts) != len(batch) {
			err = fmt.Errorf("%d answers to %d sends", len(done.verdicts), len(batch))
		}
		if err != nil {
			return done, fmt.Errorf("store messages: %w", err)
		}
	}
	if rows := mentionsOf(batch); len(rows.named) > 0 {
		if _, err := results.Exec(); err != nil {
			return done, fmt.Errorf("store mentions: %w", err)
		}
	}
	if len(w.replies(batch)) > 0 {
		if _, err := results.Exec(); err != nil {
			return done, fmt.Errorf("count replies: %w", err)
		}
		if done.changed, err = nextRows(results, scanMessage); err != nil {
			return done, fmt.Errorf("read what was replied to: %w", err)
		}
	}
	return done, nil
}

// replies returns the ids of the replies in the batch and in doubt.
func (w *Writer) replies(batch []*pending) (ids [][16]byte) {
	for _, list := range [][]*pending{w.doubt, batch} {
		for _, p := range list {
			if p.ParentID != nil {
				ids = append(ids, p.id)
			}
		}
	}
	return ids
}

func (w *Writer) pipeline(batch []*pending) *pgx.Batch {
	// As [16]byte they are sent as they are; pgx would make a string of each uuid.UUID and parse that.
	n := len(batch)
	ids, authors, clients := make([][16]byte, n), make([][16]byte, n), make([][16]byte, n)
	channels, bodies := make([][16]byte, n), make([]string, n)
	var parents []pgtype.UUID // and also are none at all, which is read as NULL for each, when there are no replies
	var also []bool
	if slices.ContainsFunc(batch, func(p *pending) bool { return p.ParentID != nil }) {
		parents, also = make([]pgtype.UUID, n), make([]bool, n)
	}
	names, emoji := authorsOf(batch)
	locked := map[[16]byte]bool{}
	for i, p := range batch {
		ids[i], authors[i], clients[i], channels[i], bodies[i] = p.id, p.AuthorID, p.ClientID, p.ChannelID, p.Body
		if p.ParentID != nil {
			parents[i], also[i] = pgtype.UUID{Bytes: *p.ParentID, Valid: true}, p.AlsoToChannel
		}
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
		pipe.Queue(messagesByID, doubtful)
	}
	store, args := storeBatch, []any{ids, authors, clients, channels, bodies, parents, also, names, emoji}
	if files := filesOf(batch); len(files) > 0 {
		store, args = storeBatchWithFiles, append(args, files...)
	}
	if n > 0 {
		pipe.Queue(store, args...)
	}
	if rows := mentionsOf(batch); len(rows.named) > 0 {
		pipe.Queue(storeMentions, rows.arguments()...)
	}
	if replies := w.replies(batch); len(replies) > 0 {
		pipe.Queue(countReplies, replies, maxParticipants)
		pipe.Queue(parentsOf, replies)
	}
	return pipe
}

// authorsOf returns what bots call themselves in the batch; nil, which is read as NULL for each, when nobody does.
func authorsOf(batch []*pending) (names, emoji []*string) {
	for i, p := range batch {
		if p.AuthorName == "" && p.AuthorEmoji == "" {
			continue
		}
		if names == nil {
			names, emoji = make([]*string, len(batch)), make([]*string, len(batch))
		}
		if p.AuthorName != "" {
			names[i] = &p.AuthorName
		}
		if p.AuthorEmoji != "" {
			emoji[i] = &p.AuthorEmoji
		}
	}
	return names, emoji
}

// judge turns a row into the sender's answer. Known are the messages that were stored before.
func (p *pending) judge(v verdict, known map[uuid.UUID]Message) answer {
	switch {
	case v.knownID.Valid && v.knownChannel.Bytes != p.ChannelID:
		return answer{err: errOtherChannel}
	case v.knownID.Valid:
		// Found under the id that this send made, it was stored by this send: by a try whose outcome was unknown.
		return answer{stored: Stored{Created: v.knownID.Bytes == p.id, Message: known[v.knownID.Bytes]}}
	case !v.member:
		return answer{err: notFound("channel")}
	case v.archived:
		return answer{err: Standing{Member: true, Archived: true}.Writes()}
	case v.lacksFiles:
		return answer{err: errLacksFiles}
	case v.seq == nil:
		return answer{err: errNoParent}
	}
	if v.files == nil {
		v.files = []File{}
	}
	return answer{stored: Stored{
		Created: true,
		Message: Message{
			ID: p.id, ChannelID: p.ChannelID, Seq: *v.seq, Body: p.Body, ClientID: p.ClientID, CreatedAt: *v.at, CreatedRev: *v.rev, Rev: *v.rev,
			Author: Author{ID: p.AuthorID, Username: *v.username, DisplayName: cmp.Or(p.AuthorName, *v.displayName), AvatarURL: *v.avatarURL,
				Bot: *v.bot, Emoji: p.AuthorEmoji},
			ParentID: p.ParentID, AlsoToChannel: p.AlsoToChannel,
			Reactions: []Reaction{}, Files: v.files,
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
	last := slices.MaxFunc(batch, func(a, b *pending) int { return a.lastDeadline().Compare(b.lastDeadline()) }).lastDeadline()
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
