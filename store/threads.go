package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// maxParticipants is how many of those who replied are kept with a message.
const maxParticipants = 50

// countReplies counts the replies of a batch in what their threads are about, which is a change with a rev of its own,
// and makes who started a thread, replied or is mentioned in it a follower of it. A reply is counted in the transaction
// that stores it, under a rev above its own: what has a lower one has not counted it yet, and what has a higher one has.
const countReplies = `
	WITH replies AS MATERIALIZED (
		SELECT p.id AS parent_id, p.channel_id, p.seq AS parent_seq, p.author_id AS starter_id,
			r.id, r.seq, r.author_id, r.created_at
		FROM messages r JOIN messages p ON p.channel_id = r.channel_id AND p.seq = r.parent_seq
		WHERE r.id = ANY ($1) AND r.created_rev > p.rev
	), threads AS MATERIALIZED (
		SELECT r.parent_id, r.channel_id, count(*) AS count, max(r.seq) AS last_seq, max(r.created_at) AS last_at,
			c.last_rev + row_number() OVER (PARTITION BY r.channel_id ORDER BY r.parent_seq) AS rev
		FROM replies r JOIN channels c ON c.id = r.channel_id GROUP BY r.parent_id, r.channel_id, r.parent_seq, c.last_rev
	), counted AS (
		UPDATE messages p SET rev = t.rev, reply_count = p.reply_count + t.count, last_reply_seq = t.last_seq, last_reply_at = t.last_at,
			participants = ARRAY(
				SELECT id FROM (
					SELECT id, n AS place FROM unnest(p.participants) WITH ORDINALITY AS known (id, n)
					UNION ALL SELECT r.author_id, $2 + r.seq FROM replies r WHERE r.parent_id = p.id
				) everybody GROUP BY id ORDER BY min(place) LIMIT $2)
		FROM threads t WHERE p.id = t.parent_id
	), revised AS (
		UPDATE channels c SET last_rev = newest.rev
		FROM (SELECT channel_id, max(rev) AS rev FROM threads GROUP BY channel_id) newest WHERE c.id = newest.channel_id
	), people AS (
		SELECT parent_id, author_id AS user_id, seq AS own_seq, NULL AS other_seq FROM replies
		UNION ALL SELECT parent_id, starter_id, NULL, seq FROM replies
		UNION ALL SELECT r.parent_id, x.user_id, NULL, r.seq FROM replies r JOIN mentions x ON x.message_id IN (r.id, r.parent_id) AND x.by_name
	)
	INSERT INTO thread_followers AS f (user_id, message_id, read_seq)
	SELECT user_id, parent_id, coalesce(max(own_seq), min(other_seq) - 1) FROM people GROUP BY user_id, parent_id
	ON CONFLICT (user_id, message_id) DO UPDATE SET read_seq = excluded.read_seq
		WHERE f.read_seq < excluded.read_seq AND EXISTS (SELECT FROM replies r WHERE r.parent_id = f.message_id AND r.author_id = f.user_id)`

// parentsOf returns what the threads of these replies are about.
const parentsOf = `
	SELECT ` + messageColumns + ` FROM messages m JOIN users u ON u.id = m.author_id
	WHERE m.id IN (
		SELECT p.id FROM messages r JOIN messages p ON p.channel_id = r.channel_id AND p.seq = r.parent_seq WHERE r.id = ANY ($1)
	) ORDER BY m.channel_id, m.rev`

var errNoParent = &Error{Code: Invalid, Message: "Some of the input is not right.", Fields: map[string]string{
	"parent_id": "must be a message of this channel that is neither deleted nor a reply itself",
}}

// Thread is a page of a thread, in rising seq.
type Thread struct {
	Message Message   `json:"message"` // what the thread is about
	Replies []Message `json:"replies"`
	HasMore bool      `json:"has_more"`
	ReadSeq int64     `json:"read_seq"` // how far a follower has read; 0 for others
}

// Thread returns the replies above the seq after of the thread that is about a message, or that the message is a reply of.
// It answers NotFound unless the user may read it.
func (s *Store) Thread(ctx context.Context, userID, messageID uuid.UUID, after int64, limit int) (Thread, error) {
	var check checker
	check.limit(limit)
	if err := check.err(); err != nil {
		return Thread{}, err
	}
	t := Thread{}
	var err error
	if t.Message, err = s.threadOf(ctx, userID, messageID); err != nil {
		return Thread{}, err
	}
	list, err := all(ctx, s, scanMessage, `
		SELECT `+messageColumns+` FROM messages m JOIN users u ON u.id = m.author_id
		WHERE m.channel_id = $1 AND m.parent_seq = $2 AND m.seq > $3 ORDER BY m.seq LIMIT $4`,
		t.Message.ChannelID, t.Message.Seq, after, limit+1)
	if err != nil {
		return Thread{}, wrap("read thread", err)
	}
	t.Replies, t.HasMore = atMost(list, limit)
	t.ReadSeq, err = one(ctx, s, value[int64], `
		SELECT coalesce((SELECT read_seq FROM thread_followers WHERE user_id = $1 AND message_id = $2), 0)`, userID, t.Message.ID)
	return t, wrap("read how far a thread was read", err)
}

// threadOf returns what a thread is about: the message, or what it is a reply to.
func (s *Store) threadOf(ctx context.Context, userID, messageID uuid.UUID) (Message, error) {
	m, err := s.Message(ctx, userID, messageID)
	if err == nil && m.ParentID != nil {
		m, err = s.Message(ctx, userID, *m.ParentID)
	}
	return m, err
}

// ThreadRead is how far a user has read a thread.
type ThreadRead struct {
	ChannelID uuid.UUID `json:"channel_id"`
	MessageID uuid.UUID `json:"message_id"` // what the thread is about
	ReadSeq   int64     `json:"read_seq"`
}

// MarkThreadRead says that the user has read a thread up to seq. What is read stays read: a smaller seq changes nothing,
// one beyond the last reply means that one. Of a thread that the user does not follow nothing is kept, and ReadSeq is 0.
// It answers NotFound unless the user may read it.
func (s *Store) MarkThreadRead(ctx context.Context, userID, messageID uuid.UUID, seq int64) (ThreadRead, error) {
	m, err := s.threadOf(ctx, userID, messageID)
	if err != nil {
		return ThreadRead{}, err
	}
	read := ThreadRead{ChannelID: m.ChannelID, MessageID: m.ID}
	read.ReadSeq, err = one(ctx, s, value[int64], `
		UPDATE thread_followers f SET read_seq = greatest(f.read_seq, least($3, m.last_reply_seq)) FROM messages m
		WHERE m.id = f.message_id AND f.user_id = $1 AND f.message_id = $2 RETURNING f.read_seq`, userID, m.ID, seq)
	if noRows(err) {
		return read, nil
	}
	return read, wrap("mark thread as read", err)
}

// FollowedThread is a thread as one of its followers sees it.
type FollowedThread struct {
	Message Message `json:"message"`
	Unread  int     `json:"unread"` // replies by others, at most maxUnreadReplies
	ReadSeq int64   `json:"read_seq"`
}

// maxUnreadReplies is how far the unread replies of a thread are counted, and maxUnreadThreads the unread threads.
const maxUnreadReplies, maxUnreadThreads = 100, 1000

// ThreadPage says which threads to list, that with the newest reply first.
type ThreadPage struct {
	Cursor string // the Next of the page before; empty for the first
	Unread bool   // only those with unread replies
	Limit  int    // 1 to MaxPage
}

// ThreadList is a page of threads.
type ThreadList struct {
	Threads       []FollowedThread `json:"threads"`
	UnreadThreads int              `json:"unread_threads"` // of all, at most maxUnreadThreads
	Next          string           `json:"next,omitempty"` // the cursor of the next page; empty when this is the last
}

const followedThreads = `
	FROM thread_followers f JOIN messages p ON p.id = f.message_id
		JOIN channel_members cm ON cm.channel_id = p.channel_id AND cm.user_id = f.user_id
	WHERE f.user_id = $1 AND p.reply_count > 0`

// Threads returns the threads that the user has started, replied in or was mentioned in, of the user's channels.
func (s *Store) Threads(ctx context.Context, userID uuid.UUID, p ThreadPage) (ThreadList, error) {
	var check checker
	check.limit(p.Limit)
	at, id := check.threadCursor(p.Cursor)
	if err := check.err(); err != nil {
		return ThreadList{}, err
	}
	list, err := all(ctx, s, func(row pgx.Row) (t FollowedThread, err error) {
		t.Message, err = scanMessageAnd(row, &t.ReadSeq, &t.Unread)
		return t, err
	}, `
		WITH page AS MATERIALIZED (
			SELECT p.*, f.read_seq `+followedThreads+`
				AND ($2::timestamptz IS NULL OR (p.last_reply_at, p.id) < ($2, $3)) AND (NOT $4 OR p.last_reply_seq > f.read_seq)
			ORDER BY p.last_reply_at DESC, p.id DESC LIMIT $5
		)
		SELECT `+messageColumns+`, m.read_seq, unread.count
		FROM page m JOIN users u ON u.id = m.author_id CROSS JOIN LATERAL (
			SELECT count(*) AS count FROM (
				SELECT FROM messages r
				WHERE r.channel_id = m.channel_id AND r.parent_seq = m.seq AND r.seq > m.read_seq AND r.author_id <> $1 AND r.deleted_at IS NULL
				LIMIT $6
			) first
		) unread
		ORDER BY m.last_reply_at DESC, m.id DESC`, userID, at, id, p.Unread, p.Limit+1, maxUnreadReplies)
	if err != nil {
		return ThreadList{}, wrap("list threads", err)
	}
	var t ThreadList
	var more bool
	if t.Threads, more = atMost(list, p.Limit); more {
		last := t.Threads[p.Limit-1].Message
		t.Next = fmt.Sprintf("%d.%s", last.LastReplyAt.UnixMicro(), last.ID)
	}
	t.UnreadThreads, err = one(ctx, s, value[int], `
		SELECT count(*) FROM (SELECT `+followedThreads+` AND p.last_reply_seq > f.read_seq LIMIT $2) first`, userID, maxUnreadThreads)
	return t, wrap("count unread threads", err)
}

// threadCursor reads a cursor of [ThreadList]; of none both are nil.
func (c *checker) threadCursor(cursor string) (*time.Time, *uuid.UUID) {
	if cursor == "" {
		return nil, nil
	}
	micros, rest, _ := strings.Cut(cursor, ".")
	at, err := strconv.ParseInt(micros, 10, 64)
	id, idErr := uuid.Parse(rest)
	if err != nil || idErr != nil || at < 0 || at > maxCursorTime {
		c.wrong("cursor", "must be the next of the page before")
		return nil, nil
	}
	t := time.UnixMicro(at)
	return &t, &id
}

// maxCursorTime is the end of the year 9999 in microseconds, which every database can compare with.
const maxCursorTime = 253402300799999999
