package store

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// called returns the bodies of the messages that call the user, the newest first.
func (in instance) called(t *testing.T, user User) []string {
	t.Helper()
	list, more, err := in.Mentions(t.Context(), user.ID, MentionPage{Limit: MaxPage})
	if err != nil || more {
		t.Fatal(more, err)
	}
	var bodies []string
	for _, m := range list {
		bodies = append(bodies, m.Message.Body)
	}
	return bodies
}

// A message calls whom it names, and by @channel and @here the others in its channel; never somebody who is not in it,
// nor its author.
func TestWhomAMessageCalls(t *testing.T) {
	in := newInstance(t)
	bob, eve, out, guest := in.register(t, "bob"), in.register(t, "eve"), in.register(t, "out"), in.register(t, "guest")
	in.must(t, `UPDATE users SET role = 'guest' WHERE id = $1`, guest.ID)
	private := in.channel(t, "private", in.owner, bob, eve, guest)
	in.must(t, `UPDATE channels SET kind = 'private' WHERE id = $1`, private)
	cfg := WriterConfig{Store: in.Store, Online: func() []uuid.UUID { return []uuid.UUID{in.owner.ID, eve.ID, out.ID} }}
	sends := []Send{}
	for body, author := range map[string]User{"@bob @out @ada": in.owner, "@channel": bob, "@here": bob, "@Channel by @guest to @EVE": guest, "@nobody `@bob`": bob} {
		sends = append(sends, Send{ClientID: uuid.New(), ChannelID: private, AuthorID: author.ID, Body: body})
	}
	for _, o := range inOneBatch(t, cfg, sends) {
		if o.err != nil {
			t.Fatal(o.err)
		}
	}
	for _, test := range []struct {
		user User
		want []string
	}{
		{in.owner, []string{"@channel", "@here"}}, {bob, []string{"@bob @out @ada"}},
		{eve, []string{"@channel", "@here", "@Channel by @guest to @EVE"}}, {guest, []string{"@channel"}}, {out, nil},
	} {
		got := map[string]bool{}
		for _, body := range in.called(t, test.user) {
			got[body] = true
		}
		want := map[string]bool{}
		for _, body := range test.want {
			want[body] = true
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", test.user.Username, diff)
		}
		if m, err := in.Channel(t.Context(), test.user.ID, private); test.user.ID != out.ID && (err != nil || m.Mentions != int64(len(want))) {
			t.Errorf("%s: %d mentions, %v; want %d", test.user.Username, m.Mentions, err, len(want))
		}
	}
	in.must(t, `DELETE FROM channel_members WHERE user_id = $1 AND channel_id = $2`, eve.ID, private)
	if got := in.called(t, eve); len(got) != 0 {
		t.Errorf("who left a private channel still reads %v", got)
	}
}

func TestMentionsKeepWithTheMessage(t *testing.T) {
	in := newInstance(t)
	bob, eve := in.register(t, "bob"), in.register(t, "eve")
	online := []uuid.UUID{bob.ID}
	w := startWriter(t, WriterConfig{Store: in.Store, Online: func() []uuid.UUID { return online }})
	stored, err := w.Send(t.Context(), Send{ClientID: uuid.New(), ChannelID: in.general, AuthorID: in.owner.ID, Body: "@here"})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		body     string
		bob, eve int
	}{
		{"@here and @eve", 1, 1}, {"@here", 1, 0}, {"@channel", 1, 1}, {"@here again", 1, 1}, {"nobody", 0, 0}, {"@here", 0, 0}, {"@bob", 1, 0}, {"@bob!", 1, 0},
	} {
		if _, _, err := in.EditMessage(t.Context(), in.owner.ID, stored.Message.ID, step.body); err != nil {
			t.Fatal(err)
		}
		if b, e := len(in.called(t, bob)), len(in.called(t, eve)); b != step.bob || e != step.eve {
			t.Errorf("%q calls bob %d and eve %d times, want %+v", step.body, b, e, step)
		}
	}
	if _, err := in.DeleteMessage(t.Context(), in.owner.ID, stored.Message.ID); err != nil {
		t.Fatal(err)
	}
	if got := in.called(t, bob); len(got) != 0 {
		t.Errorf("a deleted message calls: %v", got)
	}
}

// The newest come first, page by page, those said in threads too; what is unread is said of each.
func TestPagesOfMentions(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	parent := in.message(t, in.owner, in.general, "@bob 1")
	in.send(t, in.reply(in.owner, parent.ID, "@bob 2"))
	in.message(t, bob, in.general, "@bob myself")
	last := in.message(t, in.owner, in.general, "@bob 3")
	if _, err := in.MarkRead(t.Context(), bob.ID, in.general, 1); err != nil {
		t.Fatal(err)
	}
	var got []string
	page := MentionPage{Limit: 2}
	for {
		list, more, err := in.Mentions(t.Context(), bob.ID, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			got = append(got, fmt.Sprintf("%s %v", m.Message.Body, m.Unread))
			page.Before = &m.Message.ID
		}
		if !more {
			break
		}
		in.message(t, in.owner, in.general, "@bob later") // changes no page that follows
	}
	if diff := cmp.Diff([]string{"@bob 3 true", "@bob 2 true", "@bob 1 false"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if m, err := in.Channel(t.Context(), bob.ID, in.general); err != nil || m.Mentions != 3 || m.Unread != 2 {
		t.Errorf("%d mentions, %d unread, %v", m.Mentions, m.Unread, err)
	}
	if m, err := in.SetNotify(t.Context(), bob.ID, in.general, NotifyMentions); err != nil || m.Unread != 3 {
		t.Errorf("%d unread of mentions alone, %v", m.Unread, err)
	}
	if m, err := in.MarkRead(t.Context(), bob.ID, in.general, last.Seq); err != nil || m.Mentions != 1 {
		t.Errorf("%d mentions after the last was read, %v", m.Mentions, err)
	}
	_, _, err := in.Mentions(t.Context(), bob.ID, MentionPage{})
	checkInvalid(t, err, "limit")
}
