package store

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// message stores one message and returns it.
func (in instance) message(t testing.TB, author User, channel uuid.UUID, body string) Message {
	t.Helper()
	send := Send{ClientID: uuid.New(), ChannelID: channel, AuthorID: author.ID, Body: body}
	w := startWriter(t, WriterConfig{Store: in.Store})
	stored, err := w.Send(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	return stored.Message
}

// changes are all calls that change a message, as a user would make them.
func (in instance) changes(t testing.TB, user User, message uuid.UUID) map[string]func() (Change, Message, error) {
	return map[string]func() (Change, Message, error){
		"edit": func() (Change, Message, error) { return in.EditMessage(t.Context(), user.ID, message, "another text") },
		"delete": func() (Change, Message, error) {
			d, err := in.DeleteMessage(t.Context(), user.ID, message)
			return d.Change, d.Message, err
		},
		"react": func() (Change, Message, error) {
			return in.AddReaction(t.Context(), ReactionParams{UserID: user.ID, MessageID: message, Emoji: "👍"})
		},
		"take back": func() (Change, Message, error) {
			return in.RemoveReaction(t.Context(), ReactionParams{UserID: user.ID, MessageID: message, Emoji: "👍"})
		},
		"pin":   func() (Change, Message, error) { return in.PinMessage(t.Context(), user.ID, message, true) },
		"unpin": func() (Change, Message, error) { return in.PinMessage(t.Context(), user.ID, message, false) },
	}
}

// Each change gives the next rev and the message as it then is, and the same again changes nothing.
func TestChangesOfAMessage(t *testing.T) {
	in := newInstance(t)
	in.say(t, in.owner, in.general, "before")
	want := in.message(t, in.owner, in.general, "helo")
	change := in.changes(t, in.owner, want.ID)
	for i, step := range []struct {
		name string
		set  func()
	}{
		{"edit", func() { want.Body = "another text" }},
		{"react", func() { want.Reactions = []Reaction{{Emoji: "👍", UserIDs: []uuid.UUID{in.owner.ID}}} }},
		{"pin", func() { want.Pinned = true }},
		{"unpin", func() { want.Pinned = false }},
		{"take back", func() { want.Reactions = []Reaction{} }},
		{"pin", func() { want.Pinned = true }},
		{"react", func() {}},
		{"delete", func() { want.Body, want.Pinned, want.Reactions = "", false, []Reaction{} }},
	} {
		step.set()
		want.Rev = int64(3 + i)
		did, got, err := change[step.name]()
		if did != (Change{ChannelID: in.general, Rev: want.Rev}) || err != nil {
			t.Errorf("%s: %+v, %v", step.name, did, err)
		}
		if step.name == "edit" && got.EditedAt == nil || step.name == "delete" && (got.DeletedAt == nil || got.EditedAt != nil) {
			t.Errorf("%s at %v, deleted at %v", step.name, got.EditedAt, got.DeletedAt)
		}
		want.EditedAt, want.DeletedAt = got.EditedAt, got.DeletedAt
		if len(got.Reactions) > 0 {
			want.Reactions = got.Reactions
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("after %s (-want +got):\n%s", step.name, diff)
		}
		did, again, err := change[step.name]()
		if did.Rev != 0 || err != nil || !cmp.Equal(again, got) {
			t.Errorf("%s again: %+v, %v", step.name, did, err)
		}
	}
	for name, code := range map[string]Code{"edit": Conflict, "react": Conflict, "pin": Conflict, "take back": "", "unpin": ""} {
		if did, _, err := change[name](); did.Rev != 0 || err != nil && CodeOf(err) != code {
			t.Errorf("%s of a deleted message: %+v, %v", name, did, err)
		}
	}
	if edits, err := in.Edits(t.Context(), in.owner.ID, want.ID); err != nil || len(edits) != 0 {
		t.Errorf("what a deleted message said: %v, %v", edits, err)
	}
	heads, err := in.Heads(t.Context(), []uuid.UUID{in.general})
	if err != nil || heads[0].LastRev != want.Rev {
		t.Errorf("heads %v, %v", heads, err)
	}
	list, _, err := in.Messages(t.Context(), in.general, Page{})
	if diff := cmp.Diff(want, list[1]); err != nil || diff != "" {
		t.Errorf("the page: %v (-want +got)\n%s", err, diff)
	}
}

// Who may not change a message is told why, or, who may not see it, nothing; and nothing is changed.
func TestRefusedChanges(t *testing.T) {
	in := newInstance(t)
	bob, eve, guest := in.register(t, "bob"), in.register(t, "eve"), in.register(t, "guest")
	in.must(t, `UPDATE users SET role = 'guest' WHERE id = $1`, guest.ID)
	private, open, archived := in.channel(t, "private", in.owner), in.channel(t, "open", in.owner), in.channel(t, "archived", in.owner, bob)
	in.must(t, `UPDATE channels SET kind = 'private' WHERE id = $1`, private)
	in.must(t, `UPDATE channels SET last_rev = 1 WHERE id = $1`, in.general)
	general := in.message(t, in.owner, in.general, "hello")
	hidden, seen, old := in.message(t, in.owner, private, "a"), in.message(t, in.owner, open, "b"), in.message(t, in.owner, archived, "c")
	in.must(t, `UPDATE channels SET archived = true WHERE id = $1`, archived)
	for _, test := range []struct {
		name    string
		user    User
		message uuid.UUID
		codes   map[string]Code // "" of all others
	}{
		{"of nobody's", bob, uuid.New(), map[string]Code{"": NotFound}},
		{"in a private channel", eve, hidden.ID, map[string]Code{"": NotFound}},
		{"by a guest, in a channel not given", guest, seen.ID, map[string]Code{"": NotFound}},
		{"in a channel not joined", bob, seen.ID, map[string]Code{"": Forbidden}},
		{"in an archived channel", in.owner, old.ID, map[string]Code{"": Forbidden}},
		{"another's", bob, general.ID, map[string]Code{"edit": Forbidden, "delete": Forbidden}},
		{"another's, by a guest", guest, general.ID, map[string]Code{"edit": Forbidden, "delete": Forbidden}},
	} {
		for name, change := range in.changes(t, test.user, test.message) {
			want, named := test.codes[name]
			if !named {
				want = test.codes[""]
			}
			_, _, err := change()
			if (err == nil) != (want == "") || err != nil && CodeOf(err) != want {
				t.Errorf("%s %s: %v, want %q", name, test.name, err, want)
			}
		}
	}
	for _, m := range []Message{hidden, seen, old} {
		got, err := in.Message(t.Context(), in.owner.ID, m.ID)
		if diff := cmp.Diff(m, got); err != nil || diff != "" {
			t.Errorf("%v (-before +after)\n%s", err, diff)
		}
	}
	in.must(t, `UPDATE users SET role = 'admin' WHERE id = $1`, bob.ID)
	if d, err := in.DeleteMessage(t.Context(), bob.ID, general.ID); err != nil || d.Message.DeletedAt == nil {
		t.Errorf("by whoever may delete anyone's: %+v, %v", d, err)
	}
}

func TestMessageIsReadByWhoMay(t *testing.T) {
	in := newInstance(t)
	bob, guest := in.register(t, "bob"), in.register(t, "guest")
	in.must(t, `UPDATE users SET role = 'guest' WHERE id = $1`, guest.ID)
	private, open := in.channel(t, "private", in.owner), in.channel(t, "open", in.owner)
	in.must(t, `UPDATE channels SET kind = 'private' WHERE id = $1`, private)
	for i, channel := range []uuid.UUID{in.general, open, private} {
		m := in.message(t, in.owner, channel, "hello")
		for j, user := range []User{in.owner, bob, guest} {
			wantErr := j == 1 && i == 2 || j == 2 && i > 0
			for name, read := range map[string]func() error{
				"message": func() error { _, err := in.Message(t.Context(), user.ID, m.ID); return err },
				"history": func() error { _, err := in.Edits(t.Context(), user.ID, m.ID); return err },
				"save":    func() error { return in.SaveMessage(t.Context(), user.ID, m.ID) },
				"pins":    func() error { _, err := in.Pins(t.Context(), user.ID, channel); return err },
			} {
				if err := read(); (err != nil) != wantErr || wantErr && CodeOf(err) != NotFound {
					t.Errorf("%s of channel %d by user %d: %v", name, i, j, err)
				}
			}
		}
	}
}

func TestHistoryOfAMessage(t *testing.T) {
	in := newInstance(t)
	m := in.message(t, in.owner, in.general, "0")
	for i := 1; i <= MaxPage+2; i++ {
		if _, _, err := in.EditMessage(t.Context(), in.owner.ID, m.ID, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			edits, err := in.Edits(t.Context(), in.owner.ID, m.ID)
			if err != nil || len(edits) != 2 || edits[0].Body != "0" || !edits[0].WrittenAt.Equal(m.CreatedAt) || edits[1].Body != "1" {
				t.Errorf("%+v, %v", edits, err)
			}
		}
	}
	edits, err := in.Edits(t.Context(), in.owner.ID, m.ID)
	if err != nil || len(edits) != MaxPage || edits[MaxPage-1].Body != fmt.Sprint(MaxPage+1) {
		t.Errorf("%d edits, %v", len(edits), err)
	}
	_, _, err = in.EditMessage(t.Context(), in.owner.ID, m.ID, " ")
	checkInvalid(t, err, "body")
}

func TestReactionsOfMany(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	m := in.message(t, in.owner, in.general, "hello")
	react := func(user User, emoji string) (Message, error) {
		_, got, err := in.AddReaction(t.Context(), ReactionParams{UserID: user.ID, MessageID: m.ID, Emoji: emoji})
		return got, err
	}
	for _, r := range []struct {
		user  User
		emoji string
	}{{bob, "👍"}, {bob, ":tada:"}, {in.owner, ":+1:"}} {
		if _, err := react(r.user, r.emoji); err != nil {
			t.Fatal(err)
		}
	}
	got, err := in.Message(t.Context(), bob.ID, m.ID)
	want := []Reaction{{"👍", []uuid.UUID{bob.ID, in.owner.ID}}, {"🎉", []uuid.UUID{bob.ID}}}
	if diff := cmp.Diff(want, got.Reactions); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	for i := range MaxReactions - 2 {
		if _, err := react(bob, string(rune(0x1f600+i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := react(bob, "🏡"); CodeOf(err) != Conflict {
		t.Errorf("one more than the most: %v", err)
	}
	if got, err := react(in.owner, "😇"); err != nil || len(got.Reactions) != MaxReactions {
		t.Errorf("one that is there: %d, %v", len(got.Reactions), err)
	}
	_, err = react(bob, "no emoji")
	checkInvalid(t, err, "emoji")
	_, _, err = in.RemoveReaction(t.Context(), ReactionParams{UserID: bob.ID, MessageID: m.ID, Emoji: "x"})
	checkInvalid(t, err, "emoji")
}

func TestPins(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	var bodies []string
	for i := range MaxPins + 1 {
		bodies = append(bodies, fmt.Sprint(i))
	}
	in.say(t, bob, in.general, bodies...)
	list, _, err := in.Messages(t.Context(), in.general, Page{Limit: MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range list {
		_, _, err := in.PinMessage(t.Context(), in.owner.ID, m.ID, true)
		if i < MaxPins && err != nil || i == MaxPins && CodeOf(err) != Conflict {
			t.Errorf("pin %d: %v", i+1, err)
		}
	}
	pins, err := in.Pins(t.Context(), bob.ID, in.general)
	if err != nil || len(pins) != MaxPins || pins[0].Message.Seq != MaxPins || pins[0].PinnedBy != in.owner.ID || pins[0].PinnedAt.IsZero() || !pins[0].Message.Pinned {
		t.Errorf("%d pins, %v: %+v", len(pins), err, pins[0])
	}
}

func TestSaves(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	private := in.channel(t, "private", in.owner, bob)
	in.must(t, `UPDATE channels SET kind = 'private' WHERE id = $1`, private)
	in.say(t, in.owner, in.general, "1", "2", "3")
	in.say(t, in.owner, private, "4")
	for _, channel := range []uuid.UUID{in.general, private} {
		list, _, err := in.Messages(t.Context(), channel, Page{})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range append(list, list[0]) { // the first twice
			if err := in.SaveMessage(t.Context(), bob.ID, m.ID); err != nil {
				t.Fatal(err)
			}
		}
	}
	var first []Save
	check := func(p SavePage, more bool, want ...string) []Save {
		t.Helper()
		list, gotMore, err := in.Saves(t.Context(), bob.ID, p)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range list {
			got = append(got, s.Message.Body)
		}
		if !slices.Equal(got, want) || more != gotMore {
			t.Errorf("saved: %v, more: %v; want %v, more: %v", got, gotMore, want, more)
		}
		return list
	}
	check(SavePage{Limit: 10}, false, "4", "3", "2", "1")
	first = check(SavePage{Limit: 2}, true, "4", "3")
	check(SavePage{Limit: 2, Before: &first[1].ID}, false, "2", "1")
	in.must(t, `DELETE FROM channel_members WHERE channel_id = $1 AND user_id = $2`, private, bob.ID)
	first = check(SavePage{Limit: 10}, false, "3", "2", "1")
	if err := in.UnsaveMessage(t.Context(), bob.ID, first[0].Message.ID); err != nil {
		t.Error(err)
	}
	if _, err := in.DeleteMessage(t.Context(), in.owner.ID, first[1].Message.ID); err != nil {
		t.Error(err)
	}
	check(SavePage{Limit: 10}, false, "1")
	if err := in.SaveMessage(t.Context(), bob.ID, first[1].Message.ID); CodeOf(err) != Conflict {
		t.Errorf("a deleted message: %v", err)
	}
	if list, _, err := in.Saves(t.Context(), in.owner.ID, SavePage{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("another's: %v, %v", list, err)
	}
	_, _, err := in.Saves(t.Context(), bob.ID, SavePage{})
	checkInvalid(t, err, "limit")
	if first[0].SavedAt.After(time.Now().Add(time.Minute)) || first[0].SavedAt.IsZero() {
		t.Errorf("saved at %v", first[0].SavedAt)
	}
}
