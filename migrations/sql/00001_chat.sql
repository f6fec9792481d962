-- +goose Up

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    username      text        NOT NULL CHECK (username ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9])?$'),
    display_name  text        NOT NULL CHECK (char_length(display_name) BETWEEN 1 AND 80),
    role          text        NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'guest')),
    active        boolean     NOT NULL DEFAULT true,
    avatar_url    text        NOT NULL DEFAULT '',
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- "Ada" and "ada" are the same person.
CREATE UNIQUE INDEX users_username_key ON users (lower(username));

CREATE TABLE sessions (
    id         uuid PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    token_hash bytea       NOT NULL CONSTRAINT sessions_token_hash_key UNIQUE CHECK (octet_length(token_hash) >= 16),
    device     text        NOT NULL CHECK (char_length(device) <= 400),
    ip         text        NOT NULL CHECK (char_length(ip) <= 64),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX sessions_user_id_idx ON sessions (user_id);

CREATE TABLE channels (
    id          uuid PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('public', 'private', 'direct')),
    name        text        NOT NULL DEFAULT '',
    topic       text        NOT NULL DEFAULT '' CHECK (char_length(topic) <= 250),
    description text        NOT NULL DEFAULT '' CHECK (char_length(description) <= 1000),
    archived    boolean     NOT NULL DEFAULT false,
    -- The seq of the newest message. Whoever stores a message holds this row's lock until the commit,
    -- which is what makes the sequence of a channel gapless.
    last_seq    bigint      NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT channels_name_check CHECK (
        CASE kind WHEN 'direct' THEN name = '' ELSE name ~ '^[^[:space:][:cntrl:]#@,:A-Z]{1,80}$' END
    )
);

CREATE UNIQUE INDEX channels_name_key ON channels (lower(name)) WHERE kind <> 'direct';

CREATE TABLE channel_members (
    channel_id uuid        NOT NULL REFERENCES channels ON DELETE CASCADE,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    read_seq   bigint      NOT NULL DEFAULT 0 CHECK (read_seq >= 0),
    joined_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel_id, user_id)
);

CREATE INDEX channel_members_user_id_idx ON channel_members (user_id);

CREATE TABLE workspace (
    -- There is one row, and can be no other.
    singleton          boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    name               text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 80),
    -- The channel that everybody joins, however it is called by now.
    general_channel_id uuid        NOT NULL REFERENCES channels,
    created_at         timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE invites (
    id         uuid PRIMARY KEY,
    code       text        NOT NULL CONSTRAINT invites_code_key UNIQUE CHECK (char_length(code) BETWEEN 8 AND 128),
    role       text        NOT NULL CHECK (role IN ('admin', 'member', 'guest')),
    max_uses   integer CHECK (max_uses > 0), -- NULL: any number
    uses       integer     NOT NULL DEFAULT 0 CHECK (uses >= 0),
    expires_at timestamptz,                  -- NULL: never
    created_by uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT invites_uses_within_max_check CHECK (uses <= max_uses)
);

CREATE TABLE messages (
    id         uuid PRIMARY KEY,
    channel_id uuid        NOT NULL REFERENCES channels ON DELETE CASCADE,
    seq        bigint      NOT NULL CHECK (seq > 0),
    author_id  uuid        NOT NULL REFERENCES users,
    client_id  uuid        NOT NULL,
    body       text        NOT NULL CHECK (char_length(body) BETWEEN 1 AND 10000),
    created_at timestamptz NOT NULL,
    CONSTRAINT messages_channel_seq_key UNIQUE (channel_id, seq),
    CONSTRAINT messages_author_client_key UNIQUE (author_id, client_id)
);

-- +goose Down

DROP TABLE messages;
DROP TABLE invites;
DROP TABLE workspace;
DROP TABLE channel_members;
DROP TABLE channels;
DROP TABLE sessions;
DROP TABLE users;
