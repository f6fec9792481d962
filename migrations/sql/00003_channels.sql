-- +goose Up

ALTER TABLE channels
    ADD COLUMN created_by   uuid REFERENCES users, -- NULL: the workspace's own
    -- The rev of the last change of the channel's own fields: its name, its topic, whether it is archived.
    ADD COLUMN state_rev    bigint  NOT NULL DEFAULT 0,
    ADD COLUMN member_count integer NOT NULL DEFAULT 0 CHECK (member_count >= 0),
    -- Who is in a direct conversation, in rising order. The same people have one.
    ADD COLUMN direct_of    uuid[] CONSTRAINT channels_direct_of_key UNIQUE;

UPDATE channels c SET
    member_count = (SELECT count(*) FROM channel_members m WHERE m.channel_id = c.id),
    direct_of = CASE WHEN c.kind = 'direct' THEN ARRAY(SELECT user_id FROM channel_members m WHERE m.channel_id = c.id ORDER BY user_id) END;

ALTER TABLE channels
    ADD CONSTRAINT channels_state_rev_check CHECK (state_rev BETWEEN 0 AND last_rev),
    ADD CONSTRAINT channels_direct_of_check CHECK ((kind = 'direct') = (direct_of IS NOT NULL) AND cardinality(direct_of) BETWEEN 1 AND 9);

ALTER TABLE channel_members
    ADD COLUMN notify     text   NOT NULL DEFAULT 'all' CHECK (notify IN ('all', 'mentions', 'none')),
    ADD COLUMN joined_rev bigint NOT NULL DEFAULT 0 CHECK (joined_rev >= 0);

-- For who was told nothing of the latest joins: of a channel, and of all.
CREATE INDEX channel_members_joined_rev_idx ON channel_members (channel_id, joined_rev);
CREATE INDEX channel_members_joined_at_idx ON channel_members (joined_at);

-- Who pages through the channels does so by name.
CREATE INDEX channels_public_name_idx ON channels (name) WHERE kind = 'public';

-- +goose StatementBegin
CREATE FUNCTION count_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE channels c SET member_count = c.member_count + moved.count
    FROM (
        SELECT channel_id, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END AS count FROM changed GROUP BY channel_id
    ) moved
    WHERE c.id = moved.channel_id;
    RETURN NULL;
END
$$;
-- +goose StatementEnd

CREATE TRIGGER channel_members_come AFTER INSERT ON channel_members
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_members();
CREATE TRIGGER channel_members_go AFTER DELETE ON channel_members
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION count_members();

-- +goose Down

DROP TRIGGER channel_members_come ON channel_members;
DROP TRIGGER channel_members_go ON channel_members;
DROP FUNCTION count_members;
DROP INDEX channels_public_name_idx;
DROP INDEX channel_members_joined_at_idx;
DROP INDEX channel_members_joined_rev_idx;
ALTER TABLE channel_members DROP COLUMN notify, DROP COLUMN joined_rev;
ALTER TABLE channels DROP COLUMN created_by, DROP COLUMN state_rev, DROP COLUMN member_count, DROP COLUMN direct_of;
