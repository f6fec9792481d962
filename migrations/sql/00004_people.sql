-- +goose Up

ALTER TABLE users
    ADD COLUMN title        text NOT NULL DEFAULT '' CHECK (char_length(title) <= 80),
    ADD COLUMN status_text  text NOT NULL DEFAULT '' CHECK (char_length(status_text) <= 100),
    ADD COLUMN status_emoji text NOT NULL DEFAULT '' CHECK (char_length(status_emoji) <= 64);

-- Somebody must always be able to appoint others. Of two who step down at once, the lock lets the second see the first.
-- +goose StatementBegin
CREATE FUNCTION users_keep_an_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM workspace FOR NO KEY UPDATE;
    IF FOUND AND NOT EXISTS (SELECT FROM users WHERE role = 'owner' AND active) THEN
        RAISE EXCEPTION 'the last owner stays' USING ERRCODE = 'check_violation', CONSTRAINT = 'users_last_owner_check';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER users_keep_an_owner AFTER UPDATE OF role, active OR DELETE ON users
    FOR EACH ROW WHEN (OLD.role = 'owner' AND OLD.active) EXECUTE FUNCTION users_keep_an_owner();

-- To a minute: more often it is not written down.
ALTER TABLE sessions ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now();

-- The channels that come with an invite.
CREATE TABLE invite_channels (
    invite_id  uuid NOT NULL REFERENCES invites ON DELETE CASCADE,
    channel_id uuid NOT NULL REFERENCES channels ON DELETE CASCADE,
    PRIMARY KEY (invite_id, channel_id)
);

CREATE INDEX invite_channels_channel_id_idx ON invite_channels (channel_id);

-- The one code by which somebody may choose a new password.
CREATE TABLE password_resets (
    user_id    uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    code_hash  bytea       NOT NULL CONSTRAINT password_resets_code_hash_key UNIQUE CHECK (octet_length(code_hash) >= 16),
    expires_at timestamptz NOT NULL
);

-- +goose Down

DROP TABLE password_resets;
DROP TABLE invite_channels;
ALTER TABLE sessions DROP COLUMN last_used_at;
DROP TRIGGER users_keep_an_owner ON users;
DROP FUNCTION users_keep_an_owner;
ALTER TABLE users DROP COLUMN title, DROP COLUMN status_text, DROP COLUMN status_emoji;
