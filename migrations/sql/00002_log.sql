-- +goose Up

-- Every change of a channel has a number in the channel, its rev: what was stored, edited, renamed, who came and who left.
-- Revs are given under the lock of the channel's row, as seqs are. They are 1, 2, 3, … without a gap, in the order of commits.
ALTER TABLE channels ADD COLUMN last_rev bigint NOT NULL DEFAULT 0 CHECK (last_rev >= last_seq);

ALTER TABLE messages
    ADD COLUMN created_rev bigint CHECK (created_rev > 0),
    ADD COLUMN rev         bigint, -- of the last change
    ADD CONSTRAINT messages_rev_check CHECK (rev >= created_rev);

UPDATE messages SET created_rev = seq, rev = seq;
UPDATE channels SET last_rev = last_seq;

ALTER TABLE messages
    ALTER COLUMN created_rev SET NOT NULL,
    ALTER COLUMN rev SET NOT NULL;

-- Who looks for changes after a rev finds messages that were stored then by their seq, and older ones by this.
CREATE INDEX messages_changed_idx ON messages (channel_id, rev) WHERE rev > created_rev;

-- Who is in no channel any more, and since which rev: for nodes that were not told.
CREATE TABLE channel_departures (
    channel_id uuid   NOT NULL REFERENCES channels ON DELETE CASCADE,
    user_id    uuid   NOT NULL REFERENCES users ON DELETE CASCADE,
    rev        bigint NOT NULL CHECK (rev > 0),
    PRIMARY KEY (channel_id, user_id)
);

-- +goose Down

DROP TABLE channel_departures;
DROP INDEX messages_changed_idx;
ALTER TABLE messages DROP COLUMN created_rev, DROP COLUMN rev;
ALTER TABLE channels DROP COLUMN last_rev;
