package store

import (
	"fmt"
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
	if _, err := in.DeleteMessage(t.Context(), in.owner.ID, deleted.ID); err != nil {
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
		d, err := in.DeleteMessage(t.Context(), in.owner.ID, reply.ID)
		if err != nil || d.Message.Rev != int64(6+2*i) || d.Parent == nil || d.Parent.Rev != int64(7+2*i) {
			t.Fatalf("%+v, %v", d, err)
		}
		if d.Message.ParentID == nil || d.Parent.ReplyCount != want.count || !cmp.Equal(d.Parent.Participants, want.participants) ||
			(d.Parent.LastReplyAt != nil) != (want.count > 0) || want.count > 0 && !d.Parent.LastReplyAt.Equal(replies[0].CreatedAt) {
			t.Errorf("%+v of %+v", d.Message, d.Parent)
		}
	}
	if again, err := in.DeleteMessage(t.Context(), bob.ID, replies[0].ID); err != nil || again.Change.Rev != 0 || again.Parent != nil {
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

// send stores messages, one commit each, and returns them.
func (in instance) send(t testing.TB, sends ...Send) (stored []Message) {
	t.Helper()
	w := startWriter(t, WriterConfig{Store: in.Store})
	for _, send := range sends {
		s, err := w.Send(t.Context(), send)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, s.Message)
	}
	return stored
}

func TestThread(t *testing.T) {
	in := newInstance(t)
	bob, guest := in.register(t, "bob"), in.register(t, "guest")
	parent := in.message(t, in.owner, in.general, "parent")
	replies := in.send(t, in.reply(bob, parent.ID, "2"), in.hello(), in.reply(in.owner, parent.ID, "4"), in.reply(bob, parent.ID, "5"))
	for _, test := range []struct {
		of    uuid.UUID
		after int64
		limit int
		want  []int64
		more  bool
	}{
		{parent.ID, 0, 10, []int64{2, 4, 5}, false}, {parent.ID, 0, 2, []int64{2, 4}, true}, {parent.ID, 4, 2, []int64{5}, false},
		{replies[0].ID, 2, 10, []int64{4, 5}, false},
	} {
		thread, err := in.Thread(t.Context(), in.owner.ID, test.of, test.after, test.limit)
		if err != nil || !cmp.Equal(seqsOf(thread.Replies), test.want) || thread.HasMore != test.more ||
			thread.Message.ID != parent.ID || thread.Message.ReplyCount != 3 || thread.ReadSeq != 4 {
			t.Errorf("%+v: %+v, %v", test, thread, err)
		}
	}
	if thread, err := in.Thread(t.Context(), guest.ID, replies[1].ID, 0, 10); err != nil || len(thread.Replies) != 0 || thread.ReadSeq != 0 {
		t.Errorf("a message without replies: %+v, %v", thread, err)
	}
	_, err := in.Thread(t.Context(), in.owner.ID, parent.ID, 0, 0)
	checkInvalid(t, err, "limit")
	in.must(t, `DELETE FROM channel_members WHERE user_id = $1`, guest.ID)
	in.must(t, `UPDATE users SET role = 'guest' WHERE id = $1`, guest.ID)
	if _, err := in.Thread(t.Context(), guest.ID, replies[0].ID, 0, 10); CodeOf(err) != NotFound {
		t.Errorf("by whom may not see it: %v", err)
	}
	if _, err := in.MarkThreadRead(t.Context(), guest.ID, replies[0].ID, 9); CodeOf(err) != NotFound {
		t.Errorf("read by whom may not see it: %v", err)
	}
}

// checkThreads wants these threads, by the bodies of their messages and how much is unread.
func (in instance) checkThreads(t *testing.T, user User, page ThreadPage, unread int, want ...string) ThreadList {
	t.Helper()
	list, err := in.Threads(t.Context(), user.ID, page)
	if err != nil {
		t.Fatal(err)
	}
	got := []string(nil)
	for _, thread := range list.Threads {
		got = append(got, fmt.Sprintf("%s %d", thread.Message.Body, thread.Unread))
	}
	if diff := cmp.Diff(want, got); diff != "" || list.UnreadThreads != unread {
		t.Errorf("%d unread, want %d (-want +got)\n%s", list.UnreadThreads, unread, diff)
	}
	return list
}

func TestThreadsOfAUser(t *testing.T) {
	in := newInstance(t)
	bob, eve := in.register(t, "bob"), in.register(t, "eve")
	private := in.channel(t, "private", in.owner, bob)
	first, second, third := in.message(t, in.owner, in.general, "first"), in.message(t, bob, in.general, "second"), in.message(t, bob, private, "third")
	secret := in.reply(in.owner, third.ID, "6")
	secret.ChannelID = private
	in.send(t, in.reply(bob, first.ID, "3"), in.reply(bob, first.ID, "4"), in.reply(bob, second.ID, "@Eve look"), secret)
	page := ThreadPage{Limit: 10}
	in.checkThreads(t, in.owner, page, 1, "third 0", "first 2")
	in.checkThreads(t, bob, page, 1, "third 1", "second 0", "first 0")
	in.checkThreads(t, eve, page, 1, "second 1")
	in.checkThreads(t, in.owner, ThreadPage{Limit: 10, Unread: true}, 1, "first 2")
	list := in.checkThreads(t, bob, ThreadPage{Limit: 2}, 1, "third 1", "second 0")
	if list = in.checkThreads(t, bob, ThreadPage{Limit: 2, Cursor: list.Next}, 1, "first 0"); list.Next != "" {
		t.Errorf("after the last page comes %q", list.Next)
	}
	for _, step := range []struct {
		seq, want int64
		unread    int
		first     string
	}{{3, 3, 1, "first 1"}, {2, 3, 1, "first 1"}, {99, 4, 0, "first 0"}} {
		read, err := in.MarkThreadRead(t.Context(), in.owner.ID, first.ID, step.seq)
		if want := (ThreadRead{ChannelID: in.general, MessageID: first.ID, ReadSeq: step.want}); err != nil || read != want {
			t.Errorf("%+v, %v", read, err)
		}
		in.checkThreads(t, in.owner, page, step.unread, "third 0", step.first)
	}
	if read, err := in.MarkThreadRead(t.Context(), eve.ID, first.ID, 4); err != nil || read.ReadSeq != 0 {
		t.Errorf("of a thread not followed: %+v, %v", read, err)
	}
	in.must(t, `DELETE FROM channel_members WHERE channel_id = $1 AND user_id = $2`, private, bob.ID)
	in.checkThreads(t, bob, page, 0, "second 0", "first 0")
	in.must(t, `DELETE FROM channels WHERE id = $1`, private) // takes its threads along
	in.checkThreads(t, in.owner, page, 0, "first 0")
	for _, cursor := range []string{"x", "1", "1.x", "-1." + uuid.NewString(), "99999999999999999999." + uuid.NewString(), "999999999999999999." + uuid.NewString()} {
		_, err := in.Threads(t.Context(), bob.ID, ThreadPage{Cursor: cursor, Limit: 1})
		checkInvalid(t, err, "cursor")
	}
	_, err := in.Threads(t.Context(), bob.ID, ThreadPage{})
	checkInvalid(t, err, "limit")
}

// What is said in a thread alone is unread there, and not in the channel.
func TestUnreadOfAChannelWithThreads(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	parent := in.message(t, bob, in.general, "1")
	both := in.reply(bob, parent.ID, "@ada 3")
	both.AlsoToChannel = true
	gone := in.hello()
	gone.AuthorID = bob.ID
	stored := in.send(t, in.reply(bob, parent.ID, "@ada 2"), both, gone)
	if _, err := in.DeleteMessage(t.Context(), bob.ID, stored[2].ID); err != nil {
		t.Fatal(err)
	}
	if c, err := in.Channel(t.Context(), in.owner.ID, in.general); err != nil || c.Unread != 2 || c.Mentions != 2 || c.LastSeq != 4 {
		t.Errorf("%+v, %v", c, err)
	}
}
