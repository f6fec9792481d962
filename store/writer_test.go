package store

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// hello is a send of the owner's to #general.
func (in instance) hello() Send {
	return Send{ClientID: uuid.New(), ChannelID: in.general, AuthorID: in.owner.ID, Body: "hello"}
}

func TestSendTwiceIsStoredOnce(t *testing.T) {
	in := newInstance(t)
	w := startWriter(t, WriterConfig{Store: in.Store})
	send := in.hello()
	first, err := w.Send(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Created || first.Message.Seq != 1 || first.Message.Body != "hello" || first.Message.Author.DisplayName != "Ada" {
		t.Errorf("first send: %+v", first)
	}
	send.Body = "something else"
	again, err := w.Send(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Stored{Message: first.Message}, again); diff != "" {
		t.Errorf("second send (-first +second):\n%s", diff)
	}
	list, more, err := in.Messages(t.Context(), in.general, Page{})
	if err != nil || more {
		t.Fatalf("more %v, err %v", more, err)
	}
	if diff := cmp.Diff([]Message{first.Message}, list); diff != "" {
		t.Errorf("stored (-answered +stored):\n%s", diff)
	}
	send.ChannelID = in.channel(t, "other", in.owner)
	if _, err := w.Send(t.Context(), send); CodeOf(err) != Conflict {
		t.Errorf("the same client_id in another channel: %v", err)
	}
}

// outcome is what a send was answered.
type outcome struct {
	stored Stored
	err    error
}

// inOneBatch sends all of them through a new writer, which finds them all there when it begins.
func inOneBatch(t *testing.T, cfg WriterConfig, sends []Send) []outcome {
	t.Helper()
	w := NewWriter(cfg)
	outcomes := make([]outcome, len(sends))
	var wg sync.WaitGroup
	for i, send := range sends {
		wg.Go(func() { outcomes[i].stored, outcomes[i].err = w.Send(t.Context(), send) })
		eventually(t, func() error {
			if len(w.queue) != i+1 {
				return fmt.Errorf("%d sends are queued, want %d", len(w.queue), i+1)
			}
			return nil
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	wg.Wait()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("writer: %v", err)
	}
	return outcomes
}

// Sends that are refused do not disturb those that are stored with them.
func TestRefusedSends(t *testing.T) {
	in := newInstance(t)
	bob, eve := in.register(t, "bob"), in.register(t, "eve")
	archived, private := in.channel(t, "archived", in.owner), in.channel(t, "private", bob)
	in.must(t, `UPDATE channels SET archived = true WHERE id = $1`, archived)
	in.must(t, `UPDATE users SET active = false WHERE id = $1`, eve.ID)
	refused := map[string]struct {
		send Send
		code Code
	}{
		"not a member":       {Send{ChannelID: private, AuthorID: in.owner.ID, Body: "x"}, NotFound},
		"unknown channel":    {Send{ChannelID: uuid.New(), AuthorID: in.owner.ID, Body: "x"}, NotFound},
		"unknown author":     {Send{ChannelID: in.general, AuthorID: uuid.New(), Body: "x"}, NotFound},
		"author not active":  {Send{ChannelID: in.general, AuthorID: eve.ID, Body: "x"}, NotFound},
		"archived":           {Send{ChannelID: archived, AuthorID: in.owner.ID, Body: "x"}, Forbidden},
		"refused by a check": {Send{ChannelID: in.general, AuthorID: in.owner.ID, Body: "poison"}, Internal},
		"refused at commit":  {Send{ChannelID: in.general, AuthorID: in.owner.ID, Body: "slow poison"}, Internal},
	}
	// What our own checks let through and the database refuses.
	in.must(t, `ALTER TABLE messages ADD CHECK (body <> 'poison')`)
	in.must(t, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no %', NEW.body; END$$`)
	in.must(t, `CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW WHEN (NEW.body = 'slow poison') EXECUTE FUNCTION refuse()`)
	for _, alone := range []bool{true, false} {
		for name, r := range refused {
			r.send.ClientID = uuid.New()
			sends := []Send{in.hello(), r.send, in.hello()}
			if alone {
				sends = []Send{r.send}
			}
			var told []Message
			for i, o := range inOneBatch(t, WriterConfig{Store: in.Store, Committed: func(m, _ []Message) { told = append(told, m...) }}, sends) {
				switch {
				case sends[i].ClientID == r.send.ClientID && CodeOf(o.err) != r.code:
					t.Errorf("%s (alone: %v): %v, want %s", name, alone, o.err, r.code)
				case sends[i].ClientID != r.send.ClientID && (o.err != nil || !o.stored.Created):
					t.Errorf("stored with %s: %+v, %v", name, o.stored, o.err)
				}
			}
			if len(told) != len(sends)-1 {
				t.Errorf("%s: Committed was told of %d messages with %d sends", name, len(told), len(sends))
			}
		}
	}
	checkGapless(t, in, in.general, archived, private)
}

func TestInvalidSends(t *testing.T) {
	w := NewWriter(WriterConfig{}) // not even asked
	long := strings.Repeat("ü", MaxBody)
	for name, send := range map[string]Send{
		"empty":        {ClientID: uuid.New(), Body: ""},
		"blank":        {ClientID: uuid.New(), Body: " \n\t"},
		"NUL":          {ClientID: uuid.New(), Body: "a\x00b"},
		"not UTF-8":    {ClientID: uuid.New(), Body: "a\xffb"},
		"too long":     {ClientID: uuid.New(), Body: long + "x"},
		"no client_id": {Body: "hello"},
	} {
		if _, err := w.Send(t.Context(), send); CodeOf(err) != Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	in := newInstance(t)
	send := in.hello()
	send.Body = long
	if o := inOneBatch(t, WriterConfig{Store: in.Store}, []Send{send})[0]; o.err != nil || o.stored.Message.Body != long {
		t.Errorf("the longest message: %v", o.err)
	}
}

// Several sends of one client_id that wait together are stored once and answered alike.
func TestTwins(t *testing.T) {
	in := newInstance(t)
	other := in.channel(t, "other", in.owner)
	send := in.hello()
	elsewhere := send
	elsewhere.ChannelID = other
	var told []Message
	cfg := WriterConfig{Store: in.Store, Committed: func(m, _ []Message) { told = append(told, m...) }}
	outcomes := inOneBatch(t, cfg, []Send{send, in.hello(), send, elsewhere, send})
	for i, o := range outcomes {
		switch i {
		case 0, 1:
			if o.err != nil || !o.stored.Created || o.stored.Message.Seq != int64(i+1) {
				t.Errorf("send %d: %+v, %v", i, o.stored, o.err)
			}
		case 3:
			if CodeOf(o.err) != Conflict {
				t.Errorf("send %d: %v", i, o.err)
			}
		default:
			if diff := cmp.Diff(Stored{Message: outcomes[0].stored.Message}, o.stored); o.err != nil || diff != "" {
				t.Errorf("send %d (-first +twin): %v\n%s", i, o.err, diff)
			}
		}
	}
	if len(told) != 2 {
		t.Errorf("Committed was told of %d messages, want 2", len(told))
	}
}

func TestQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWriter(WriterConfig{MaxQueue: 2}) // that nobody runs
		send := Send{ClientID: uuid.New(), Body: "hello"}
		var wg sync.WaitGroup
		begin := time.Now()
		for range 2 {
			wg.Go(func() {
				_, err := w.Send(t.Context(), send)
				checkNotNow(t, err)
				if waited := time.Since(begin); waited != 2*time.Second {
					t.Errorf("a send waited for %v", waited)
				}
			})
		}
		synctest.Wait()
		_, err := w.Send(t.Context(), send)
		checkNotNow(t, err)
		if waited := time.Since(begin); waited != 0 {
			t.Errorf("a send that found the queue full waited for %v", waited)
		}
		wg.Wait()
	})
}

func checkNotNow(t *testing.T, err error) {
	t.Helper()
	if e, ok := err.(*Error); !ok || e.Code != Unavailable || e.RetryAfter <= 0 {
		t.Errorf("%v, want Unavailable with RetryAfter", err)
	}
}

// What is queued when Run is told to end is stored; what comes later is refused.
func TestRunFinishesWhatIsQueued(t *testing.T) {
	in := newInstance(t)
	w := NewWriter(WriterConfig{Store: in.Store, MaxBatch: 2})
	var wg sync.WaitGroup
	for range 7 {
		wg.Go(func() {
			if stored, err := w.Send(t.Context(), in.hello()); err != nil || !stored.Created {
				t.Errorf("%+v, %v", stored, err)
			}
		})
	}
	eventually(t, func() error {
		if len(w.queue) != 7 {
			return fmt.Errorf("%d sends are queued", len(w.queue))
		}
		return nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
	wg.Wait()
	_, err := w.Send(t.Context(), in.hello())
	checkNotNow(t, err)
	checkGapless(t, in, in.general)
}

// Who does not wait any more does not keep others from being stored, nor is stored when that can be avoided.
func TestSenderThatLeft(t *testing.T) {
	in := newInstance(t)
	w := NewWriter(WriterConfig{Store: in.Store})
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err := w.Send(gone, in.hello())
	checkNotNow(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
	if list, _, err := in.Messages(t.Context(), in.general, Page{}); err != nil || len(list) != 0 {
		t.Errorf("%d messages, %v", len(list), err)
	}
}

// What is acknowledged is durable, whatever the database's owner has set, and a stricter setting is kept.
func TestCommitsAreDurable(t *testing.T) {
	in := newInstance(t)
	in.must(t, `CREATE TABLE seen (setting text)`)
	in.must(t, `CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
		$$BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END$$`)
	in.must(t, `CREATE TRIGGER see AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION see()`)
	for set, want := range map[string]string{"off": "on", "on": "on", "remote_apply": "remote_apply"} {
		in.must(t, `DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = `+set+`', current_database()); END$$`)
		in.must(t, `DELETE FROM seen`)
		in.pool.Reset() // a setting of the database holds for new sessions
		in.say(t, in.owner, in.general, "hello")
		var got string
		if err := in.pool.QueryRow(t.Context(), `SELECT setting FROM seen`).Scan(&got); err != nil || got != want {
			t.Errorf("with synchronous_commit %s messages were stored with %q, %v", set, got, err)
		}
	}
}

// checkGapless wants the channels' messages to have seq 1, 2, 3, … up to the channel's last, and one per client_id.
func checkGapless(t testing.TB, in instance, channels ...uuid.UUID) {
	t.Helper()
	for _, channel := range channels {
		var count, distinct, first, last, head int64
		err := in.pool.QueryRow(t.Context(), `
			SELECT count(m.id), count(DISTINCT (m.author_id, m.client_id)), coalesce(min(m.seq), 1), coalesce(max(m.seq), 0),
				c.last_seq
			FROM channels c LEFT JOIN messages m ON m.channel_id = c.id WHERE c.id = $1 GROUP BY c.id`, channel).
			Scan(&count, &distinct, &first, &last, &head)
		if err != nil {
			t.Fatal(err)
		}
		if count != last || first != 1 || head != last || (count > 0 && distinct != count) {
			t.Errorf("channel %s has %d messages of %d client_ids, with seq %d to %d, and says that the last is %d",
				channel, count, distinct, first, last, head)
		}
	}
}
