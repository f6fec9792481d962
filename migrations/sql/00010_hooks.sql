-- +goose Up

-- A bot is who writes what a program sends. Nobody logs in as one, and it is in no channel.
ALTER TABLE users
    ADD COLUMN bot boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT users_bot_check CHECK (NOT bot OR role = 'member' AND password_hash = ''),
    ADD CONSTRAINT users_id_bot_key UNIQUE (id, bot);

-- Addresses at which programs send to a channel. Each has a bot, which outlives it with what it has written.
CREATE TABLE hooks (
    id         uuid PRIMARY KEY,
    channel_id uuid        NOT NULL REFERENCES channels ON DELETE CASCADE,
    user_id    uuid        NOT NULL CONSTRAINT hooks_user_id_key UNIQUE,
    bot        boolean     NOT NULL DEFAULT true CHECK (bot),
    token_hash bytea       NOT NULL CONSTRAINT hooks_token_hash_key UNIQUE CHECK (octet_length(token_hash) >= 16),
    created_by uuid        NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT hooks_user_fkey FOREIGN KEY (user_id, bot) REFERENCES users (id, bot)
);

CREATE INDEX hooks_channel_id_idx ON hooks (channel_id);

-- What a program calls itself in one message, if not as its bot.
ALTER TABLE messages
    ADD COLUMN author_name  text CHECK (char_length(author_name) BETWEEN 1 AND 80),
    ADD COLUMN author_emoji text CHECK (char_length(author_emoji) BETWEEN 1 AND 64);

-- +goose Down

ALTER TABLE messages DROP COLUMN author_name, DROP COLUMN author_emoji;
DROP TABLE hooks;
-- The schema before knows no bots: they become guests who are gone.
ALTER TABLE users DROP CONSTRAINT users_bot_check;
UPDATE users SET active = false, role = 'guest' WHERE bot;
ALTER TABLE users DROP COLUMN bot;
