package store

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// touch changes a message of a channel in no visible way.
func (in instance) touch(t testing.TB, channel uuid.UUID, seq int64) Change {
	t.Helper()
	change, err := in.inChannel(t.Context(), channel, func(tx pgx.Tx, rev int64) error {
		_, err := tx.Exec(t.Context(), `UPDATE messages SET rev = $3 WHERE channel_id = $1 AND seq = $2`, channel, seq, rev)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return change
}

// Changes and messages of many at once get the revs 1, 2, 3, … of their channel.
func TestRevsHaveNoGap(t *testing.T) {
	in := newInstance(t)
	in.say(t, in.owner, in.general, "first")
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[int64]bool{1: true}
	for range 4 {
		wg.Go(func() {
			for range 10 {
				change := in.touch(t, in.general, 1)
				mu.Lock()
				seen[change.Rev] = true
				mu.Unlock()
			}
		})
		wg.Go(func() { in.say(t, in.owner, in.general, "a", "b", "c") })
	}
	wg.Wait()
	missed, err := in.Missed(t.Context(), Span{ChannelID: in.general, From: 2, To: 1000, AfterSeq: 1}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range missed.Messages {
		seen[m.CreatedRev] = true
	}
	heads, err := in.Heads(t.Context(), []uuid.UUID{in.general})
	if err != nil || heads[0].LastRev != 53 || len(seen) != 53 {
		t.Errorf("heads %v (%v), %d revs", heads, err, len(seen))
	}
}

func TestFailedChangeTakesNoRev(t *testing.T) {
	in := newInstance(t)
	broken := errors.New("broken")
	if _, err := in.inChannel(t.Context(), in.general, func(pgx.Tx, int64) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if change, err := in.inChannel(t.Context(), in.general, func(pgx.Tx, int64) error { return errUnchanged }); err != nil || change.Rev != 0 {
		t.Errorf("%+v, %v", change, err)
	}
	if change := in.touch(t, in.general, 1); change.Rev != 1 {
		t.Errorf("the next change has rev %d", change.Rev)
	}
	_, err := in.inChannel(t.Context(), uuid.New(), func(pgx.Tx, int64) error { return nil })
	if CodeOf(err) != NotFound {
		t.Errorf("of no channel: %v", err)
	}
}

// What was missed is told once: new messages as such, older ones if they were changed since.
func TestMissed(t *testing.T) {
	in := newInstance(t)
	in.say(t, in.owner, in.general, "1", "2", "3") // revs 1 to 3
	in.touch(t, in.general, 1)                     // 4
	in.say(t, in.owner, in.general, "4", "5")      // 5, 6
	in.touch(t, in.general, 2)                     // 7
	in.touch(t, in.general, 4)                     // 8
	bob := in.register(t, "bob")
	in.must(t, `INSERT INTO channel_departures VALUES ($1, $2, 6)`, in.general, bob.ID)
	for _, test := range []struct {
		name          string
		span          Span
		most          int
		last          int64
		messages, old []int64
		left          int
	}{
		{"all", Span{From: 1, To: 8}, 100, 5, []int64{1, 2, 3, 4, 5}, nil, 1},
		{"the first page", Span{From: 1, To: 8}, 2, 5, []int64{1, 2}, nil, 1},
		{"since the third message", Span{From: 4, To: 8, AfterSeq: 3}, 100, 5, []int64{4, 5}, []int64{1, 2}, 1},
		{"up to before the fifth", Span{From: 4, To: 5, AfterSeq: 3}, 100, 4, []int64{4}, []int64{1, 2}, 0},
		{"since the first change", Span{From: 5, To: 8, AfterSeq: 3}, 100, 5, []int64{4, 5}, []int64{2}, 1},
		{"the last changes", Span{From: 7, To: 8, AfterSeq: 5}, 100, 5, nil, []int64{2, 4}, 0},
		{"nothing", Span{From: 9, To: 8, AfterSeq: 5}, 100, 5, nil, nil, 0},
	} {
		test.span.ChannelID = in.general
		missed, err := in.Missed(t.Context(), test.span, test.most)
		if err != nil {
			t.Fatal(err)
		}
		got := [2][]int64{seqsOf(missed.Messages), seqsOf(missed.Changed)}
		if diff := cmp.Diff([2][]int64{test.messages, test.old}, got, cmpopts.EquateEmpty()); diff != "" || missed.LastSeq != test.last || len(missed.Left) != test.left {
			t.Errorf("%s: last %d, left %v (-want +got)\n%s", test.name, missed.LastSeq, missed.Left, diff)
		}
	}
	revs, err := in.RevsAt(t.Context(), map[uuid.UUID]int64{in.general: 4, uuid.New(): 1})
	if diff := cmp.Diff(map[uuid.UUID]int64{in.general: 5}, revs); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func seqsOf(messages []Message) (seqs []int64) {
	for _, m := range messages {
		seqs = append(seqs, m.Seq)
	}
	return seqs
}
