package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// The benchmarks put the same load, 256 authors who each send one message after the other to one channel, on the
// writer and on an insert for each message.
const benchSenders = 256

func benchAuthors(b *testing.B, in instance) []uuid.UUID {
	b.Helper()
	var ids []uuid.UUID
	for i := range benchSenders {
		id := newID()
		in.must(b, `INSERT INTO users (id, username, display_name, role, password_hash) VALUES ($1, $2, $2, 'member', '')`,
			id, fmt.Sprint("sender", i))
		in.must(b, `INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2)`, in.general, id)
		ids = append(ids, id)
	}
	return ids
}

// sendAll runs b.N sends in all, and reports how many were done in a second.
func sendAll(b *testing.B, in instance, send func(Send) error) {
	authors := benchAuthors(b, in)
	var done atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for _, author := range authors {
		wg.Go(func() {
			for done.Add(1) <= int64(b.N) {
				if err := send(Send{ClientID: uuid.New(), ChannelID: in.general, AuthorID: author, Body: "Good morning, everybody!"}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkWriter(b *testing.B) {
	in := newInstance(b)
	w := startWriter(b, WriterConfig{Store: in.Store})
	sendAll(b, in, func(s Send) error {
		_, err := w.Send(b.Context(), s)
		return err
	})
}

// BenchmarkInsertEach is what the writer is compared with: each message in a transaction of its own.
func BenchmarkInsertEach(b *testing.B) {
	in := newInstance(b)
	sendAll(b, in, func(s Send) error {
		_, err := in.pool.Exec(b.Context(), `
			WITH place AS (UPDATE channels SET last_seq = last_seq + 1, last_rev = last_rev + 1 WHERE id = $1 RETURNING last_seq, last_rev)
			INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
			SELECT $2, $1, last_seq, $3, $4, $5, now(), last_rev, last_rev FROM place`,
			s.ChannelID, newID(), s.AuthorID, s.ClientID, s.Body)
		return err
	})
}
