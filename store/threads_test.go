package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// reply is a send of the author's to a thread of #general.
func (in instance) reply(author User, parent uuid.UUID, body string) Send {
	return Send{ClientID: uuid.New(), ChannelID: in.general, AuthorID: author.ID, Body: body, ParentID: &parent}
}

// Replies are counted by the batch that stores them, under revs after those of the batch's messages.
func TestRepliesAreCounted(t *testing.T) {
	in := newInstance(t)
	bob, eve := in.register(t, "bob"), in.register(t, "eve")
	first, second := in.message(t, in.owner, in.general, "hello @eve."), in.message(t, bob, in.general, "and?")
	var told, changed []Message
	cfg := WriterConfig{Store: in.Store, Committed: func(m, c []Message) { told, changed = append(told, m...), append(changed, c...) }}
	sends := []Send{in.reply(bob, first.ID, "a"), in.reply(in.owner, second.ID, "b"), in.hello(), in.reply(in.owner, first.ID, "c"), in.reply(bob, first.ID, "d")}
	sends[0].AlsoToChannel = true
	for i, o := range inOneBatch(t, cfg, sends) {
		if o.err != nil || o.stored.Message.Rev != int64(3+i) || !cmp.Equal(o.stored.Message.ParentID, sends[i].ParentID) || o.stored.Message.AlsoToChannel != (i == 0) {
			t.Errorf("send %d: %v, %+v", i, o.err, o.stored.Message)
		}
	}
	at := told[0].CreatedAt
	first.Rev, first.ReplyCount, first.LastReplyAt, first.Participants = 8, 3, &at, []uuid.UUID{bob.ID, in.owner.ID}
	second.Rev, second.ReplyCount, second.LastReplyAt, second.Participants = 9, 1, &at, []uuid.UUID{in.owner.ID}
	if diff := cmp.Diff([]Message{first, second}, changed); diff != "" {
		t.Errorf("changed (-want +told)\n%s", diff)
	}
	list, _, err := in.Messages(t.Context(), in.general, Page{})
	if diff := cmp.Diff(append([]Message{first, second}, told...), list); err != nil || diff != "" {
		t.Errorf("%v (-told +stored)\n%s", err, diff)
	}
	followers := map[[2]uuid.UUID]int64{}
	rows, _ := in.pool.Query(t.Context(), `SELECT user_id, message_id, read_seq FROM thread_followers`)
	var user, message uuid.UUID
	var read int64
	for rows.Next() {
		if err := rows.Scan(&user, &message, &read); err != nil {
			t.Fatal(err)
		}
		followers[[2]uuid.UUID{user, message}] = read
	}
	want := map[[2]uuid.UUID]int64{
		{in.owner.ID, first.ID}: 6, {bob.ID, first.ID}: 7, {eve.ID, first.ID}: 2, {bob.ID, second.ID}: 3, {in.owner.ID, second.ID}: 4,
	}
	if diff := cmp.Diff(want, followers); diff != "" || rows.Err() != nil {
		t.Errorf("followers: %v (-want +got)\n%s", rows.Err(), diff)
	}
	if heads, err := in.Heads(t.Context(), []uuid.UUID{in.general}); err != nil || heads[0].LastRev != 9 {
		t.Errorf("heads %v, %v", heads, err)
	}
}

func TestRepliesThatAreRefused(t *testing.T) {
	in := newInstance(t)
	other := in.channel(t, "other", in.owner)
	parent := in.message(t, in.owner, in.general, "parent")
	deleted := in.message(t, in.owner, in.general, "deleted")
	if _, err := in.DeleteMessage(t.Context(), in.owner.ID, deleted.ID, false); err != nil {
		t.Fatal(err)
	}
	reply := inOneBatch(t, WriterConfig{Store: in.Store}, []Send{in.reply(in.owner, parent.ID, "reply")})[0].stored.Message
	elsewhere := in.reply(in.owner, parent.ID, "elsewhere")
	elsewhere.ChannelID = other
	sends := map[string]Send{
		"to nothing": in.reply(in.owner, uuid.New(), "x"), "to a deleted message": in.reply(in.owner, deleted.ID, "x"),
		"to a reply": in.reply(in.owner, reply.ID, "x"), "to another channel's": elsewhere,
	}
	for name, send := range sends {
		outcomes := inOneBatch(t, WriterConfig{Store: in.Store}, []Send{in.hello(), send, in.hello()})
		checkInvalid(t, outcomes[1].err, "parent_id")
		if outcomes[0].err != nil || outcomes[2].err != nil {
			t.Errorf("stored with a reply %s: %v, %v", name, outcomes[0].err, outcomes[2].err)
		}
	}
	stray := in.hello()
	stray.AlsoToChannel = true
	_, err := NewWriter(WriterConfig{}).Send(t.Context(), stray)
	checkInvalid(t, err, "also_to_channel")
	checkGapless(t, in, in.general, other)
}

// A deleted reply counts no more, which changes what its thread is about.
func TestDeletedReplies(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	parent := in.message(t, in.owner, in.general, "parent")
	var replies []Message
	for _, author := range []User{bob, in.owner} {
		replies = append(replies, inOneBatch(t, WriterConfig{Store: in.Store}, []Send{in.reply(author, parent.ID, "reply")})[0].stored.Message)
	}
	for i, want := range []struct {
		count        int
		participants []uuid.UUID
	}{{1, []uuid.UUID{bob.ID}}, {0, nil}} {
		reply := replies[1-i]
		d, err := in.DeleteMessage(t.Context(), in.owner.ID, reply.ID, true)
		if err != nil || d.Message.Rev != int64(6+2*i) || d.Parent == nil || d.Parent.Rev != int64(7+2*i) {
			t.Fatalf("%+v, %v", d, err)
		}
		if d.Message.ParentID == nil || d.Parent.ReplyCount != want.count || !cmp.Equal(d.Parent.Participants, want.participants) ||
			(d.Parent.LastReplyAt != nil) != (want.count > 0) || want.count > 0 && !d.Parent.LastReplyAt.Equal(replies[0].CreatedAt) {
			t.Errorf("%+v of %+v", d.Message, d.Parent)
		}
	}
	if again, err := in.DeleteMessage(t.Context(), bob.ID, replies[0].ID, false); err != nil || again.Change.Rev != 0 || again.Parent != nil {
		t.Errorf("again: %+v, %v", again, err)
	}
	if heads, err := in.Heads(t.Context(), []uuid.UUID{in.general}); err != nil || heads[0].LastRev != 9 {
		t.Errorf("heads %v, %v", heads, err)
	}
}

// Who sends a message again is told what has become of it.
func TestSentAgainAfterAnEdit(t *testing.T) {
	in := newInstance(t)
	w := startWriter(t, WriterConfig{Store: in.Store})
	send := in.hello()
	stored, err := w.Send(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	_, edited, err := in.EditMessage(t.Context(), in.owner.ID, stored.Message.ID, "goodbye")
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.Send(t.Context(), send)
	if diff := cmp.Diff(Stored{Message: edited}, again); err != nil || diff != "" {
		t.Errorf("%v (-edited +sent again)\n%s", err, diff)
	}
}
