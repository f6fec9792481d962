package migrations

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"snug/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

func upFrom(t *testing.T, url string, files fs.FS) error {
	t.Helper()
	return upTo(t.Context(), url, quiet, files)
}

func downTo(t *testing.T, url string, version int64) {
	t.Helper()
	err := run(t.Context(), url, embedded(), func(_ *sql.Conn, p *goose.Provider) error {
		_, err := p.DownTo(t.Context(), version)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// schema describes everything in the database but goose's own table.
func schema(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, _ := conn.Query(t.Context(), `
		SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default)
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'goose%'
		UNION ALL
		SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
		WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'goose%'
		UNION ALL
		SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename NOT LIKE 'goose%'
		UNION ALL
		SELECT 'trigger ' || tgname FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL
		SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace
		ORDER BY 1`)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// insertData puts a row in every table.
func insertData(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, table := range []string{
		`users (id, username, display_name, role, password_hash) VALUES (` + one + `, 'ada', 'Ada', 'owner', '')`,
		`sessions (id, user_id, token_hash, device, ip, expires_at) VALUES (` + one + `, ` + one + `, '0123456789abcdef', '', '', now())`,
		`channels (id, kind, name) VALUES (` + one + `, 'public', 'general')`,
		`channel_members (channel_id, user_id) VALUES (` + one + `, ` + one + `)`,
		`workspace (name, general_channel_id) VALUES ('Home', ` + one + `)`,
		`invites (id, code, role, created_by) VALUES (` + one + `, '12345678', 'guest', ` + one + `)`,
		`messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
			VALUES (` + one + `, ` + one + `, 1, ` + one + `, ` + one + `, 'hello', now(), 1, 2)`,
		`channels (id, kind, direct_of) VALUES (` + two + `, 'direct', ARRAY[` + one + `]::uuid[])`,
		`channel_departures (channel_id, user_id, rev) VALUES (` + one + `, ` + one + `, 1)`,
		`messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev, parent_seq, deleted_at)
			VALUES (` + reply + `, ` + one + `, 2, ` + one + `, ` + reply + `, '', now(), 3, 3, 1, now())`,
		`message_edits (message_id, rev, body, written_at) VALUES (` + one + `, 2, 'hallo', now())`,
		`reactions (message_id, emoji, user_id) VALUES (` + one + `, '👍', ` + one + `)`,
		`pins (message_id, channel_id, pinned_by) VALUES (` + one + `, ` + one + `, ` + one + `)`,
		`saves (id, user_id, message_id) VALUES (` + one + `, ` + one + `, ` + one + `)`,
		`thread_followers (user_id, message_id, read_seq) VALUES (` + one + `, ` + one + `, 1)`,
		`mentions (user_id, message_id, channel_id, seq, by_name) VALUES (` + one + `, ` + one + `, ` + one + `, 1, true)`,
		`search_documents (n, message_id, channel_id, created_at, doc) VALUES (0, ` + one + `, ` + one + `, now(), 'hello')`,
		`search_windows (number, language, first_at, last_at) VALUES (0, 'english', now(), now())`,
		`search_progress (channel_id, seq, rev) VALUES (` + one + `, 1, 2)`,
		`invite_channels (invite_id, channel_id) VALUES (` + one + `, ` + one + `)`,
		`password_resets (user_id, code_hash, expires_at) VALUES (` + one + `, '0123456789abcdef', now())`,
		`users (id, username, display_name, role, password_hash, bot) VALUES (` + hooked + `, 'hook-1', 'CI', 'member', '', true)`,
		`hooks (id, channel_id, user_id, token_hash, created_by) VALUES (` + one + `, ` + one + `, ` + hooked + `, '0123456789abcdef', ` + one + `)`,
		`messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev, author_name, author_emoji)
			VALUES (` + hooked + `, ` + one + `, 9, ` + hooked + `, ` + one + `, 'done', now(), 9, 9, 'Build', '🔨')`,
		`audit_log (action) VALUES ('test.begun')`,
		`file_contents (sha256) VALUES (` + sha256 + `)`,
		`files (id, sha256, uploader_id, message_id, name, size, type, width, height, has_thumb)
			VALUES (` + one + `, ` + sha256 + `, ` + one + `, ` + one + `, 'cat.png', 9, 'image/png', 2, 1, true)`,
		`messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev, files)
			VALUES (` + three + `, ` + two + `, 1, ` + one + `, ` + three + `, '', now(), 1, 1, '[{"name": "cat.png"}]')`,
		`avatars (user_id, type, picture) VALUES (` + one + `, 'image/png', 'x')`,
	} {
		if _, err := conn.Exec(t.Context(), "INSERT INTO "+table); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
}

func TestUpDownUp(t *testing.T) {
	url := postgrestest.Database(t)
	conn := connect(t, url)
	if err := Up(t.Context(), url, quiet); err != nil {
		t.Fatal(err)
	}
	first := schema(t, conn)
	if len(first) == 0 {
		t.Fatal("there is no schema")
	}
	insertData(t, conn)
	if err := Up(t.Context(), url, quiet); err != nil {
		t.Errorf("with nothing to do: %v", err)
	}
	for version := Latest(); version > 0; version-- { // each Down, with data there
		downTo(t, url, version-1)
	}
	if left := schema(t, conn); len(left) != 0 {
		t.Errorf("left by Down: %v", left)
	}
	if err := Up(t.Context(), url, quiet); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, schema(t, conn)); diff != "" {
		t.Errorf("the schema after Up, Down and Up (-first +second):\n%s", diff)
	}
	insertData(t, conn)
}

func TestUpOfManyAtOnce(t *testing.T) {
	url := postgrestest.Database(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := Up(t.Context(), url, quiet); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := Status(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list {
		if !m.Applied {
			t.Errorf("migration %d is not applied", m.Version)
		}
	}
	var times int64
	if err := connect(t, url).QueryRow(t.Context(), `SELECT count(*) FROM goose_db_version WHERE version_id > 0`).Scan(&times); err != nil {
		t.Fatal(err)
	}
	if times != int64(len(list)) {
		t.Errorf("%d migrations were applied %d times", len(list), times)
	}
}

func TestStatus(t *testing.T) {
	url := postgrestest.Database(t)
	check := func(applied bool) {
		t.Helper()
		list, err := Status(t.Context(), url)
		if err != nil || len(list) == 0 || list[len(list)-1].Version != Latest() {
			t.Fatalf("%+v, %v", list, err)
		}
		for i, m := range list {
			if i > 0 && m.Version <= list[i-1].Version || m.Name == "" || m.Applied != applied || m.AppliedAt.IsZero() == applied {
				t.Errorf("%+v, want applied: %v", m, applied)
			}
		}
	}
	check(false)
	if err := Up(t.Context(), url, quiet); err != nil {
		t.Fatal(err)
	}
	check(true)
}

func file(sql string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(sql)} }

// The schema before is that of the release before, also when several migrations are to follow, of which the last fails.
func TestMigrationThatFailsChangesNothing(t *testing.T) {
	url := postgrestest.Database(t)
	conn := connect(t, url)
	before := fstest.MapFS{"00001_old.sql": file("-- +goose Up\nCREATE TABLE a (i int);\nINSERT INTO a VALUES (1);\n-- +goose Down\nDROP TABLE a;")}
	after := maps.Clone(before)
	after["00002_good.sql"] = file("-- +goose Up\nCREATE TABLE b ();\nUPDATE a SET i = 2;\n-- +goose Down\nDROP TABLE b;")
	after["00003_bad.sql"] = file("-- +goose Up\nCREATE TABLE c ();\nALTER TABLE a ADD CHECK (i = 1);\n-- +goose Down\nDROP TABLE c;")
	if err := upFrom(t, url, before); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		err := upFrom(t, url, after)
		for _, want := range []string{"migration 00003_bad failed", "23514", "Nothing was changed", "run the version of Snug again that ran before"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("no %q in %v", want, err)
			}
		}
		if diff := cmp.Diff([]string{"a.i integer YES "}, schema(t, conn)); diff != "" {
			t.Errorf("schema (-want +got):\n%s", diff)
		}
		var i int
		if err := conn.QueryRow(t.Context(), "SELECT i FROM a").Scan(&i); err != nil || i != 1 {
			t.Errorf("the data is now %d, %v", i, err)
		}
		if err := upFrom(t, url, before); err != nil {
			t.Errorf("the program from before: %v", err)
		}
	}
	after["00003_bad.sql"] = file("-- +goose Up\nCREATE TABLE c (j int);\n-- +goose Down\nDROP TABLE c;")
	if err := upFrom(t, url, after); err != nil {
		t.Errorf("mended: %v", err)
	}
	if diff := cmp.Diff([]string{"a.i integer YES ", "c.j integer YES "}, schema(t, conn)); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

func TestMigrationThatIsGivenUpChangesNothing(t *testing.T) {
	url := postgrestest.Database(t)
	conn := connect(t, url)
	files := fstest.MapFS{"00001_slow.sql": file("-- +goose Up\nCREATE TABLE a ();\nSELECT pg_sleep(60);\n-- +goose Down\nDROP TABLE a;")}
	ctx, giveUp := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- upTo(ctx, url, quiet, files) }()
	deadline := time.Now().Add(10 * time.Second)
	for sleeping := false; !sleeping; {
		err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')").Scan(&sleeping)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("it does not migrate: %v", err)
		}
	}
	giveUp()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "gave up in the middle of migration 00001_slow; nothing was changed") {
			t.Errorf("%v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("it does not end")
	}
	if left := schema(t, conn); len(left) != 0 {
		t.Errorf("it has left %v", left)
	}
	files["00001_slow.sql"] = file("-- +goose Up\nCREATE TABLE a (i int);\n-- +goose Down\nDROP TABLE a;")
	if err := upFrom(t, url, files); err != nil {
		t.Errorf("the next time: %v", err)
	}
}

func TestMigrationFromBeforeThatIsMissingIsRefused(t *testing.T) {
	url := postgrestest.Database(t)
	files := fstest.MapFS{"00002_later.sql": file("-- +goose Up\nCREATE TABLE a ();\n-- +goose Down\nDROP TABLE a;")}
	if err := upFrom(t, url, files); err != nil {
		t.Fatal(err)
	}
	files["00001_earlier.sql"] = file("-- +goose Up\nCREATE TABLE b ();\n-- +goose Down\nDROP TABLE b;")
	if err := upFrom(t, url, files); err == nil || !strings.Contains(err.Error(), "not the migration 00001_earlier") {
		t.Errorf("%v", err)
	}
}

// A URL may also have settings of the pool that chat makes.
func TestURLWithSettingsOfAPool(t *testing.T) {
	if err := Up(t.Context(), postgrestest.Database(t)+"&pool_max_conns=3", quiet); err != nil {
		t.Error(err)
	}
}

func TestDatabaseOfANewerProgramIsRefused(t *testing.T) {
	url := postgrestest.Database(t)
	if err := Up(t.Context(), url, quiet); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)"); err != nil {
		t.Fatal(err)
	}
	if err := Up(t.Context(), url, quiet); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("%v", err)
	}
}

// Every migration can be taken back, and is part of a transaction.
func TestFilesAreWhole(t *testing.T) {
	entries, err := fs.ReadDir(embedded(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(embedded(), entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		up, down, found := strings.Cut(string(text), "-- +goose Down")
		if !found || !strings.Contains(up, "-- +goose Up") || strings.TrimSpace(down) == "" {
			t.Errorf("%s has no Up and Down", entry.Name())
		}
		if strings.Contains(strings.ToUpper(string(text)), "NO TRANSACTION") {
			t.Errorf("%s does without a transaction: when it fails, it would leave a half", entry.Name())
		}
	}
}

const three = "'00000000-0000-7000-8000-000000000003'"

const sha256 = "decode(repeat('ab', 32), 'hex')"

const reply = "'00000000-0000-7000-8000-0000000000ee'"

const hooked = "'00000000-0000-7000-8000-0000000000dd'"

const one, two = "'00000000-0000-7000-8000-000000000001'", "'00000000-0000-7000-8000-000000000002'"

func message(seq, client, body string) string {
	return `INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
		VALUES (` + two + `, ` + one + `, ` + seq + `, ` + one + `, ` + client + `, ` + body + `, now(), 1, 1)`
}

func user(name, role string) string {
	return `INSERT INTO users (id, username, display_name, role, password_hash)
		VALUES (` + two + `, '` + name + `', 'x', '` + role + `', '')`
}

// refused are statements that break a rule, and the SQLSTATE of the refusal.
var refused = map[string]string{
	message("3", one, "'x'"):                "23505", // the same client_id of the same author
	message("1", two, "'x'"):                "23505", // the same seq
	message("0", two, "'x'"):                "23514",
	message("3", two, "repeat('ü', 10001)"): "23514",
	user("ADA", "member"):                   "23505", // the same username in another case
	user("a b", "member"):                   "23514",
	user("", "member"):                      "23514",
	user("a.", "member"):                    "23514",
	user(strings.Repeat("a", 33), "member"): "23514",
	user("eve", "king"):                     "23514",
	`INSERT INTO workspace (name, general_channel_id) VALUES ('Second', ` + one + `)`:                                                             "23505",
	`INSERT INTO workspace (singleton, name, general_channel_id) VALUES (false, 'Second', ` + one + `)`:                                           "23514",
	`INSERT INTO channels (id, kind, name) VALUES (` + two + `, 'public', 'general')`:                                                             "23505",
	`INSERT INTO channels (id, kind, name) VALUES (` + two + `, 'secret', 'x')`:                                                                   "23514",
	`INSERT INTO channels (id, kind, name) VALUES (` + two + `, 'public', 'a b')`:                                                                 "23514",
	`INSERT INTO channels (id, kind, name) VALUES (` + two + `, 'public', '')`:                                                                    "23514",
	`INSERT INTO channels (id, kind, name) VALUES (` + two + `, 'direct', 'x')`:                                                                   "23514",
	`INSERT INTO channel_members (channel_id, user_id) VALUES (` + one + `, ` + two + `)`:                                                         "23503",
	`INSERT INTO sessions (id, user_id, token_hash, device, ip, expires_at) VALUES (` + two + `, ` + one + `, '0123456789abcdef', '', '', now())`: "23505",
	`INSERT INTO channels (id, kind) VALUES (gen_random_uuid(), 'direct')`:                                                                        "23514",
	`INSERT INTO channels (id, kind, direct_of) VALUES (gen_random_uuid(), 'direct', '{}')`:                                                       "23514",
	`INSERT INTO channels (id, kind, direct_of) VALUES (gen_random_uuid(), 'direct', ARRAY[` + one + `]::uuid[])`:                                 "23505", // the same people
	`INSERT INTO channels (id, kind, name, direct_of) VALUES (gen_random_uuid(), 'public', 'x', ARRAY[` + two + `]::uuid[])`:                      "23514",
	`UPDATE channel_members SET notify = 'loudly'`:                                                                                                "23514",
	`UPDATE channels SET state_rev = last_rev + 1`:                                                                                                "23514",
	`UPDATE messages SET parent_seq = 9 WHERE seq = 2`:                                                                                            "23514", // above its own
	`UPDATE messages SET parent_seq = 0 WHERE seq = 2`:                                                                                            "23503", // no such message in the channel
	`UPDATE messages SET also_to_channel = true WHERE seq = 1`:                                                                                    "23514", // where else
	`UPDATE messages SET reply_count = 1 WHERE seq = 2`:                                                                                           "23514", // a reply to a reply
	`UPDATE messages SET reply_count = -1 WHERE seq = 1`:                                                                                          "23514",
	`UPDATE messages SET body = 'x' WHERE seq = 2`:                                                                                                "23514", // it is deleted
	`UPDATE messages SET deleted_at = now() WHERE seq = 1`:                                                                                        "23514", // and keeps its text
	`UPDATE messages SET pinned = true WHERE seq = 2`:                                                                                             "23514",
	`UPDATE messages SET reactions = '[]' WHERE seq = 2`:                                                                                          "23514",
	`INSERT INTO reactions (message_id, emoji, user_id) VALUES (` + one + `, '👍', ` + one + `)`:                                                   "23505",
	`INSERT INTO reactions (message_id, emoji, user_id) VALUES (` + one + `, '', ` + one + `)`:                                                    "23514",
	`INSERT INTO pins (message_id, channel_id, pinned_by) VALUES (` + one + `, ` + one + `, ` + one + `)`:                                         "23505",
	`INSERT INTO saves (id, user_id, message_id) VALUES (` + two + `, ` + one + `, ` + one + `)`:                                                  "23505",
	`INSERT INTO thread_followers (user_id, message_id, read_seq) VALUES (` + one + `, ` + reply + `, -1)`:                                        "23514",
	`INSERT INTO mentions (user_id, message_id, channel_id, seq, by_name) VALUES (` + one + `, ` + one + `, ` + one + `, 1, false)`:               "23505",
	`INSERT INTO mentions (user_id, message_id, channel_id, seq, by_name) VALUES (` + one + `, gen_random_uuid(), ` + one + `, 1, false)`:         "23503",
	`INSERT INTO search_documents (n, message_id, channel_id, created_at, doc) VALUES (1, ` + one + `, ` + one + `, now(), '')`:                   "23505",
	`INSERT INTO search_documents (n, message_id, channel_id, created_at, doc) VALUES (1, ` + two + `, gen_random_uuid(), now(), '')`:             "23503",
	`INSERT INTO search_progress (channel_id, seq, rev) VALUES (` + two + `, -1, 0)`:                                                              "23514",
	`UPDATE workspace SET search_language = 'German; '`:                                                                                           "23514",
	`UPDATE invites SET max_uses = 1, uses = 2`:                                                                                                   "23514",
	`UPDATE invites SET role = 'owner'`:                                                                                                           "23514",
	`DELETE FROM users`:                                                                                                                           "23503",
	`UPDATE users SET title = repeat('x', 81)`:                                                                                                    "23514",
	`UPDATE users SET status_text = repeat('x', 101)`:                                                                                             "23514",
	`UPDATE users SET role = 'admin'`:                                                                                                             "23514", // of the last owner
	`UPDATE users SET active = false`:                                                                                                             "23514",
	`INSERT INTO invite_channels VALUES (` + one + `, gen_random_uuid())`:                                                                         "23503",
	`INSERT INTO audit_log (action) VALUES ('anything at all')`:                                                                                   "23514",
	`UPDATE audit_log SET ip = ''`:                                                                                                                "42501", // it only grows
	`UPDATE audit_log SET ip = '' WHERE false`:                                                                                                    "42501",
	`DELETE FROM file_contents`:                                                                                                                   "23503",
	`UPDATE files SET name = 'a/b'`:                                                                                                               "23514",
	`UPDATE files SET name = E'a\nb'`:                                                                                                             "23514",
	`UPDATE files SET name = ''`:                                                                                                                  "23514",
	`UPDATE files SET type = 'text'`:                                                                                                              "23514",
	`UPDATE files SET width = NULL`:                                                                                                               "23514", // and not the height
	`UPDATE files SET width = NULL, height = NULL`:                                                                                                "23514", // and it has a small picture
	`UPDATE files SET width = 0`:                                                                                                                  "23514",
	`UPDATE files SET position = 10`:                                                                                                              "23514",
	`UPDATE users SET role = 'admin' WHERE bot`:                                                                                                   "23514",
	`UPDATE users SET password_hash = 'x' WHERE bot`:                                                                                              "23514",
	`UPDATE users SET bot = false WHERE bot`:                                                                                                      "23503", // of a hook
	`INSERT INTO hooks (id, channel_id, user_id, token_hash, created_by) VALUES (gen_random_uuid(), ` + one + `, ` + one + `, '0123456789abcdex', ` + one + `)`:             "23503", // no bot
	`INSERT INTO hooks (id, channel_id, user_id, bot, token_hash, created_by) VALUES (gen_random_uuid(), ` + one + `, ` + one + `, false, '0123456789abcdex', ` + one + `)`: "23514",
	`UPDATE messages SET author_name = '' WHERE seq = 9`:              "23514",
	`UPDATE messages SET author_name = repeat('x', 81) WHERE seq = 9`: "23514",
	`INSERT INTO files (id, sha256, uploader_id, message_id, name, size, type) VALUES (` + two + `, ` + sha256 + `, ` + one + `, ` + one + `, 'a', 0, 'text/plain')`: "23505", // the place is taken
	`UPDATE messages SET files = '[]' WHERE seq = 2`:                "23514", // it is deleted
	`UPDATE messages SET body = '' WHERE seq = 1`:                   "23514", // and there is nothing else
	`UPDATE avatars SET type = 'image/svg+xml'`:                     "23514",
	`DELETE FROM audit_log`:                                         "42501",
	`TRUNCATE audit_log`:                                            "42501",
	`SET session_replication_role = replica; DELETE FROM audit_log`: "42501",
}

// The database itself refuses what must never be.
func TestRulesOfTheDatabase(t *testing.T) {
	url := postgrestest.Database(t)
	if err := Up(t.Context(), url, quiet); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, url)
	insertData(t, conn)
	for statement, code := range refused {
		_, err := conn.Exec(t.Context(), statement)
		var refusal *pgconn.PgError
		if !errors.As(err, &refusal) || refusal.Code != code {
			t.Errorf("%s\n\t%v, want SQLSTATE %s", statement, err, code)
		}
	}
	if _, err := conn.Exec(t.Context(), message("3", two, "repeat('ü', 10000)")); err != nil {
		t.Errorf("the longest message: %v", err)
	}
}
