package migrations

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"snug/store/postgres/postgrestest"
)

// Messages from before mentions were kept call those whom they name.
func TestMentionsOfMessagesFromBefore(t *testing.T) {
	url := postgrestest.Database(t)
	conn := connect(t, url)
	if err := Up(t.Context(), url, quiet); err != nil {
		t.Fatal(err)
	}
	downTo(t, url, 7)
	for _, statement := range []string{
		`INSERT INTO users (id, username, display_name, role, password_hash)
			SELECT gen_random_uuid(), name, name, 'member', '' FROM unnest('{ada,bob,eve,out}'::text[]) name`,
		`INSERT INTO channels (id, kind, name) VALUES (` + one + `, 'public', 'general')`,
		`INSERT INTO channel_members (channel_id, user_id, joined_at)
			SELECT ` + one + `, id, CASE username WHEN 'eve' THEN now() ELSE '2026-01-01' END FROM users WHERE username <> 'out'`,
		`INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
			SELECT gen_random_uuid(), ` + one + `, n, (SELECT id FROM users WHERE username = 'ada'), gen_random_uuid(), replace(body, 'CODE', chr(96)), '2026-02-01', n, n
			FROM unnest(ARRAY['@bob', 'hi @Bob. and @eve', '@channel', '@ada @out', 'x@bob @bobby @bob.by', E'CODE@bobCODE CODECODECODE\n@bob\nCODECODECODE'])
				WITH ORDINALITY AS texts (body, n)`,
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := Up(t.Context(), url, quiet); err != nil {
		t.Fatal(err)
	}
	rows, _ := conn.Query(t.Context(), `SELECT username, seq, by_name FROM mentions JOIN users ON id = user_id ORDER BY seq, username`)
	got, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (s string, err error) {
		var name string
		var seq int
		var byName bool
		err = row.Scan(&name, &seq, &byName)
		return fmt.Sprint(seq, " ", name, " ", byName), err
	})
	if diff := cmp.Diff([]string{"1 bob true", "2 bob true", "2 eve true", "3 bob false"}, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}
