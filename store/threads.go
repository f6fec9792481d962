package store

// maxParticipants is how many of those who replied are kept with a message.
const maxParticipants = 50

// countReplies counts the replies of a batch in what their threads are about, which is a change with a rev of its own,
// and makes who started a thread, replied or is mentioned in it a follower of it. A reply is counted in the transaction
// that stores it, under a rev above its own: what has a lower one has not counted it yet, and what has a higher one has.
// (A name ends where no letter or digit follows: "@ada." names ada and "@ada.b" does not.)
const countReplies = `
	WITH replies AS MATERIALIZED (
		SELECT p.id AS parent_id, p.channel_id, p.seq AS parent_seq, p.author_id AS starter_id, p.body AS parent_body,
			r.seq, r.author_id, r.created_at, r.body
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
	), mentions AS (
		SELECT r.parent_id, r.channel_id, r.seq, lower(name[1]) AS username
		FROM replies r CROSS JOIN LATERAL regexp_matches(r.parent_body || ' ' || r.body,
			'(?:^|[^[:alnum:]._-])@([[:alnum:]](?:[[:alnum:]._-]*[[:alnum:]])?)', 'g') name
		WHERE strpos(r.parent_body, '@') + strpos(r.body, '@') > 0
	), people AS (
		SELECT parent_id, author_id AS user_id, seq AS own_seq, NULL AS other_seq FROM replies
		UNION ALL SELECT parent_id, starter_id, NULL, seq FROM replies
		UNION ALL SELECT m.parent_id, u.id, NULL, m.seq FROM mentions m JOIN users u ON lower(u.username) = m.username
			JOIN channel_members c ON c.channel_id = m.channel_id AND c.user_id = u.id
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
