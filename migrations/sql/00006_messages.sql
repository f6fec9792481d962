-- +goose Up

-- A reply names the seq of the message that its thread is about: with the channel that makes a key, and so the two are in
-- the same channel. What is read with each message is kept with it; the tables below keep the rules of it.
ALTER TABLE messages
    ADD COLUMN parent_seq      bigint CHECK (parent_seq < seq),
    ADD COLUMN also_to_channel boolean NOT NULL DEFAULT false,
    ADD COLUMN reply_count     integer NOT NULL DEFAULT 0 CHECK (reply_count >= 0), -- that are not deleted
    ADD COLUMN last_reply_seq  bigint,                                              -- of those
    ADD COLUMN last_reply_at   timestamptz,
    ADD COLUMN participants    uuid[],                                              -- who replied, the first first
    ADD COLUMN reactions       jsonb,                                               -- those of the table below, as they are read
    ADD COLUMN pinned          boolean NOT NULL DEFAULT false,
    ADD COLUMN edited_at       timestamptz,
    ADD COLUMN deleted_at      timestamptz,
    ADD CONSTRAINT messages_parent_fkey FOREIGN KEY (channel_id, parent_seq) REFERENCES messages (channel_id, seq),
    ADD CONSTRAINT messages_also_to_channel_check CHECK (parent_seq IS NOT NULL OR NOT also_to_channel),
    ADD CONSTRAINT messages_thread_check CHECK (reply_count = 0 OR parent_seq IS NULL), -- a reply has no replies
    DROP CONSTRAINT messages_body_check,
    ADD CONSTRAINT messages_body_check CHECK (char_length(body) <= 10000),
    -- Of a deleted message only its place is left.
    ADD CONSTRAINT messages_deleted_check CHECK (
        deleted_at IS NULL OR (body = '' AND reactions IS NULL AND edited_at IS NULL AND NOT pinned)
    );

CREATE INDEX messages_thread_idx ON messages (channel_id, parent_seq, seq) WHERE parent_seq IS NOT NULL;

-- What a message said before it was edited.
CREATE TABLE message_edits (
    message_id uuid        NOT NULL REFERENCES messages ON DELETE CASCADE,
    rev        bigint      NOT NULL CHECK (rev > 0), -- of the edit that put another text in its place
    body       text        NOT NULL CHECK (char_length(body) <= 10000),
    written_at timestamptz NOT NULL,
    PRIMARY KEY (message_id, rev)
);

CREATE TABLE reactions (
    message_id uuid        NOT NULL REFERENCES messages ON DELETE CASCADE,
    emoji      text        NOT NULL CHECK (char_length(emoji) BETWEEN 1 AND 64),
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (message_id, emoji, user_id)
);

CREATE TABLE pins (
    message_id uuid PRIMARY KEY REFERENCES messages ON DELETE CASCADE,
    channel_id uuid        NOT NULL REFERENCES channels ON DELETE CASCADE,
    pinned_by  uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    pinned_at  timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX pins_channel_id_idx ON pins (channel_id);

-- What users have put aside for themselves. The ids rise.
CREATE TABLE saves (
    id         uuid PRIMARY KEY,
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    message_id uuid        NOT NULL REFERENCES messages ON DELETE CASCADE,
    saved_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT saves_user_message_key UNIQUE (user_id, message_id)
);

CREATE INDEX saves_user_id_idx ON saves (user_id, id);
CREATE INDEX saves_message_id_idx ON saves (message_id);

-- Who started a thread, replied in it or was mentioned there, and how far they have read it.
CREATE TABLE thread_followers (
    user_id    uuid   NOT NULL REFERENCES users ON DELETE CASCADE,
    message_id uuid   NOT NULL REFERENCES messages ON DELETE CASCADE, -- that the thread is about
    read_seq   bigint NOT NULL CHECK (read_seq >= 0),
    PRIMARY KEY (user_id, message_id)
);

CREATE INDEX thread_followers_message_id_idx ON thread_followers (message_id);

-- +goose Down

DROP TABLE thread_followers;
DROP TABLE saves;
DROP TABLE pins;
DROP TABLE reactions;
DROP TABLE message_edits;
DROP INDEX messages_thread_idx;
-- The schema before knows no message that is deleted.
ALTER TABLE messages DROP CONSTRAINT messages_deleted_check;
UPDATE messages SET body = 'This message was deleted.' WHERE deleted_at IS NOT NULL;
ALTER TABLE messages
    DROP COLUMN parent_seq,
    DROP COLUMN also_to_channel,
    DROP COLUMN reply_count,
    DROP COLUMN last_reply_seq,
    DROP COLUMN last_reply_at,
    DROP COLUMN participants,
    DROP COLUMN reactions,
    DROP COLUMN pinned,
    DROP COLUMN edited_at,
    DROP COLUMN deleted_at;
