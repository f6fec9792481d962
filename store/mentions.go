package store

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"snug/store/markup"
)

// calls is whom a message calls, by the names in it.
type calls struct {
	names     []string    // as [markup.Names] has them
	everybody bool        // @channel
	here      bool        // @here
	online    []uuid.UUID // who is, if here
}

func callsOf(body string) calls {
	c := calls{names: markup.Names(body)}
	c.everybody, c.here = slices.Contains(c.names, markup.Everybody), slices.Contains(c.names, markup.Here)
	return c
}

// storeMentions notes whom stored messages call: those who are named, and by @channel and @here others in the channel,
// unless a guest wrote it. They are members of the channel. A message that was edited since it was sent is left as it is,
// unless it is the edit that is stored ($6).
const storeMentions = `
	INSERT INTO mentions (user_id, message_id, channel_id, seq, by_name)
	SELECT u.id, m.id, m.channel_id, m.seq, bool_or(called.by_name)
	FROM (
		SELECT n.message_id, u.id AS user_id, true AS by_name
		FROM unnest($1::uuid[], $2::text[]) n (message_id, name) JOIN users u ON lower(u.username) = n.name
		UNION ALL
		SELECT e.message_id, cm.user_id, false
		FROM unnest($3::uuid[]) e (message_id) JOIN messages m ON m.id = e.message_id JOIN channel_members cm ON cm.channel_id = m.channel_id
		UNION ALL
		SELECT o.message_id, o.user_id, false FROM unnest($4::uuid[], $5::uuid[]) o (message_id, user_id)
	) called
	JOIN LATERAL ( -- by its id alone: a small table is read whole for a hash, and the plan is kept
		SELECT id, channel_id, seq, author_id, edited_at, deleted_at FROM messages WHERE id = called.message_id LIMIT 1
	) m ON m.author_id <> called.user_id
	JOIN users a ON a.id = m.author_id AND (called.by_name OR ` + mayCallAll + `)
	JOIN channel_members cm ON cm.channel_id = m.channel_id AND cm.user_id = called.user_id
	JOIN users u ON u.id = cm.user_id AND u.active
	WHERE m.deleted_at IS NULL AND ($6 OR m.edited_at IS NULL)
	GROUP BY u.id, m.id, m.channel_id, m.seq ON CONFLICT DO NOTHING`

// mentionRows are the arguments of storeMentions.
type mentionRows struct {
	named     []uuid.UUID // messages, with
	names     []string    // the names
	everybody []uuid.UUID // messages
	online    []uuid.UUID // messages, with
	users     []uuid.UUID // who was online
	ofAnEdit  bool
}

func (r *mentionRows) add(message uuid.UUID, c calls) {
	for _, name := range c.names {
		r.named, r.names = append(r.named, message), append(r.names, name)
	}
	if c.everybody {
		r.everybody = append(r.everybody, message)
	}
	for _, user := range c.online {
		r.online, r.users = append(r.online, message), append(r.users, user)
	}
}

func (r *mentionRows) arguments() []any {
	return []any{r.named, r.names, r.everybody, r.online, r.users, r.ofAnEdit}
}

// mentionsOf is what to note of the messages of a batch.
func mentionsOf(batch []*pending) (r mentionRows) {
	for _, p := range batch {
		if len(p.calls.names) > 0 {
			r.add(p.id, p.calls)
		}
	}
	return r
}

// editMentions keeps the mentions with an edit from one body to another. Whom @here has called stays called while it is
// there; an edit calls nobody by it.
func (m subject) editMentions(ctx context.Context, before, after string) error {
	now := callsOf(after)
	if len(now.names) == 0 && len(markup.Names(before)) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	batch.Queue(`DELETE FROM mentions WHERE message_id = $1 AND (by_name OR NOT $2)`, m.id, now.here)
	if len(now.names) > 0 {
		rows := mentionRows{ofAnEdit: true}
		rows.add(m.id, now)
		batch.Queue(storeMentions, rows.arguments()...)
	}
	return m.tx.SendBatch(ctx, batch).Close()
}

// MentionedIn is a message that calls a user.
type MentionedIn struct {
	Message Message `json:"message"`
	Unread  bool    `json:"unread"` // the user has not read the channel so far
}

// MentionPage says which mentions to list, the newest first.
type MentionPage struct {
	Before *uuid.UUID // of messages older than this one; the newest when nil
	Limit  int        // 1 to MaxPage
}

// Mentions returns a page of the messages that call the user, those said in threads too, as far as the user may read them
// now; and whether there are more.
func (s *Store) Mentions(ctx context.Context, userID uuid.UUID, p MentionPage) ([]MentionedIn, bool, error) {
	var check checker
	check.limit(p.Limit)
	if err := check.err(); err != nil {
		return nil, false, err
	}
	list, err := all(ctx, s, func(row pgx.Row) (m MentionedIn, err error) {
		m.Message, err = scanMessageAnd(row, &m.Unread)
		return m, err
	}, `
		WITH page AS MATERIALIZED (
			SELECT * FROM mentions WHERE user_id = $1 AND message_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
				AND channel_id = ANY (ARRAY(SELECT c.id FROM channels c, users u WHERE u.id = $1 AND `+mayRead+`))
			ORDER BY message_id DESC LIMIT $3
		)
		SELECT `+messageColumns+`, coalesce(m.seq > mine.read_seq, false)
		FROM page x JOIN messages m ON m.id = x.message_id JOIN users u ON u.id = m.author_id
		LEFT JOIN channel_members mine ON mine.channel_id = x.channel_id AND mine.user_id = x.user_id
		ORDER BY x.message_id DESC`, userID, p.Before, p.Limit+1)
	if err != nil {
		return nil, false, wrap("list mentions", err)
	}
	list, more := atMost(list, p.Limit)
	return list, more, nil
}
