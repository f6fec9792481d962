package store

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The bounds of what may be asked for and sent.
const (
	MaxBody      = 10_000 // characters of a message
	MaxPage      = 200    // messages of a page
	DefaultLimit = 50     // messages of a page when none is said
)

// Author is what a message says of who wrote it.
type Author struct {
	ID          uuid.UUID `json:"id"`
	Username    string    `json:"username"`
	DisplayName string    `json:"display_name"`
	AvatarURL   string    `json:"avatar_url"`
	Bot         bool      `json:"bot,omitempty"`   // a program has sent it, by a hook
	Emoji       string    `json:"emoji,omitempty"` // of a program: to be shown as its picture
}

// Reaction is one emoji under a message and who put it there.
type Reaction struct {
	Emoji   string      `json:"emoji"`
	UserIDs []uuid.UUID `json:"user_ids"`
}

// Message is one message of a channel. Seq is its place there: 1, 2, 3, … without a gap.
type Message struct {
	ID         uuid.UUID  `json:"id"`
	ChannelID  uuid.UUID  `json:"channel_id"`
	Seq        int64      `json:"seq"`
	Author     Author     `json:"author"`
	Body       string     `json:"body"` // Markdown
	HTML       string     `json:"html"` // filled in by whoever renders the body
	ClientID   uuid.UUID  `json:"client_id"`
	ParentID   *uuid.UUID `json:"parent_id" nullable:"true"` // of a reply: what its thread is about
	ReplyCount int        `json:"reply_count"`
	Reactions  []Reaction `json:"reactions"` // the oldest emoji first, and of each the oldest user
	Files      []File     `json:"files"`
	Pinned     bool       `json:"pinned"`
	CreatedAt  time.Time  `json:"created_at"`
	EditedAt   *time.Time `json:"edited_at"`
	DeletedAt  *time.Time `json:"deleted_at"` // then nothing else is left of it than its place, its author and its thread

	AlsoToChannel bool        `json:"also_to_channel,omitempty"` // of a reply: to be shown in the channel too, not only in its thread
	LastReplyAt   *time.Time  `json:"last_reply_at,omitempty"`
	Participants  []uuid.UUID `json:"participants,omitempty"` // who replied, the first first, at most maxParticipants

	CreatedRev int64 `json:"-"` // the change of the channel that it came with
	Rev        int64 `json:"-"` // the channel's last change of it
}

// Page says which messages of a channel to return: those just below Before, just above After, or on both sides of
// Around; the newest when none is set. At most one may be set.
type Page struct {
	Before, After, Around *int64
	Limit                 int // 1 to MaxPage; 0 means DefaultLimit
}

// messageColumns are of a message m and its author u. What most messages do not have costs nothing to read: it is null.
const messageColumns = `m.id, m.channel_id, m.seq, m.body, m.client_id, m.created_at, m.created_rev, m.rev,
	CASE WHEN m.parent_seq IS NOT NULL THEN (SELECT p.id FROM messages p WHERE p.channel_id = m.channel_id AND p.seq = m.parent_seq) END,
	m.also_to_channel, m.reply_count, m.last_reply_at, m.participants, m.reactions, m.files, m.pinned, m.edited_at, m.deleted_at,
	u.id, u.username, coalesce(m.author_name, u.display_name), u.avatar_url, u.bot, coalesce(m.author_emoji, '')`

// fields are where to scan messageColumns.
func (m *Message) fields() []any {
	return []any{&m.ID, &m.ChannelID, &m.Seq, &m.Body, &m.ClientID, &m.CreatedAt, &m.CreatedRev, &m.Rev,
		&m.ParentID, &m.AlsoToChannel, &m.ReplyCount, &m.LastReplyAt, &m.Participants, &m.Reactions, &m.Files, &m.Pinned, &m.EditedAt, &m.DeletedAt,
		&m.Author.ID, &m.Author.Username, &m.Author.DisplayName, &m.Author.AvatarURL, &m.Author.Bot, &m.Author.Emoji}
}

func scanMessage(row pgx.Row) (Message, error) { return scanMessageAnd(row) }

// scanMessageAnd scans messageColumns and what follows them.
func scanMessageAnd(row pgx.Row, more ...any) (Message, error) {
	var m Message
	err := row.Scan(append(m.fields(), more...)...)
	if m.Files == nil {
		m.Files = []File{}
	}
	if m.Reactions == nil {
		m.Reactions = []Reaction{}
	}
	return m, err
}

// Message returns one message, and answers NotFound unless the user may read it.
func (s *Store) Message(ctx context.Context, userID, messageID uuid.UUID) (Message, error) {
	m, err := one(ctx, s, scanMessage, `
		SELECT `+messageColumns+` FROM messages m JOIN users u ON u.id = m.author_id
		WHERE m.id = $2 AND EXISTS (SELECT FROM channels c, users u WHERE c.id = m.channel_id AND u.id = $1 AND `+mayRead+`)`,
		userID, messageID)
	if noRows(err) {
		return m, notFound("message")
	}
	return m, wrap("read message", err)
}

// Messages returns a page in rising seq, and whether there are more: older ones for Before and the newest page, newer
// ones for After, either for Around.
func (s *Store) Messages(ctx context.Context, channelID uuid.UUID, p Page) ([]Message, bool, error) {
	w, err := p.window()
	if err != nil {
		return nil, false, err
	}
	list, err := all(ctx, s, scanMessage, `
		WITH page AS (
			(SELECT * FROM messages WHERE channel_id = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3)
			UNION ALL
			(SELECT * FROM messages WHERE channel_id = $1 AND seq >= $2 ORDER BY seq LIMIT $4)
		)
		SELECT `+messageColumns+` FROM page m JOIN users u ON u.id = m.author_id ORDER BY m.seq`,
		channelID, w.pivot, w.readBelow, w.readAbove)
	if err != nil {
		return nil, false, wrap("read messages", err)
	}
	list, more := w.cut(list)
	return list, more, nil
}

// window is a page in numbers: so many messages with seq < pivot, and so many with seq >= pivot. One more is read on a
// side whose more the asker is told of.
type window struct {
	pivot                int64
	below, above         int
	readBelow, readAbove int
}

func (p Page) window() (window, error) {
	limit := cmp.Or(p.Limit, DefaultLimit)
	var check checker
	check.limit(limit)
	w, set := window{pivot: math.MaxInt64, below: limit, readBelow: limit + 1}, 0
	if p.Before != nil {
		w.pivot, set = *p.Before, set+1
	}
	if p.After != nil {
		w, set = window{pivot: min(*p.After, math.MaxInt64-1) + 1, above: limit, readAbove: limit + 1}, set+1
	}
	if p.Around != nil {
		w, set = window{pivot: *p.Around, below: limit / 2, above: limit - limit/2}, set+1
		w.readBelow, w.readAbove = w.below+1, w.above+1
	}
	if set > 1 {
		check.wrong("before", "cannot be combined: say one of before, after and around")
	}
	return w, check.err()
}

// cut takes from a rising list what the window does not want, and reports whether there was any.
func (w window) cut(list []Message) ([]Message, bool) {
	i, _ := slices.BinarySearchFunc(list, w.pivot, func(m Message, pivot int64) int {
		if m.Seq < pivot {
			return -1
		}
		return 1
	})
	first, end := max(0, i-w.below), min(len(list), i+w.above)
	return list[first:end], first > 0 || end < len(list)
}

// body wants the text of a message, which may be empty where the message has something else to show.
func (c *checker) body(s string, mayBeEmpty bool) {
	switch {
	case !storable(s):
		c.wrong("body", "must be text in UTF-8 without NUL")
	case !mayBeEmpty && strings.TrimSpace(s) == "":
		c.wrong("body", "must not be empty")
	case utf8.RuneCountInString(s) > MaxBody:
		c.wrong("body", fmt.Sprintf("must have at most %d characters", MaxBody))
	}
}
