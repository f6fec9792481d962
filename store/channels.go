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

// Notify says what of a channel a member wants to hear of.
type Notify string

// What a member can want to hear.
const (
	NotifyAll      Notify = "all"
	NotifyMentions Notify = "mentions" // only what names the member
	NotifyNone     Notify = "none"     // nothing: the channel is muted
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
	General     bool        `json:"general"`                    // everybody is in it but guests
	Members     int         `json:"members"`                    // how many there are
	UserIDs     []uuid.UUID `json:"user_ids,omitempty"`         // of the people of a direct conversation
	CreatedBy   *uuid.UUID  `json:"created_by" nullable:"true"` // nil: it came with the workspace
	LastSeq     int64       `json:"last_seq"`                   // of the newest message; 0 when there is none
	CreatedAt   time.Time   `json:"created_at"`

	LastRev int64 `json:"-"` // of the channel's last change
}

const channelColumns = `c.id, c.name, c.kind, c.kind <> 'public', c.topic, c.description, c.archived,
	EXISTS (SELECT FROM workspace w WHERE w.general_channel_id = c.id), c.member_count,
	c.direct_of, c.created_by, c.last_seq, c.created_at, c.last_rev`

// fields are where to scan channelColumns.
func (c *Channel) fields() []any {
	return []any{&c.ID, &c.Name, &c.Kind, &c.Private, &c.Topic, &c.Description, &c.Archived, &c.General, &c.Members,
		&c.UserIDs, &c.CreatedBy, &c.LastSeq, &c.CreatedAt, &c.LastRev}
}

func scanChannel(row pgx.Row) (c Channel, err error) {
	err = row.Scan(c.fields()...)
	return c, err
}

// Membership is a channel as a user sees it.
type Membership struct {
	Channel
	Joined   bool   `json:"joined"`   // false: the user only looks at it
	Notify   Notify `json:"notify"`   // what the member wants to hear of it
	Unread   int64  `json:"unread"`   // by others, of what the member wants to hear of; beyond 500, one's own are counted too
	Mentions int64  `json:"mentions"` // how many above ReadSeq call the member, those said in threads alone too; at most 500
	ReadSeq  int64  `json:"read_seq"`

	UserID uuid.UUID `json:"-"` // who sees it so
}

// ToNewcomer is the channel as somebody sees it who has just become a member.
func (c Channel) ToNewcomer() Membership {
	return Membership{Channel: c, Joined: true, Notify: NotifyAll, ReadSeq: c.LastSeq}
}

// selectMemberships reads memberships. What it looks at of each channel is bounded, however much is unread. What was said
// in threads alone is unread there, see Threads; but who is called there hears of it here too.
const selectMemberships = `
	SELECT ` + channelColumns + `, true, m.notify,
		CASE WHEN m.notify = 'none' THEN 0
			WHEN m.notify = 'mentions' THEN called.count
			WHEN c.last_seq - m.read_seq > 500 THEN c.last_seq - m.read_seq
			ELSE unread.count END,
		CASE WHEN m.notify = 'none' THEN 0 ELSE called.count END, m.read_seq, u.id
	FROM channel_members m JOIN channels c ON c.id = m.channel_id JOIN users u ON u.id = m.user_id
	CROSS JOIN LATERAL (
		SELECT count(*) AS count FROM messages
		WHERE channel_id = c.id AND seq > greatest(m.read_seq, c.last_seq - 500) AND author_id <> u.id
			AND deleted_at IS NULL AND (parent_seq IS NULL OR also_to_channel)
	) unread
	CROSS JOIN LATERAL (
		SELECT count(*) AS count FROM (
			SELECT FROM mentions x WHERE x.user_id = u.id AND x.channel_id = c.id AND x.seq > m.read_seq LIMIT 500
		) first
	) called
	WHERE u.active`

// selectPreviews reads public channels that a user is not in, but may look at.
const selectPreviews = `
	SELECT ` + channelColumns + `, false, 'all', 0, 0, 0, u.id
	FROM channels c JOIN users u ON u.id = $1
	WHERE u.active AND ` + mayBrowse + `
		AND NOT EXISTS (SELECT FROM channel_members m WHERE m.channel_id = c.id AND m.user_id = u.id)`

func scanMembership(row pgx.Row) (m Membership, err error) {
	err = row.Scan(append(m.fields(), &m.Joined, &m.Notify, &m.Unread, &m.Mentions, &m.ReadSeq, &m.UserID)...)
	return m, err
}

// Channels returns the channels that the user is a member of, by name.
func (s *Store) Channels(ctx context.Context, userID uuid.UUID) ([]Membership, error) {
	list, err := all(ctx, s, scanMembership, selectMemberships+` AND m.user_id = $1 ORDER BY c.name, c.id`, userID)
	return list, wrap("list channels", err)
}

// Channel returns one channel, NotFound unless the user is a member of it.
func (s *Store) Channel(ctx context.Context, userID, channelID uuid.UUID) (Membership, error) {
	m, err := one(ctx, s, scanMembership, selectMemberships+` AND m.user_id = $1 AND m.channel_id = $2`, userID, channelID)
	if noRows(err) {
		return m, notFound("channel")
	}
	return m, wrap("read channel", err)
}

// Look returns a channel that the user is a member of or may look at, NotFound for any other.
func (s *Store) Look(ctx context.Context, userID, channelID uuid.UUID) (Membership, error) {
	m, err := s.Channel(ctx, userID, channelID)
	if CodeOf(err) != NotFound {
		return m, err
	}
	m, err = one(ctx, s, scanMembership, selectPreviews+` AND c.id = $2`, userID, channelID)
	if noRows(err) {
		return m, notFound("channel")
	}
	return m, wrap("look at channel", err)
}

// Browse returns public channels that the user is not in and may look at, by name, at most so many of those whose names
// come after one; and whether there are more. There are none for guests.
func (s *Store) Browse(ctx context.Context, userID uuid.UUID, after string, limit int) ([]Membership, bool, error) {
	list, err := all(ctx, s, scanMembership, selectPreviews+` AND c.name > $2 ORDER BY c.name LIMIT $3`,
		userID, printable(after), limit+1)
	if err != nil {
		return nil, false, wrap("browse channels", err)
	}
	n := min(limit, len(list))
	return list[:n], len(list) > n, nil
}

// Memberships returns those of the memberships that there are.
func (s *Store) Memberships(ctx context.Context, keys []MemberKey) ([]Membership, error) {
	users, channels := make([]uuid.UUID, len(keys)), make([]uuid.UUID, len(keys))
	for i, k := range keys {
		users[i], channels[i] = k.UserID, k.ChannelID
	}
	list, err := all(ctx, s, scanMembership, selectMemberships+`
		AND (m.user_id, m.channel_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))`, users, channels)
	return list, wrap("read memberships", err)
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
	return s.MarkReadFrom(ctx, userID, channelID, 0, seq)
}

// MarkReadFrom is MarkRead by who takes the channel for read up to the seq from. If the user has marked it as unread below
// that meanwhile, from another device, it stays so: this one knew nothing of it.
func (s *Store) MarkReadFrom(ctx context.Context, userID, channelID uuid.UUID, from, seq int64) (Membership, error) {
	err := s.exec(ctx, `
		UPDATE channel_members m SET read_seq = least($3, c.last_seq) FROM channels c
		WHERE c.id = m.channel_id AND m.user_id = $1 AND m.channel_id = $2 AND m.read_seq < least($3, c.last_seq)
			AND m.read_seq >= least($4, c.last_seq)`,
		userID, channelID, seq, from)
	if err != nil {
		return Membership{}, wrap("mark as read", err)
	}
	return s.Channel(ctx, userID, channelID)
}

// MarkUnread says that the user has not read the channel's messages from seq on. What is unread already stays so. It
// answers NotFound unless the user is a member.
func (s *Store) MarkUnread(ctx context.Context, userID, channelID uuid.UUID, seq int64) (Membership, error) {
	var check checker
	if seq < 1 {
		check.wrong("seq", "must be that of a message")
		return Membership{}, check.err()
	}
	err := s.exec(ctx, `UPDATE channel_members SET read_seq = least(read_seq, $3 - 1) WHERE user_id = $1 AND channel_id = $2`,
		userID, channelID, seq)
	if err != nil {
		return Membership{}, wrap("mark as unread", err)
	}
	return s.Channel(ctx, userID, channelID)
}

// SetNotify says what the user wants to hear of a channel. It answers NotFound unless the user is a member.
func (s *Store) SetNotify(ctx context.Context, userID, channelID uuid.UUID, level Notify) (Membership, error) {
	if level != NotifyAll && level != NotifyMentions && level != NotifyNone {
		var check checker
		check.wrong("level", "must be all, mentions or none")
		return Membership{}, check.err()
	}
	err := s.exec(ctx, `UPDATE channel_members SET notify = $3 WHERE user_id = $1 AND channel_id = $2`, userID, channelID, level)
	if err != nil {
		return Membership{}, wrap("set what to hear of", err)
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

// joinInvited makes the user a member of the channels that come with the invite. What was said before counts as read.
func joinInvited(ctx context.Context, tx pgx.Tx, userID, invite uuid.UUID) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO channel_members (channel_id, user_id, read_seq)
		SELECT c.id, $1, c.last_seq FROM invite_channels i JOIN channels c ON c.id = i.channel_id
		WHERE i.invite_id = $2 AND NOT c.archived ON CONFLICT DO NOTHING`, userID, invite)
	return err
}
