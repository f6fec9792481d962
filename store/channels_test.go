package store

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// say stores messages of the user, one after the other.
func (in instance) say(t *testing.T, author User, channel uuid.UUID, bodies ...string) {
	t.Helper()
	var sends []Send
	for _, body := range bodies {
		sends = append(sends, Send{ClientID: uuid.New(), ChannelID: channel, AuthorID: author.ID, Body: body})
	}
	for _, o := range inOneBatch(t, WriterConfig{Store: in.Store}, sends) {
		if o.err != nil {
			t.Fatal(o.err)
		}
	}
}

func TestChannelsOfAMember(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	secret := in.channel(t, "secret", bob)
	in.must(t, `UPDATE channels SET kind = 'private', topic = 'psst' WHERE id = $1`, secret)
	eve := in.register(t, "eve")
	in.must(t, `INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2)`, secret, eve.ID)
	in.say(t, eve, secret, "a", "b", "c")
	in.say(t, bob, secret, "one's own is not unread")

	list, err := in.Channels(t.Context(), bob.ID)
	if err != nil || len(list) != 2 || !list[0].General || list[1].General || list[0].Name != "general" || list[1].Name != "secret" {
		t.Fatalf("channels of a member of both: %+v, %v", list, err)
	}
	if c := list[1]; !c.Private || c.Kind != Private || c.Topic != "psst" || c.LastSeq != 4 || c.Unread != 3 || c.ReadSeq != 0 {
		t.Errorf("membership: %+v", c)
	}
	if one, err := in.Channel(t.Context(), bob.ID, secret); err != nil || !cmp.Equal(one, list[1]) {
		t.Errorf("the same by id: %+v, %v", one, err)
	}
	for name, ids := range map[string][2]uuid.UUID{
		"not a member":    {in.owner.ID, secret},
		"unknown channel": {bob.ID, uuid.New()},
		"unknown user":    {uuid.New(), secret},
	} {
		if _, err := in.Channel(t.Context(), ids[0], ids[1]); CodeOf(err) != NotFound {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := in.MarkRead(t.Context(), ids[0], ids[1], 1); CodeOf(err) != NotFound {
			t.Errorf("%s marks as read: %v", name, err)
		}
	}
	if list, err := in.Channels(t.Context(), uuid.New()); err != nil || list == nil || len(list) != 0 {
		t.Errorf("channels of nobody: %#v, %v", list, err)
	}
	if ids, err := in.MemberIDs(t.Context(), secret); err != nil || len(ids) != 2 || !slices.Contains(ids, bob.ID) {
		t.Errorf("members: %v, %v", ids, err)
	}
	if heads, err := in.Heads(t.Context(), []uuid.UUID{secret, uuid.New()}); err != nil || len(heads) != 1 || heads[0] != (Head{secret, 4}) {
		t.Errorf("heads: %v, %v", heads, err)
	}
}

func TestMarkRead(t *testing.T) {
	in := newInstance(t)
	in.say(t, in.register(t, "bob"), in.general, "1", "2", "3", "4", "5")
	for _, step := range []struct{ seq, want int64 }{{2, 2}, {1, 2}, {4, 4}, {-3, 4}, {1 << 60, 5}, {0, 5}} {
		m, err := in.MarkRead(t.Context(), in.owner.ID, in.general, step.seq)
		if err != nil || m.ReadSeq != step.want || m.Unread != 5-step.want {
			t.Errorf("read up to %d: %+v, %v; want %d", step.seq, m, err, step.want)
		}
	}
}

// What is marked as unread stays so for who knows nothing of it, and is read by who does.
func TestMarkUnread(t *testing.T) {
	in := newInstance(t)
	in.say(t, in.register(t, "bob"), in.general, "1", "2", "3 @ada", "4", "5")
	for i, step := range []struct {
		mark func() (Membership, error)
		want int64
	}{
		{func() (Membership, error) { return in.MarkRead(t.Context(), in.owner.ID, in.general, 5) }, 5},
		{func() (Membership, error) { return in.MarkUnread(t.Context(), in.owner.ID, in.general, 3) }, 2},
		{func() (Membership, error) { return in.MarkUnread(t.Context(), in.owner.ID, in.general, 5) }, 2},
		{func() (Membership, error) { return in.MarkReadFrom(t.Context(), in.owner.ID, in.general, 5, 5) }, 2},
		{func() (Membership, error) { return in.MarkReadFrom(t.Context(), in.owner.ID, in.general, 3, 9) }, 2},
		{func() (Membership, error) { return in.MarkReadFrom(t.Context(), in.owner.ID, in.general, 2, 4) }, 4},
		{func() (Membership, error) { return in.MarkReadFrom(t.Context(), in.owner.ID, in.general, 3, 9) }, 5},
		{func() (Membership, error) { return in.MarkUnread(t.Context(), in.owner.ID, in.general, 1) }, 0},
		{func() (Membership, error) { return in.MarkRead(t.Context(), in.owner.ID, in.general, 3) }, 3},
	} {
		m, err := step.mark()
		if err != nil || m.ReadSeq != step.want || m.Unread != 5-step.want || (m.Mentions == 1) != (step.want < 3) {
			t.Errorf("step %d: %+v, %v; want %d", i, m, err, step.want)
		}
	}
	if _, err := in.MarkUnread(t.Context(), uuid.New(), in.general, 1); CodeOf(err) != NotFound {
		t.Errorf("by nobody: %v", err)
	}
	_, err := in.MarkUnread(t.Context(), in.owner.ID, in.general, 0)
	checkInvalid(t, err, "seq")
}

// What is looked at is bounded, and a long absence is told of all the same.
func TestUnreadOfALongAbsence(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	in.must(t, `
		INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
		SELECT gen_random_uuid(), $1, i, $2, gen_random_uuid(), '@ada', now(), i, i FROM generate_series(1, 2000) i`, in.general, bob.ID)
	in.must(t, `INSERT INTO mentions (user_id, message_id, channel_id, seq, by_name) SELECT $1, id, channel_id, seq, true FROM messages`, in.owner.ID)
	in.must(t, `UPDATE channels SET last_seq = 2000, last_rev = 2000 WHERE id = $1`, in.general)
	m, err := in.Channel(t.Context(), in.owner.ID, in.general)
	if err != nil || m.Unread != 2000 || m.Mentions != 500 {
		t.Errorf("%d unread, %d mentions, %v", m.Unread, m.Mentions, err)
	}
}
