-- +goose Up

-- How words are brought to their stems for searching: one of PostgreSQL's text search configurations.
ALTER TABLE workspace ADD COLUMN search_language text NOT NULL DEFAULT 'english' CHECK (search_language ~ '^[a-z_]{1,63}$');

-- What can be searched: the messages that are not deleted, numbered from the oldest to the newest. It is behind the
-- messages, which it follows by the log of each channel; nothing is here that could not be made again.
CREATE TABLE search_documents (
    n          bigint PRIMARY KEY CHECK (n >= 0),
    message_id uuid        NOT NULL CONSTRAINT search_documents_message_id_key UNIQUE, -- which goes with its channel alone
    channel_id uuid        NOT NULL REFERENCES channels ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    doc        tsvector    NOT NULL
);

CREATE INDEX search_documents_channel_id_idx ON search_documents (channel_id);
-- A list of what is yet to be put in place would be read by every search.
CREATE INDEX search_documents_doc_idx ON search_documents USING gin (doc) WITH (fastupdate = off);

-- The documents are searched in windows of 16384, each in its language; and when the messages in it were sent.
CREATE TABLE search_windows (
    number   bigint PRIMARY KEY CHECK (number >= 0),
    language text        NOT NULL,
    first_at timestamptz NOT NULL,
    last_at  timestamptz NOT NULL CHECK (last_at >= first_at)
);

-- How far each channel is followed: its messages up to seq, and their changes up to rev.
CREATE TABLE search_progress (
    channel_id uuid PRIMARY KEY REFERENCES channels ON DELETE CASCADE,
    seq        bigint NOT NULL CHECK (seq >= 0),
    rev        bigint NOT NULL CHECK (rev >= 0)
);

-- +goose Down

DROP TABLE search_progress;
DROP TABLE search_windows;
DROP TABLE search_documents;
ALTER TABLE workspace DROP COLUMN search_language;
