-- +goose Up

-- The contents in the folder of files, by their hash. A row is there before the content is, and until it is gone.
CREATE TABLE file_contents (
    sha256     bytea PRIMARY KEY CHECK (octet_length(sha256) = 32),
    touched_at timestamptz NOT NULL DEFAULT now() -- when somebody last brought it
);

-- What was uploaded. A file is in one message at most, and goes with it.
CREATE TABLE files (
    id          uuid PRIMARY KEY,
    sha256      bytea       NOT NULL REFERENCES file_contents,
    uploader_id uuid        NOT NULL REFERENCES users,
    message_id  uuid REFERENCES messages ON DELETE CASCADE, -- NULL: in none yet
    position    smallint    NOT NULL DEFAULT 0 CHECK (position BETWEEN 0 AND 9),
    name        text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200 AND name !~ '[[:cntrl:]/\\]'),
    size        bigint      NOT NULL CHECK (size >= 0),
    type        text        NOT NULL CHECK (type ~ '^[a-z]+/[!-~]+(; charset=[!-~]+)?$' AND char_length(type) <= 100),
    width       integer CHECK (width > 0), -- of a picture, as it is shown
    height      integer CHECK (height > 0),
    has_thumb   boolean     NOT NULL DEFAULT false, -- beside the content
    created_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT files_picture_check CHECK ((width IS NULL) = (height IS NULL) AND (width IS NOT NULL OR NOT has_thumb)),
    CONSTRAINT files_message_position_key UNIQUE (message_id, position)
);

CREATE INDEX files_sha256_idx ON files (sha256);
CREATE INDEX files_uploader_idx ON files (uploader_id) INCLUDE (size);
CREATE INDEX files_unused_idx ON files (created_at) WHERE message_id IS NULL;

-- Those of the table, as they are read with the message.
ALTER TABLE messages
    ADD COLUMN files jsonb,
    ADD CONSTRAINT messages_files_check CHECK (files IS NULL OR deleted_at IS NULL),
    ADD CONSTRAINT messages_content_check CHECK (body <> '' OR files IS NOT NULL OR deleted_at IS NOT NULL);

-- The pictures that people have of themselves, made small by us.
CREATE TABLE avatars (
    user_id uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    type    text  NOT NULL CHECK (type IN ('image/png', 'image/jpeg')),
    picture bytea NOT NULL CHECK (octet_length(picture) BETWEEN 1 AND 1000000)
);

-- +goose Down

UPDATE users SET avatar_url = '' WHERE id IN (SELECT user_id FROM avatars);
DROP TABLE avatars;
-- The schema before knows no message without a text.
UPDATE messages SET body = left((SELECT string_agg(f ->> 'name', ', ') FROM jsonb_array_elements(files) f), 10000)
WHERE body = '' AND files IS NOT NULL;
ALTER TABLE messages DROP COLUMN files;
DROP TABLE files;
DROP TABLE file_contents;
