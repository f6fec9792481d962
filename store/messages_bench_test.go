package store

import (
	"fmt"
	"testing"
)

// BenchmarkHistory reads the largest page, of messages without and with all that may hang on one.
func BenchmarkHistory(b *testing.B) {
	in := newInstance(b)
	in.must(b, `
		INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
		SELECT gen_random_uuid(), $1, n, $2, gen_random_uuid(), 'Good morning, everybody!', now(), n, n FROM generate_series(1, 100000) n`,
		in.general, in.owner.ID)
	in.must(b, `UPDATE channels SET last_seq = 100000, last_rev = 100000 WHERE id = $1`, in.general)
	for _, kind := range []string{"plain", "rich"} {
		if kind == "rich" {
			in.must(b, `
				UPDATE messages SET reply_count = 3, last_reply_at = now(), participants = ARRAY[$1::uuid],
					reactions = jsonb_build_array(jsonb_build_object('emoji', '👍', 'user_ids', jsonb_build_array($1::uuid))) WHERE parent_seq IS NULL AND seq % 2 = 0`, in.owner.ID)
			in.must(b, `UPDATE messages SET parent_seq = seq - 1 - (seq - 1) % 2 WHERE seq % 2 = 1 AND seq > 2`)
		}
		in.must(b, `VACUUM ANALYZE messages`)
		b.Run(kind, func(b *testing.B) {
			before := int64(90000)
			for b.Loop() {
				if list, _, err := in.Messages(b.Context(), in.general, Page{Before: &before, Limit: MaxPage}); err != nil || len(list) != MaxPage {
					b.Fatal(len(list), err)
				}
			}
		})
	}
}

// BenchmarkThreads lists the threads of somebody who follows 5,000.
func BenchmarkThreads(b *testing.B) {
	in := newInstance(b)
	in.must(b, `
		INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev, parent_seq, reply_count, last_reply_seq, last_reply_at)
		SELECT gen_random_uuid(), $1, n, $2, gen_random_uuid(), 'x', now(), n, n, CASE WHEN n > 5000 THEN 1 + n % 5000 END,
			CASE WHEN n > 5000 THEN 0 ELSE 9 END, CASE WHEN n > 5000 THEN NULL ELSE n + 45000 END, now() FROM generate_series(1, 50000) n`,
		in.general, in.owner.ID)
	in.must(b, `INSERT INTO thread_followers SELECT $1, id, seq FROM messages WHERE seq <= 5000`, in.owner.ID)
	in.must(b, `VACUUM ANALYZE`)
	for _, limit := range []int{20, MaxPage} {
		b.Run(fmt.Sprint(limit), func(b *testing.B) {
			for b.Loop() {
				if list, err := in.Threads(b.Context(), in.owner.ID, ThreadPage{Limit: limit}); err != nil || len(list.Threads) != limit {
					b.Fatal(len(list.Threads), err)
				}
			}
		})
	}
}
