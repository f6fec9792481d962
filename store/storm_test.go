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

	mu    sync.Mutex
	acked map[messageKey][]Stored // every answer that was not an error
}

type messageKey struct{ author, client uuid.UUID }

// node is one writer and what it told of.
type node struct {
	writer *Writer
	mu     sync.Mutex
	told   []Message
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
		n.writer = NewWriter(WriterConfig{Store: st, MaxBatch: 64, Timeout: timeout, Committed: func(m []Message) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.told = append(n.told, m...)
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
func (s *storm) send(node int, send Send) error {
	stored, err := s.nodes[node].writer.Send(context.Background(), send)
	if err != nil {
		return err
	}
	if stored.Created && !s.nodes[node].toldOf(stored.Message.ID) {
		return fmt.Errorf("seq %d was acknowledged before it was told of", stored.Message.Seq)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := messageKey{send.AuthorID, send.ClientID}
	s.acked[key] = append(s.acked[key], stored)
	return nil
}

// check wants every promise kept.
func (s *storm) check(f failer) {
	f.Helper()
	stored := s.stored(f)
	for key, answers := range s.acked {
		created := 0
		for _, a := range answers {
			if diff := cmp.Diff(stored[key], a.Message); diff != "" {
				f.Errorf("an answer is not what is stored (-stored +answered):\n%s", diff)
			}
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
			if diff := cmp.Diff(stored[messageKey{m.Author.ID, m.ClientID}], m); diff != "" {
				f.Errorf("what was told is not what is stored (-stored +told):\n%s", diff)
			}
		}
	}
	for _, m := range stored {
		if told[m.ID] != 1 {
			f.Errorf("message %d of channel %s was told of %d times", m.Seq, m.ChannelID, told[m.ID])
		}
	}
}

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
		list := missed.Messages
		for i, m := range list {
			if m.Seq != int64(i+1) || m.CreatedRev != m.Seq {
				f.Errorf("message %d of channel %s has seq %d, rev %d", i+1, channel, m.Seq, m.CreatedRev)
			}
			key := messageKey{m.Author.ID, m.ClientID}
			if _, double := all[key]; double {
				f.Errorf("two messages with client_id %s", m.ClientID)
			}
			all[key] = m
		}
		if heads, err := s.in.Heads(context.Background(), []uuid.UUID{channel}); err != nil || heads[0].LastRev != int64(len(list)) {
			f.Errorf("heads %v (%v) of a channel with %d messages", heads, err, len(list))
		}
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

// step is a send to one of the nodes.
type step struct {
	Send
	node int
}

// drawLanes draws what some goroutines send, each one after the other: of few client_ids, so that many are doubles.
func drawLanes(r *rapid.T, users []User, channels []uuid.UUID) [][]step {
	clients := make([]uuid.UUID, rapid.IntRange(1, 12).Draw(r, "client_ids"))
	for i := range clients {
		clients[i] = uuid.New()
	}
	lane := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) step {
		return step{node: rapid.IntRange(0, 1).Draw(r, "node"), Send: Send{
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
					for _, step := range lane {
						err := s.send(step.node, step.Send)
						switch code := CodeOf(err); {
						case err == nil, code == Conflict:
						case code == NotFound && !members[[2]uuid.UUID{step.ChannelID, step.AuthorID}]:
						default:
							r.Errorf("send: %v", err)
						}
					}
				})
			}
			wg.Wait()
		})
		s.check(r)
	})
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
					if err := s.send(i%2, in.hello()); err != nil {
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
