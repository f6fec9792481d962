-- +goose Up

-- Whom a message calls, but its author. The channel and the seq are those of the message, so that the unread ones of a
-- channel are counted in the index. The ids of messages rise with the time.
CREATE TABLE mentions (
    user_id    uuid    NOT NULL REFERENCES users ON DELETE CASCADE,
    message_id uuid    NOT NULL REFERENCES messages ON DELETE CASCADE,
    channel_id uuid    NOT NULL,
    seq        bigint  NOT NULL CHECK (seq > 0),
    by_name    boolean NOT NULL, -- and not as one of all
    PRIMARY KEY (user_id, message_id)
);

-- Of the messages from before: names as those of later ones, but for rare forms of code. Who was online is not known.
WITH texts AS (
    SELECT id, channel_id, seq, author_id, created_at,
        regexp_replace(regexp_replace(body, '(```|~~~).*?(\1|$)', ' ', 'g'), '`[^`]*`', ' ', 'g') AS body
    FROM messages WHERE strpos(body, '@') > 0
), names AS (
    SELECT t.id, t.channel_id, t.seq, t.author_id, t.created_at, lower(name[1]) AS name
    FROM texts t CROSS JOIN LATERAL regexp_matches(t.body,
        '(?:^|[^[:alnum:]._-])@([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?![._-]*[[:alnum:]])', 'g') name
)
INSERT INTO mentions (user_id, message_id, channel_id, seq, by_name)
SELECT u.id, n.id, n.channel_id, n.seq, bool_or(lower(u.username) = n.name)
FROM names n JOIN users a ON a.id = n.author_id
    JOIN channel_members cm ON cm.channel_id = n.channel_id AND cm.user_id <> n.author_id
    JOIN users u ON u.id = cm.user_id
WHERE lower(u.username) = n.name OR n.name = 'channel' AND a.role <> 'guest' AND cm.joined_at <= n.created_at
GROUP BY u.id, n.id, n.channel_id, n.seq;

CREATE INDEX mentions_channel_idx ON mentions (user_id, channel_id, seq);
CREATE INDEX mentions_message_id_idx ON mentions (message_id);

-- +goose Down

DROP TABLE mentions;
