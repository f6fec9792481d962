package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The index of messages follows the logs of the channels: a step takes the messages that are stored since, and what has
// become of older ones, in one transaction with how far it has come. So it may end at any point, and whoever finds it
// behind may do the next step: the server in the background, and every search, which thus finds what was acknowledged
// before. Sends pay nothing for it.

// searchWindow is how many documents are searched at once. Each says in which window it is, as it says its channel, its
// author and what it has, by words that no text can have: they begin with a control character. By them a common word is
// looked for among few documents, instead of being counted in all.
const searchWindow = 16384

// searchStep is how many messages a step takes.
const searchStep = 1000

// searchLock is the advisory lock of whoever does a step, on whatever node.
const searchLock = 0x736e7567_0001

// windowOf is the tsvector's word, and the tsquery, of a window.
const windowOf = `(E'\x01w' || %s / 16384)`

// searchDocument is the tsvector of a message m in a language.
func searchDocument(language, n string) string {
	return `to_tsvector(` + language + `::regconfig, m.body ||
		CASE WHEN m.files IS NULL THEN '' ELSE (SELECT ' ' || string_agg(f ->> 'name', ' ') FROM jsonb_array_elements(m.files) f) END) ||
		array_to_tsvector(array_remove(ARRAY[
			` + fmt.Sprintf(windowOf, n) + `, E'\x01c' || m.channel_id, E'\x01f' || m.author_id,
			CASE WHEN m.body ~* 'https?://[^[:space:]]' THEN E'\x01hlink' END,
			CASE WHEN m.body ~ '` + "`[^`]" + `|~~~' THEN E'\x01hcode' END,
			CASE WHEN m.files IS NOT NULL THEN E'\x01hfile' END,
			CASE WHEN jsonb_path_exists(m.files, '$[*] ? (@.type starts with "image/")') THEN E'\x01himage' END,
			CASE WHEN m.reactions IS NOT NULL THEN E'\x01hreaction' END,
			CASE WHEN m.pinned THEN E'\x01hpin' END], NULL))`
}

// indexStep takes the next $1 messages or so, in the order of time over all channels: of each channel it reads some, and
// takes no message that is younger than one of another channel that it has not read. Changes of older ones follow by rev.
// It returns how many messages are still to come.
var indexStep = `
	WITH behind AS MATERIALIZED (
		SELECT c.id, c.last_seq, c.last_rev, coalesce(p.seq, 0) AS seq, coalesce(p.rev, 0) AS rev
		FROM channels c LEFT JOIN search_progress p ON p.channel_id = c.id
		WHERE c.last_rev > coalesce(p.rev, 0) OR c.last_seq > coalesce(p.seq, 0)
	), share AS MATERIALIZED (
		SELECT greatest($1 / greatest(count(*), 1), 20) AS most FROM behind
	), fetched AS MATERIALIZED (
		SELECT b.id AS channel_id, b.last_seq, m.id, m.seq, m.created_at, max(m.created_at) OVER (PARTITION BY b.id ORDER BY m.seq) AS at
		FROM behind b CROSS JOIN LATERAL (
			SELECT id, seq, created_at FROM messages WHERE channel_id = b.id AND seq > b.seq ORDER BY seq LIMIT (SELECT most FROM share)
		) m
	), horizon AS MATERIALIZED (
		SELECT min(at) AS at FROM (SELECT max(at) AS at FROM fetched GROUP BY channel_id HAVING max(seq) < max(last_seq)) unread
	), taken AS MATERIALIZED (
		SELECT f.channel_id, f.id, f.seq, f.created_at,
			coalesce((SELECT max(n) FROM search_documents), -1) + row_number() OVER (ORDER BY f.at, f.channel_id, f.seq) AS n
		FROM fetched f, horizon WHERE horizon.at IS NULL OR f.at <= horizon.at
	), numbered AS MATERIALIZED (
		SELECT t.id, t.n, t.created_at, coalesce(w.language, ws.search_language) AS language
		FROM taken t CROSS JOIN workspace ws LEFT JOIN search_windows w ON w.number = t.n / 16384
	), windows AS (
		INSERT INTO search_windows AS w (number, language, first_at, last_at)
		SELECT n / 16384, min(language), min(created_at), max(created_at) FROM numbered GROUP BY 1
		ON CONFLICT (number) DO UPDATE SET first_at = least(w.first_at, excluded.first_at), last_at = greatest(w.last_at, excluded.last_at)
	), stored AS (
		INSERT INTO search_documents (n, message_id, channel_id, created_at, doc)
		SELECT t.n, m.id, m.channel_id, m.created_at, ` + searchDocument("t.language", "t.n") + `
		FROM numbered t JOIN messages m ON m.id = t.id WHERE m.deleted_at IS NULL
	), changed AS MATERIALIZED (
		SELECT b.id AS channel_id, m.id, m.rev, m.deleted
		FROM behind b CROSS JOIN LATERAL (
			SELECT id, rev, deleted_at IS NOT NULL AS deleted FROM messages
			WHERE channel_id = b.id AND rev > created_rev AND rev > b.rev AND seq <= b.seq ORDER BY rev LIMIT (SELECT most FROM share)
		) m
	), removed AS (
		DELETE FROM search_documents d USING changed c WHERE d.message_id = c.id AND c.deleted
	), renewed AS (
		UPDATE search_documents d SET doc = fresh.doc
		FROM (
			SELECT m.id, ` + searchDocument("w.language", "old.n") + ` AS doc
			FROM changed c JOIN messages m ON m.id = c.id JOIN search_documents old ON old.message_id = c.id JOIN search_windows w ON w.number = old.n / 16384
			WHERE NOT c.deleted
		) fresh WHERE d.message_id = fresh.id AND d.doc <> fresh.doc
	), progress AS (
		SELECT b.id, b.last_seq, coalesce((SELECT max(seq) FROM taken t WHERE t.channel_id = b.id), b.seq) AS seq,
			coalesce((SELECT max(rev) FROM changed c WHERE c.channel_id = b.id HAVING count(*) = (SELECT most FROM share)), b.last_rev) AS rev
		FROM behind b
	), noted AS (
		INSERT INTO search_progress (channel_id, seq, rev) SELECT id, seq, rev FROM progress
		ON CONFLICT (channel_id) DO UPDATE SET seq = excluded.seq, rev = excluded.rev
	)
	SELECT coalesce(sum(last_seq - seq), 0)::bigint FROM progress`

// behindIndex reports whether there is something to index.
const behindIndex = `
	SELECT EXISTS (
		SELECT FROM channels c LEFT JOIN search_progress p ON p.channel_id = c.id
		WHERE c.last_rev > coalesce(p.rev, 0) OR c.last_seq > coalesce(p.seq, 0))`

// oldWindow finds a window that is not in the language of the workspace, the newest first.
const oldWindow = `
	SELECT w.number, ws.search_language FROM search_windows w CROSS JOIN workspace ws
	WHERE w.language <> ws.search_language ORDER BY w.number DESC LIMIT 1`

// renewWindow brings the documents of the window $1 into the language $2.
var renewWindow = `
	WITH kept AS (UPDATE search_windows SET language = $2::text WHERE number = $1)
	UPDATE search_documents d SET doc = ` + searchDocument("$2::text", "d.n") + `
	FROM messages m WHERE m.id = d.message_id AND d.n BETWEEN $1 * 16384 AND $1 * 16384 + 16383`

// IndexMessages does a step of the index, if there is something to do, and returns how many messages are still behind it.
func (s *Store) IndexMessages(ctx context.Context) (behind int64, err error) {
	due, err := one(ctx, s, value[bool], behindIndex)
	if err != nil || !due {
		return 0, wrap("look whether messages are to be indexed", err)
	}
	err = s.inSearchLock(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, indexStep, searchStep).Scan(&behind)
	})
	return behind, wrap("index messages", err)
}

// RenewIndex brings some of the index into the language of the workspace, and reports whether there was something to do.
func (s *Store) RenewIndex(ctx context.Context) (did bool, err error) {
	err = s.inSearchLock(ctx, func(tx pgx.Tx) error {
		var number int64
		var language string
		err := tx.QueryRow(ctx, oldWindow).Scan(&number, &language)
		if noRows(err) {
			return nil
		}
		if err == nil {
			_, err = tx.Exec(ctx, renewWindow, number, language)
			did = true
		}
		return err
	})
	return did, wrap("renew the index", err)
}

// inSearchLock runs do in a transaction in which nobody else changes the index.
func (s *Store) inSearchLock(ctx context.Context, do func(pgx.Tx) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		// A statement of its own: the next one begins with the lock held, and so sees the step before.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1), set_config('enable_seqscan', 'off', true)`, searchLock); err != nil {
			return err
		}
		return do(tx)
	})
}

// While there is more to do, the index rests so many times as long as it works: others use the machine. While many write at
// once they need it more. What is searched for meanwhile is indexed by the search.
const (
	indexRest      = 3
	indexRestLater = 30
)

// KeepIndex keeps the index of messages until ctx ends, and looks that often for what is new. While others say that they are
// busy it takes longer. Any number of nodes may keep it.
func (s *Store) KeepIndex(ctx context.Context, every time.Duration, busy func() bool) error {
	for pause := every; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		began := time.Now()
		behind, err := s.IndexMessages(ctx)
		more := behind > 0
		if err == nil && !more {
			more, err = s.RenewIndex(ctx)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			s.log.Warn("messages wait to be indexed", "error", err)
		}
		pause = indexPause(every, time.Since(began), more, busy())
	}
}

// indexPause is how long the index rests after a step that took so long.
func indexPause(every, took time.Duration, more, busy bool) time.Duration {
	switch {
	case more && busy:
		return indexRestLater * took
	case more:
		return min(indexRest*took, every)
	}
	return every
}
