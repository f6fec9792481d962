package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// million is an instance with a million messages of two years in 1000 channels, the first of them the largest. Of five
// channels one is private, of which the owner is in some; the guest is in five small ones.
type million struct {
	instance
	guest    User
	channels []uuid.UUID // the largest first
}

// buildMillion makes it by a few statements. Texts are of words as in English: few are in most, most in few; "the" is in
// none of the index, "meeting" in a third of the messages, "word12" in some and "rareN" in twenty.
func buildMillion(tb testing.TB, s *Store, url string) million {
	tb.Helper()
	began := time.Now()
	in := million{instance: setUp(tb, s, url)}
	in.guest = in.register(tb, "guest")
	conn, err := s.pool.Acquire(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Release()
	for _, statement := range millionStatements {
		begun := time.Now()
		if _, err := conn.Exec(tb.Context(), strings.ReplaceAll(statement, "OWNER", "'"+in.owner.ID.String()+"'")); err != nil {
			tb.Fatalf("%s: %v", statement, err)
		}
		if took := time.Since(begun); took > 2*time.Second {
			tb.Logf("%s: %.60s", took.Round(time.Millisecond), statement)
		}
	}
	in.channels, err = all(tb.Context(), s, value[uuid.UUID], `SELECT id FROM channels WHERE name LIKE 'c%' ORDER BY last_seq DESC, id`)
	if err != nil || len(in.channels) != 1000 {
		tb.Fatal(len(in.channels), err)
	}
	in.must(tb, `UPDATE users SET role = 'guest' WHERE id = $1`, in.guest.ID)
	in.must(tb, `DELETE FROM channel_members WHERE user_id = $1`, in.guest.ID)
	in.must(tb, `INSERT INTO channel_members (channel_id, user_id) SELECT unnest($1::uuid[]), $2`, in.channels[900:905], in.guest.ID)
	tb.Logf("a million messages after %s", time.Since(began).Round(time.Millisecond))
	return in
}

var millionStatements = []string{
	// What is referred to is there: it need not be looked up a million times.
	`ALTER TABLE messages DROP CONSTRAINT messages_channel_id_fkey, DROP CONSTRAINT messages_author_id_fkey, DROP CONSTRAINT messages_parent_fkey`,
	`ALTER TABLE messages DROP CONSTRAINT messages_author_client_key, DROP CONSTRAINT messages_channel_seq_key`,
	`ALTER TABLE search_documents DROP CONSTRAINT search_documents_channel_id_fkey, DROP CONSTRAINT search_documents_message_id_key`,
	`ALTER TABLE search_documents SET UNLOGGED`, // which nobody will miss
	`SET maintenance_work_mem = '256MB'`,
	`SET work_mem = '128MB'`,
	`SELECT setseed(0.5)`,
	`INSERT INTO users (id, username, display_name, role, password_hash)
		SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'person' || n, 'Person', 'member', '' FROM generate_series(1, 200) n`,
	`INSERT INTO channels (id, kind, name)
		SELECT ('00000000-0000-7001-8000-' || lpad(n::text, 12, '0'))::uuid, CASE WHEN n % 5 = 4 THEN 'private' ELSE 'public' END, 'c' || n
		FROM generate_series(0, 999) n`,
	`CREATE TEMP TABLE texts AS
		SELECT i, string_agg(word, ' ') AS body, to_tsvector('english', string_agg(word, ' ')) AS doc FROM (
			SELECT i, CASE WHEN random() < 0.4
				THEN (ARRAY['the','meeting','and','release','with','server','for','please','we','today','can','team'])[1 + floor(power(random(), 2) * 12)::int]
				ELSE 'word' || floor(power(random(), 3) * 8000)::int END AS word
			FROM generate_series(0, 19999) i, generate_series(1, 10)
		) w GROUP BY i`,
	`CREATE TEMP TABLE plan AS
		SELECT g.*, t.body || ' rare' || n % 50000 AS body, t.doc || ('rare' || n % 50000 || ':11')::tsvector AS doc, row_number() OVER (PARTITION BY channel ORDER BY n) AS seq
		FROM (
			SELECT n, floor(power(random(), 3) * 1000)::int AS channel, 1 + floor(power(random(), 2) * 200)::int AS author, floor(random() * 20000)::int AS i
			FROM generate_series(0, 999999) n OFFSET 0
		) g JOIN texts t USING (i) ORDER BY n`,
	`INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
		SELECT ('0190' || lpad(to_hex(n), 8, '0') || '00007000800000000000')::uuid, ('00000000-0000-7001-8000-' || lpad(channel::text, 12, '0'))::uuid, seq,
			('00000000-0000-7000-8000-' || lpad(author::text, 12, '0'))::uuid, ('0190' || lpad(to_hex(n), 8, '0') || '00004000800000000000')::uuid,
			body, '2024-01-01'::timestamptz + make_interval(secs => n * 63), seq, seq FROM plan ORDER BY n`,
	`UPDATE channels c SET last_seq = p.last, last_rev = p.last
		FROM (SELECT 'c' || channel AS name, max(seq) AS last FROM plan GROUP BY 1) p WHERE c.name = p.name`,
	`DROP INDEX search_documents_doc_idx`,
	`INSERT INTO search_documents (n, message_id, channel_id, created_at, doc)
		SELECT p.n, m.id, m.channel_id, m.created_at, p.doc || array_to_tsvector(ARRAY[E'\x01w' || p.n / 16384, E'\x01c' || m.channel_id, E'\x01f' || m.author_id])
		FROM plan p JOIN messages m ON m.id = ('0190' || lpad(to_hex(p.n), 8, '0') || '00007000800000000000')::uuid ORDER BY p.n`,
	`CREATE INDEX search_documents_doc_idx ON search_documents USING gin (doc) WITH (fastupdate = off)`,
	`INSERT INTO search_windows SELECT n / 16384, 'english', min(created_at), max(created_at) FROM search_documents GROUP BY 1`,
	`INSERT INTO search_progress SELECT id, last_seq, last_rev FROM channels`,
	`INSERT INTO channel_members (channel_id, user_id, read_seq)
		SELECT id, OWNER, last_seq - least(last_seq, substr(name, 2)::int % 30) FROM channels WHERE name LIKE 'c%' AND (kind = 'public' OR name LIKE '%9')`,
	`INSERT INTO mentions (user_id, message_id, channel_id, seq, by_name)
		SELECT OWNER, m.id, m.channel_id, m.seq, true FROM messages m WHERE m.seq % 100 = 0`,
	`DROP TABLE plan, texts`,
	`ANALYZE`,
	`ALTER TABLE messages
		ADD CONSTRAINT messages_author_client_key UNIQUE (author_id, client_id), ADD CONSTRAINT messages_channel_seq_key UNIQUE (channel_id, seq)`,
	`ALTER TABLE messages
		ADD CONSTRAINT messages_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channels ON DELETE CASCADE NOT VALID,
		ADD CONSTRAINT messages_author_id_fkey FOREIGN KEY (author_id) REFERENCES users NOT VALID,
		ADD CONSTRAINT messages_parent_fkey FOREIGN KEY (channel_id, parent_seq) REFERENCES messages (channel_id, seq) NOT VALID`,
	`ALTER TABLE search_documents ADD CONSTRAINT search_documents_message_id_key UNIQUE (message_id)`,
	`ALTER TABLE search_documents ADD CONSTRAINT search_documents_channel_id_fkey FOREIGN KEY (channel_id) REFERENCES channels ON DELETE CASCADE NOT VALID`,
	`RESET maintenance_work_mem`,
	`RESET work_mem`,
}

// read is a read of which something is promised at a million messages.
type read struct {
	name string
	do   func(ctx context.Context, i int) error
}

// reads are those of history, of what is unread, and of searches for words of every kind, in many places and in few.
func (in million) reads() []read {
	history := func(of func(i int) (uuid.UUID, Page)) func(context.Context, int) error {
		return func(ctx context.Context, i int) error {
			channel, page := of(i)
			list, _, err := in.Messages(ctx, channel, page)
			if err == nil && len(list) == 0 {
				err = fmt.Errorf("nothing in %s at %+v", channel, page)
			}
			return err
		}
	}
	at := func(i int) *int64 { seq := int64(1 + i*7919%90000); return &seq }
	search := func(user User, query string, hits int) func(context.Context, int) error {
		return func(ctx context.Context, i int) error {
			result, err := in.Search(ctx, user.ID, SearchPage{Query: strings.ReplaceAll(query, "%", fmt.Sprint(i*7919%50000)), Limit: 20})
			if err == nil && len(result.Hits) < hits {
				err = fmt.Errorf("%q finds %d of %d", query, len(result.Hits), hits)
			}
			return err
		}
	}
	return []read{
		{"history/newest", history(func(i int) (uuid.UUID, Page) { return in.channels[i%500], Page{} })},
		{"history/before", history(func(i int) (uuid.UUID, Page) { return in.channels[0], Page{Before: at(i + 1)} })},
		{"history/after", history(func(i int) (uuid.UUID, Page) { return in.channels[0], Page{After: at(i)} })},
		{"history/around", history(func(i int) (uuid.UUID, Page) { return in.channels[0], Page{Around: at(i)} })},
		{"unread/channels", func(ctx context.Context, _ int) error { _, err := in.Channels(ctx, in.owner.ID); return err }},
		{"unread/channel", func(ctx context.Context, i int) error {
			_, err := in.Channel(ctx, in.owner.ID, in.channels[0])
			return err
		}},
		{"unread/mentions", func(ctx context.Context, _ int) error {
			_, _, err := in.Mentions(ctx, in.owner.ID, MentionPage{Limit: 50})
			return err
		}},
		{"search/rare", search(in.owner, "rare%", 10)},
		{"search/none", search(in.owner, "nowhere", 0)},
		{"search/common", search(in.owner, "meeting", 20)},
		{"search/two common", search(in.owner, "meeting release", 20)},
		{"search/phrase", search(in.owner, `"release meeting"`, 20)},
		{"search/rare phrase", search(in.owner, `"word12 meeting"`, 1)},
		{"search/negative", search(in.owner, "release -meeting", 20)},
		{"search/only negative", search(in.owner, "-meeting", 20)},
		{"search/from", search(in.owner, "from:@person150 meeting", 20)},
		{"search/in", search(in.owner, "in:#c900 meeting", 20)},
		{"search/before", search(in.owner, "before:2024-03-01 meeting", 20)},
		{"search/guest common", search(in.guest, "meeting", 20)},
		{"search/guest rare", search(in.guest, "rare%", 0)},
		{"search/member of few", search(User{ID: uuid.MustParse("00000000-0000-7000-8000-000000000001")}, "meeting release", 20)},
	}
}

// recorder keeps the statements of calls, with what is given to them.
type recorder struct {
	mu         sync.Mutex
	on         bool
	statements []recorded
}

type recorded struct {
	sql  string
	args []any
}

func (r *recorder) add(sql string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.on {
		r.statements = append(r.statements, recorded{sql, args})
	}
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	r.add(data.SQL, data.Args)
	return ctx
}
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (r *recorder) TraceBatchQuery(_ context.Context, _ *pgx.Conn, data pgx.TraceBatchQueryData) {
	r.add(data.SQL, data.Args)
}
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// recordedOf does a call and returns its statements.
func (r *recorder) recordedOf(t *testing.T, do func() error) []recorded {
	t.Helper()
	r.mu.Lock()
	r.on, r.statements = true, nil
	r.mu.Unlock()
	if err := do(); err != nil {
		t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.on = false
	return r.statements
}

// With a million messages, none of what people read all day reads through all of them: history, what is unread, searches of
// every kind, what the index has to do, and sends.
func TestAMillionMessagesAreReadByIndex(t *testing.T) {
	r := &recorder{}
	url := migrated(t)
	in := buildMillion(t, open(t, url, r), url)
	reads := append(in.reads(), read{"index", func(ctx context.Context, _ int) error {
		in.message(t, in.owner, in.channels[0], "something new")
		_, err := in.IndexMessages(ctx)
		return err
	}}, read{"missed", func(ctx context.Context, _ int) error {
		_, err := in.Missed(ctx, Span{ChannelID: in.channels[0], From: 50000, To: 1 << 40, AfterSeq: 50000}, 100)
		return err
	}})
	for _, read := range reads {
		began := time.Now()
		statements := r.recordedOf(t, func() error { return read.do(t.Context(), 1) })
		t.Logf("%s: %d statements, %s", read.name, len(statements), time.Since(began).Round(10*time.Microsecond))
		tx, err := in.pool.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range statements {
			plan, err := explained(t.Context(), tx, s)
			if err != nil {
				t.Errorf("%s: %s: %v", read.name, s.sql, err)
				break
			}
			switch {
			case strings.Contains(plan, "Seq Scan on messages"), strings.Contains(plan, "Seq Scan on search_documents"), strings.Contains(plan, "Seq Scan on mentions"):
				t.Errorf("%s reads through all:\n%s\n%s", read.name, s.sql, plan)
			}
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// explained is the plan of a statement. What sets the transaction's settings is done; what is about transactions is not.
func explained(ctx context.Context, tx pgx.Tx, s recorded) (string, error) {
	switch sql := strings.TrimSpace(s.sql); {
	case strings.Contains(sql, "set_config"):
		_, err := tx.Exec(ctx, sql, s.args...)
		return "", err
	case slices.Contains([]string{"begin", "commit", "rollback", ";"}, strings.ToLower(sql)), strings.HasPrefix(strings.ToLower(sql), "-- ping"):
		return "", nil
	}
	rows, _ := tx.Query(ctx, "EXPLAIN "+s.sql, s.args...)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return strings.Join(lines, "\n"), err
}

// BenchmarkMillion tells how long reads take with a million messages: half of them at most p50-ms, 99 of 100 at most p99-ms.
func BenchmarkMillion(b *testing.B) {
	url := migrated(b)
	in := buildMillion(b, open(b, url), url)
	for _, read := range in.reads() {
		b.Run(read.name, func(b *testing.B) {
			took := make([]time.Duration, 0, 1000)
			for i := 0; b.Loop(); i++ {
				began := time.Now()
				if err := read.do(b.Context(), i); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.SortFunc(took, cmp.Compare[time.Duration])
			for name, part := range map[string]int{"p50-ms": 50, "p99-ms": 99} {
				b.ReportMetric(float64(took[min(len(took)*part/100, len(took)-1)].Microseconds())/1000, name)
			}
		})
	}
}
