-- +goose Up

-- Who did what to whom, from where. It has no foreign keys: it outlasts what it tells of, and names are as they were.
CREATE TABLE audit_log (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT now(),
    action      text        NOT NULL CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    actor_id    uuid, -- NULL: nobody who was logged in
    actor_name  text        NOT NULL DEFAULT '' CHECK (char_length(actor_name) <= 100),
    ip          text        NOT NULL DEFAULT '' CHECK (char_length(ip) <= 64),
    target_kind text        NOT NULL DEFAULT '' CHECK (char_length(target_kind) <= 32),
    target_id   uuid,
    target_name text        NOT NULL DEFAULT '' CHECK (char_length(target_name) <= 100),
    details     jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object' AND octet_length(details::text) <= 10000)
);

CREATE INDEX audit_log_actor_idx ON audit_log (actor_id, id);
CREATE INDEX audit_log_target_idx ON audit_log (target_id, id);
CREATE INDEX audit_log_action_idx ON audit_log (action text_pattern_ops, id);

-- What is told is not untold: not by a mistake in the program, nor by whoever speaks for it. A superuser, to whom
-- privileges mean nothing, meets the trigger, in whatever replication role.
-- +goose StatementBegin
CREATE FUNCTION audit_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = 'insufficient_privilege';
END $$;
-- +goose StatementEnd

CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_only_grows();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_only_grows;
REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM PUBLIC, CURRENT_USER;

-- +goose Down

DROP TABLE audit_log;
DROP FUNCTION audit_log_only_grows;
