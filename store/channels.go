package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ChannelKind says who can see a channel.
type ChannelKind string

// The kinds of channel.
const (
	Public  ChannelKind = "public"  // everybody may join
	Private ChannelKind = "private" // by invitation of a member
	Direct  ChannelKind = "direct"  // a conversation of fixed members, without a name
)

// Channel is a sequence of messages.
type Channel struct {
	ID          uuid.UUID   `json:"id"`
	Name        string      `json:"name"`
	Kind        ChannelKind `json:"kind"`
	Private     bool        `json:"private"` // not Public
	Topic       string      `json:"topic"`
	Description string      `json:"description"`
	Archived    bool        `json:"archived"`
	LastSeq     int64       `json:"last_seq"` // of the newest message; 0 when there is none
	CreatedAt   time.Time   `json:"created_at"`
}

// Membership is a channel as one of its members sees it.
type Membership struct {
	Channel
	Unread   int64 `json:"unread"`   // by others; beyond 500, one's own are counted too
	Mentions int64 `json:"mentions"` // of the newest 500 unread, how many name the member
	ReadSeq  int64 `json:"read_seq"`

	LastRev int64 `json:"-"` // of the channel's last change
}

// selectMemberships reads memberships. What it looks at of each channel is bounded, however much is unread. The names
// in a message end where no letter or digit follows, so that "@ada." names ada and "@ada.b" does not.
const selectMemberships = `
	SELECT c.id, c.name, c.kind, c.kind <> 'public', c.topic, c.description, c.archived, c.last_seq, c.created_at,
		CASE WHEN c.last_seq - m.read_seq > 500 THEN c.last_seq - m.read_seq ELSE unread.count END,
		unread.mentions, m.read_seq, c.last_rev
	FROM channel_members m JOIN channels c ON c.id = m.channel_id JOIN users u ON u.id = m.user_id
	CROSS JOIN LATERAL (
		SELECT count(*) AS count, count(*) FILTER (WHERE strpos(body, '@') > 0
			AND body ~* ('(^|[^[:alnum:]._-])@(channel|' || replace(u.username, '.', '\.') || ')(?![._-]*[[:alnum:]])')) AS mentions
		FROM messages
		WHERE channel_id = c.id AND seq > greatest(m.read_seq, c.last_seq - 500) AND author_id <> u.id
	) unread
	WHERE m.user_id = $1`

func scanMembership(row pgx.Row) (m Membership, err error) {
	err = row.Scan(&m.ID, &m.Name, &m.Kind, &m.Private, &m.Topic, &m.Description, &m.Archived, &m.LastSeq, &m.CreatedAt,
		&m.Unread, &m.Mentions, &m.ReadSeq, &m.LastRev)
	return m, err
}

// Channels returns the channels that the user is a member of, by name.
func (s *Store) Channels(ctx context.Context, userID uuid.UUID) ([]Membership, error) {
	list, err := all(ctx, s, scanMembership, selectMemberships+` ORDER BY c.name, c.id`, userID)
	return list, wrap("list channels", err)
}

// Channel returns one channel, NotFound unless the user is a member of it.
func (s *Store) Channel(ctx context.Context, userID, channelID uuid.UUID) (Membership, error) {
	m, err := one(ctx, s, scanMembership, selectMemberships+` AND m.channel_id = $2`, userID, channelID)
	if noRows(err) {
		return m, notFound("channel")
	}
	return m, wrap("read channel", err)
}

// MemberIDs returns the ids of the users in the channel; none when there is no such channel.
func (s *Store) MemberIDs(ctx context.Context, channelID uuid.UUID) ([]uuid.UUID, error) {
	ids, err := all(ctx, s, value[uuid.UUID], `SELECT user_id FROM channel_members WHERE channel_id = $1`, channelID)
	return ids, wrap("list members", err)
}

// ChannelIDs returns the ids of the channels that the user is a member of.
func (s *Store) ChannelIDs(ctx context.Context, userID uuid.UUID) ([]uuid.UUID, error) {
	ids, err := all(ctx, s, value[uuid.UUID], `SELECT channel_id FROM channel_members WHERE user_id = $1`, userID)
	return ids, wrap("list the user's channels", err)
}

// MarkRead says that the user has read the channel up to seq. What is read stays read: a smaller seq changes nothing,
// one beyond the newest message means that one. It answers NotFound unless the user is a member.
func (s *Store) MarkRead(ctx context.Context, userID, channelID uuid.UUID, seq int64) (Membership, error) {
	err := s.exec(ctx, `
		UPDATE channel_members m SET read_seq = least($3, c.last_seq) FROM channels c
		WHERE c.id = m.channel_id AND m.user_id = $1 AND m.channel_id = $2 AND m.read_seq < least($3, c.last_seq)`,
		userID, channelID, seq)
	if err != nil {
		return Membership{}, wrap("mark as read", err)
	}
	return s.Channel(ctx, userID, channelID)
}

// joinGeneral makes the user a member of the channel that everybody joins. What was said before counts as read.
func joinGeneral(ctx context.Context, tx pgx.Tx, userID uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO channel_members (channel_id, user_id, read_seq)
		SELECT c.id, $1, c.last_seq FROM workspace w JOIN channels c ON c.id = w.general_channel_id`, userID)
	return err
}
