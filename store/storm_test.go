package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// A storm is many senders at once, on one or more writers. Afterwards, whatever happened meanwhile, what was promised
// of messages must hold.
type storm struct {
	in       instance
	channels []uuid.UUID
	nodes    []*node

	done, refused atomic.Int64 // sends that were stored, and that were answered Unavailable

	mu      sync.Mutex
	acked   map[messageKey][]Stored // every answer that was not an error
	changed []Message               // by edits and the like, as they were answered
}

type messageKey struct{ author, client uuid.UUID }

// node is one writer and what it told of.
type node struct {
	writer *Writer
	mu     sync.Mutex
	told   []Message // new ones
	later  []Message // those that were changed by replies
}

func (n *node) toldOf(id uuid.UUID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.told, func(m Message) bool { return m.ID == id })
}

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// newStorm has a node for each store. A timeout of 0 is the writer's default.
func newStorm(in instance, timeout time.Duration, channels []uuid.UUID, stores ...*Store) *storm {
	s := &storm{in: in, channels: channels, acked: map[messageKey][]Stored{}}
	for _, st := range stores {
		n := &node{}
		n.writer = NewWriter(WriterConfig{Store: st, MaxBatch: 64, Timeout: timeout, Committed: func(stored, changed []Message) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.told, n.later = append(n.told, stored...), append(n.later, changed...)
		}})
		s.nodes = append(s.nodes, n)
	}
	return s
}

// run runs the nodes while during does; it returns when all have ended.
func (s *storm) run(f failer, during func()) {
	f.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, n := range s.nodes {
		wg.Go(func() {
			if err := n.writer.Run(ctx); err != nil {
				f.Errorf("writer: %v", err)
			}
		})
	}
	defer wg.Wait() // also when a check ends the test
	defer cancel()
	during()
}

// send sends once, by that node, and keeps the answer.
func (s *storm) send(node int, send Send) (Message, error) {
	stored, err := s.nodes[node].writer.Send(context.Background(), send)
	if err != nil {
		return Message{}, err
	}
	if stored.Created && !s.nodes[node].toldOf(stored.Message.ID) {
		return Message{}, fmt.Errorf("seq %d was acknowledged before it was told of", stored.Message.Seq)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := messageKey{send.AuthorID, send.ClientID}
	s.acked[key] = append(s.acked[key], stored)
	return stored.Message, nil
}

// change does something to a message of the author's, and keeps the answer.
func (s *storm) change(m Message, how string) error {
	ctx := context.Background()
	var change Change
	var changed []Message
	var err error
	switch reaction := (ReactionParams{UserID: m.Author.ID, MessageID: m.ID, Emoji: "👍"}); how {
	case "delete":
		var d Deletion
		d, err = s.in.DeleteMessage(ctx, m.Author.ID, m.ID)
		change, changed = d.Change, []Message{d.Message}
		if d.Parent != nil {
			changed = append(changed, *d.Parent)
		}
	default:
		var after Message
		switch how {
		case "edit":
			change, after, err = s.in.EditMessage(ctx, m.Author.ID, m.ID, rand.Text())
		case "react":
			change, after, err = s.in.AddReaction(ctx, reaction)
		case "take back":
			change, after, err = s.in.RemoveReaction(ctx, reaction)
		case "pin", "unpin":
			change, after, err = s.in.PinMessage(ctx, m.Author.ID, m.ID, how == "pin")
		}
		changed = []Message{after}
	}
	if err == nil && change.Rev != 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.changed = append(s.changed, changed...)
	}
	return err
}

var waysToChange = []string{"edit", "react", "take back", "pin", "unpin", "delete"}

// check wants every promise kept.
func (s *storm) check(f failer) {
	f.Helper()
	stored := s.stored(f)
	for key, answers := range s.acked {
		created := 0
		for _, a := range answers {
			checkEarlier(f, stored[key], a.Message)
			if a.Created {
				created++
			}
		}
		if created > 1 {
			f.Errorf("%d of %d sends of one message were told that they created it", created, len(answers))
		}
	}
	told := map[uuid.UUID]int{}
	for i, n := range s.nodes {
		last := map[uuid.UUID]int64{}
		for _, m := range n.told {
			if m.Seq <= last[m.ChannelID] {
				f.Errorf("node %d told of seq %d after %d", i, m.Seq, last[m.ChannelID])
			}
			last[m.ChannelID] = m.Seq
			told[m.ID]++
			checkEarlier(f, stored[messageKey{m.Author.ID, m.ClientID}], m)
		}
	}
	for _, m := range stored {
		if told[m.ID] != 1 {
			f.Errorf("message %d of channel %s was told of %d times", m.Seq, m.ChannelID, told[m.ID])
		}
	}
	for _, m := range s.toldLater() {
		checkEarlier(f, stored[messageKey{m.Author.ID, m.ClientID}], m)
	}
}

// toldLater is every change of a message that somebody was told of.
func (s *storm) toldLater() []Message {
	all := slices.Clone(s.changed)
	for _, n := range s.nodes {
		all = append(all, n.later...)
	}
	return all
}

// checkRevs wants every rev told of once, which holds unless answers got lost.
func (s *storm) checkRevs(f failer) {
	f.Helper()
	told := map[uuid.UUID]map[int64]int{}
	for _, channel := range s.channels {
		told[channel] = map[int64]int{}
	}
	for _, n := range s.nodes {
		for _, m := range n.told {
			told[m.ChannelID][m.CreatedRev]++
		}
	}
	for _, m := range s.toldLater() {
		told[m.ChannelID][m.Rev]++
	}
	heads, err := s.in.Heads(context.Background(), s.channels)
	if err != nil {
		f.Fatalf("%v", err)
	}
	for _, head := range heads {
		for rev := int64(1); rev <= head.LastRev; rev++ {
			if n := told[head.ChannelID][rev]; n != 1 {
				f.Errorf("rev %d of %d was told of %d times", rev, head.LastRev, n)
			}
		}
		if len(told[head.ChannelID]) != int(head.LastRev) {
			f.Errorf("%d revs were told of, the last is %d", len(told[head.ChannelID]), head.LastRev)
		}
	}
}

// checkEarlier wants told to be the message as it is stored, or as it was before a later change.
func checkEarlier(f failer, stored, told Message) {
	f.Helper()
	if told.Rev < stored.Rev {
		told.Rev, told.Body, told.Reactions, told.Pinned = stored.Rev, stored.Body, stored.Reactions, stored.Pinned
		told.EditedAt, told.DeletedAt = stored.EditedAt, stored.DeletedAt
		told.ReplyCount, told.LastReplyAt, told.Participants = stored.ReplyCount, stored.LastReplyAt, stored.Participants
	}
	if diff := cmp.Diff(stored, told); diff != "" {
		f.Errorf("what was told is not what is stored (-stored +told):\n%s", diff)
	}
}

// keptTwice finds messages that say something else of themselves than the tables do.
const keptTwice = `
	SELECT count(*) FROM messages p CROSS JOIN LATERAL (
		SELECT count(*) AS count, max(r.seq) AS last_seq, max(r.created_at) AS last_at FROM messages r
		WHERE r.channel_id = p.channel_id AND r.parent_seq = p.seq AND r.deleted_at IS NULL
	) thread
	WHERE (p.reply_count, p.last_reply_seq, p.last_reply_at) IS DISTINCT FROM (thread.count, thread.last_seq, thread.last_at)
		OR coalesce(p.participants, '{}') IS DISTINCT FROM ARRAY(SELECT r.author_id FROM messages r
			WHERE r.channel_id = p.channel_id AND r.parent_seq = p.seq AND r.deleted_at IS NULL GROUP BY r.author_id ORDER BY min(r.seq))
		OR p.pinned IS DISTINCT FROM EXISTS (SELECT FROM pins WHERE message_id = p.id)
		OR (SELECT count(*) FROM reactions WHERE message_id = p.id) IS DISTINCT FROM
			(SELECT count(*) FROM jsonb_array_elements(p.reactions) r, jsonb_array_elements(r -> 'user_ids'))
		OR (p.edited_at IS NOT NULL) IS DISTINCT FROM EXISTS (SELECT FROM message_edits WHERE message_id = p.id)`

// stored reads all channels: seq without a gap, and one message for each author and client_id.
func (s *storm) stored(f failer) map[messageKey]Message {
	f.Helper()
	all := map[messageKey]Message{}
	for _, channel := range s.channels {
		var missed Missed
		eventually(f, func() (err error) { // PostgreSQL may still be recovering from the last fault
			missed, err = s.in.Missed(context.Background(), Span{ChannelID: channel, From: 1, To: 1 << 40}, 1<<20)
			return err
		})
		list, last := missed.Messages, int64(0)
		for i, m := range list {
			if m.Seq != int64(i+1) || m.CreatedRev <= last || m.Rev < m.CreatedRev {
				f.Errorf("message %d of channel %s has seq %d, revs %d and %d after %d", i+1, channel, m.Seq, m.CreatedRev, m.Rev, last)
			}
			last = m.CreatedRev
			key := messageKey{m.Author.ID, m.ClientID}
			if _, double := all[key]; double {
				f.Errorf("two messages with client_id %s", m.ClientID)
			}
			all[key] = m
		}
	}
	if broken, err := one(context.Background(), s.in.Store, value[int], keptTwice); err != nil || broken != 0 {
		f.Errorf("%d messages do not say of themselves what the tables do, %v", broken, err)
	}
	return all
}

// drawChannels makes one to three channels, each with some of the users in it.
func drawChannels(t *testing.T, r *rapid.T, in instance, users []User) (channels []uuid.UUID, members map[[2]uuid.UUID]bool) {
	members = map[[2]uuid.UUID]bool{}
	for range rapid.IntRange(1, 3).Draw(r, "channels") {
		var inside []User
		for _, u := range users {
			if rapid.IntRange(0, 4).Draw(r, "member") > 0 {
				inside = append(inside, u)
			}
		}
		id := in.channel(t, strings.ToLower(rand.Text()), inside...)
		channels = append(channels, id)
		for _, u := range inside {
			members[[2]uuid.UUID{id, u.ID}] = true
		}
	}
	return channels, members
}

// step is a send to one of the nodes, perhaps to a thread, and a change after it.
type step struct {
	Send
	node    int
	thread  bool   // a reply to the first message that the lane has sent
	instead string // of sending: how to change what the lane has sent before
	which   int    // of those
}

// drawLanes draws what some goroutines do, each one after the other: of few client_ids, so that many are doubles.
func drawLanes(r *rapid.T, users []User, channels []uuid.UUID) [][]step {
	clients := make([]uuid.UUID, rapid.IntRange(1, 12).Draw(r, "client_ids"))
	for i := range clients {
		clients[i] = uuid.New()
	}
	lane := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) step {
		instead := append([]string{"", "", "", "", "", ""}, waysToChange...)
		return step{node: rapid.IntRange(0, 1).Draw(r, "node"), thread: rapid.Bool().Draw(r, "thread"),
			instead: rapid.SampledFrom(instead).Draw(r, "instead"), which: rapid.IntRange(0, 11).Draw(r, "which"), Send: Send{
				AuthorID:  rapid.SampledFrom(users).Draw(r, "author").ID,
				ChannelID: rapid.SampledFrom(channels).Draw(r, "channel"),
				ClientID:  rapid.SampledFrom(clients).Draw(r, "client_id"),
				Body:      rapid.StringMatching(`[a-z@ä🙂]{1,20}`).Draw(r, "body"),
			}}
	}), 1, 12)
	return rapid.SliceOfN(lane, 1, 12).Draw(r, "lanes")
}

// Whatever few authors send of few client_ids to few channels, some of which they may not write to, at the same time
// and to two nodes.
func TestWriterKeepsItsPromises(t *testing.T) {
	in := newInstance(t)
	second := open(t, in.url)
	users := []User{in.owner, in.register(t, "bob"), in.register(t, "eve")}
	rapid.Check(t, func(r *rapid.T) {
		channels, members := drawChannels(t, r, in, users)
		lanes := drawLanes(r, users, channels)
		s := newStorm(in, 0, channels, in.Store, second)
		s.run(r, func() {
			var wg sync.WaitGroup
			for _, lane := range lanes {
				wg.Go(func() {
					var sent []Message
					for _, step := range lane {
						err := s.take(step, &sent)
						switch code := CodeOf(err); {
						case err == nil, code == Conflict:
						case code == NotFound && !members[[2]uuid.UUID{step.ChannelID, step.AuthorID}]:
						case code == Invalid: // a thread in another channel, or of what is deleted or a reply; or a twin of such a one
						default:
							r.Errorf("%+v: %v", step, err)
						}
					}
				})
			}
			wg.Wait()
		})
		s.check(r)
		s.checkRevs(r)
	})
}

// take does a step of a lane, which has sent these messages so far.
func (s *storm) take(next step, sent *[]Message) error {
	if next.instead != "" && len(*sent) > 0 {
		return s.change((*sent)[next.which%len(*sent)], next.instead)
	}
	if next.thread && len(*sent) > 0 {
		next.ParentID = &(*sent)[0].ID
	}
	m, err := s.send(next.node, next.Send)
	if err == nil {
		*sent = append(*sent, m)
	}
	return err
}

// Two nodes on one hot channel, as fast as they can.
func TestTwoNodesOnOneChannel(t *testing.T) {
	in := newInstance(t)
	s := newStorm(in, 0, []uuid.UUID{in.general}, in.Store, open(t, in.url))
	s.run(t, func() {
		var wg sync.WaitGroup
		for i := range 64 {
			wg.Go(func() {
				for range 50 {
					if _, err := s.send(i%2, in.hello()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	})
	s.check(t)
	if n := len(s.acked); n != 64*50 {
		t.Errorf("%d messages were acknowledged", n)
	}
}
