package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// found searches, and returns the bodies of the hits.
func (in instance) found(t *testing.T, user User, query string) []string {
	t.Helper()
	bodies := []string{}
	result, err := in.Search(t.Context(), user.ID, SearchPage{Query: query, Limit: 50})
	if err != nil || result.HasMore || result.Behind != 0 {
		t.Fatalf("%q: %+v, %v", query, result, err)
	}
	for _, h := range result.Hits {
		if h.Channel.ID != h.Message.ChannelID || strings.Count(h.Highlight, "<mark>") != strings.Count(h.Highlight, "</mark>") {
			t.Errorf("%q: %+v", query, h)
		}
		bodies = append(bodies, h.Message.Body)
	}
	return bodies
}

// searched is an instance in which something was said, by several and in channels of every kind.
func searched(t *testing.T) (in instance, bob, guest User, private uuid.UUID) {
	t.Helper()
	in = newInstance(t)
	bob, guest = in.register(t, "bob"), in.register(t, "guest")
	in.must(t, `UPDATE users SET role = 'guest' WHERE id = $1`, guest.ID)
	in.must(t, `DELETE FROM channel_members WHERE user_id = $1`, guest.ID)
	private = in.channel(t, "private", in.owner)
	open := in.channel(t, "open", in.owner, guest)
	in.must(t, `UPDATE channels SET kind = 'private' WHERE id = $1`, private)
	direct, _, err := in.OpenDirect(t.Context(), bob.ID, ids(in.owner))
	if err != nil {
		t.Fatal(err)
	}
	in.say(t, in.owner, in.general, "The release runs on the new server", "Lunch with <b>Ada</b> at noon")
	in.say(t, bob, in.general, "running a release again", "see https://example.org/release and `code`")
	in.say(t, in.owner, private, "a secret release")
	in.say(t, in.owner, open, "an open release")
	in.say(t, bob, direct.ID, "our own release")
	return in, bob, guest, private
}

func TestSearch(t *testing.T) {
	in, bob, guest, private := searched(t)
	const runs, lunch, again, link, secret, open, own = "The release runs on the new server", "Lunch with <b>Ada</b> at noon",
		"running a release again", "see https://example.org/release and `code`", "a secret release", "an open release", "our own release"
	for _, test := range []struct {
		user  User
		query string
		want  []string
	}{
		{in.owner, "release", []string{own, open, secret, again, runs}},
		{bob, "RELEASES", []string{own, open, again, runs}},
		{guest, "release", []string{open}},
		{bob, "run", []string{again, runs}},
		{bob, `"release runs"`, []string{runs}},
		{bob, "release -run", []string{own, open}},
		{bob, "release from:@ada", []string{open, runs}},
		{bob, "release -from:me", []string{open, runs}},
		{bob, "from:me", []string{own, link, again}},
		{bob, "in:#general release", []string{again, runs}},
		{bob, "in:@ada", []string{own}},
		{in.owner, "in:@bob release", []string{own}},
		{in.owner, "release -in:general -in:@bob", []string{open, secret}},
		{bob, "in:private", []string{}},
		{bob, "in:nowhere", []string{}},
		{bob, "from:@nobody", []string{}},
		{guest, "from:@bob", []string{}},
		{bob, "in:@me release", []string{}},
		{bob, "has:link", []string{link}},
		{bob, "has:link has:code -has:pin example.org/release", []string{link}},
		{bob, "-has:link -release", []string{lunch}},
		{bob, "lunch ada", []string{lunch}},
		{bob, "before:2020-01-01", []string{}},
		{bob, "release on:today after:2020-01-01", []string{own, open, again, runs}},
		{bob, "release before:today", []string{}},
	} {
		if diff := cmp.Diff(test.want, in.found(t, test.user, test.query)); diff != "" {
			t.Errorf("%s searches for %q (-want +got)\n%s", test.user.Username, test.query, diff)
		}
	}
	in.must(t, `DELETE FROM channel_members WHERE channel_id = $1`, private)
	if got := in.found(t, in.owner, "secret"); len(got) != 0 {
		t.Errorf("in a private channel that was left: %v", got)
	}
	result, err := in.Search(t.Context(), bob.ID, SearchPage{Query: "ada noon", Limit: 1})
	if err != nil || len(result.Hits) != 1 || result.Hits[0].Highlight != "Lunch with &lt;b&gt;<mark>Ada</mark>&lt;/b&gt; at <mark>noon</mark>" {
		t.Errorf("highlight %+v, %v", result, err)
	}
	_, err = in.Search(t.Context(), bob.ID, SearchPage{Query: "the of", Limit: 1})
	checkInvalid(t, err, "q")
	_, err = in.Search(t.Context(), bob.ID, SearchPage{Query: "x", Cursor: "y"})
	checkInvalid(t, err, "limit", "cursor")
}

// What becomes of a message is searched as it is now, at once.
func TestSearchFollowsChanges(t *testing.T) {
	in := newInstance(t)
	m := in.message(t, in.owner, in.general, "an apple")
	for _, step := range []struct {
		do    func() error
		found string // and by no other of these
	}{
		{func() error { return nil }, "apple"},
		{func() error { _, _, err := in.EditMessage(t.Context(), in.owner.ID, m.ID, "a pear"); return err }, "pear"},
		{func() error { _, _, err := in.PinMessage(t.Context(), in.owner.ID, m.ID, true); return err }, "pear has:pin"},
		{func() error {
			_, _, err := in.AddReaction(t.Context(), ReactionParams{UserID: in.owner.ID, MessageID: m.ID, Emoji: "👍"})
			return err
		}, "pear has:pin has:reaction"},
		{func() error { _, _, err := in.PinMessage(t.Context(), in.owner.ID, m.ID, false); return err }, "pear has:reaction"},
		{func() error { _, err := in.DeleteMessage(t.Context(), in.owner.ID, m.ID); return err }, ""},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		for _, query := range []string{"apple", "pear", "has:pin", "has:reaction", "from:me"} {
			want := step.found != "" && (query == "from:me" || slices.Contains(strings.Fields(step.found), query))
			if got := in.found(t, in.owner, query); (len(got) == 1) != want {
				t.Errorf("after %q: %q finds %v", step.found, query, got)
			}
		}
	}
}

// Pages follow each other without a gap or a double, whatever is said, edited and indexed meanwhile.
func TestPagesOfASearch(t *testing.T) {
	in := newInstance(t)
	other := in.channel(t, "other", in.owner)
	var want []string
	for i := range 25 {
		body := fmt.Sprintf("needle %d", i)
		in.say(t, in.owner, []uuid.UUID{in.general, other}[i%2], body)
		want = append(want, body)
	}
	slices.Reverse(want)
	var got []string
	page := SearchPage{Query: "needle", Limit: 7}
	for more := true; more; {
		result, err := in.Search(t.Context(), in.owner.ID, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range result.Hits {
			got = append(got, h.Message.Body)
		}
		more, page.Cursor = result.HasMore, result.Next
		in.say(t, in.owner, in.general, "needle again")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// The index takes what came while nobody looked in the order of time, over channels, some at a time; and several who look
// do nothing twice.
func TestIndexCatchesUp(t *testing.T) {
	in := newInstance(t)
	channels := []uuid.UUID{in.general, in.channel(t, "two", in.owner), in.channel(t, "three", in.owner)}
	for i, channel := range channels {
		in.must(t, `
			INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
			SELECT gen_random_uuid(), $1, n, $2, gen_random_uuid(), 'word', '2026-01-01'::timestamptz + make_interval(secs => n * $3 + $3), n, n
			FROM generate_series(1, 1000) n`, channel, in.owner.ID, i+1)
		in.must(t, `UPDATE channels SET last_seq = 1000, last_rev = 1000 WHERE id = $1`, channel)
	}
	steps := make(chan error, 8)
	for range cap(steps) {
		go func() {
			_, err := in.IndexMessages(t.Context())
			steps <- err
		}()
	}
	for range cap(steps) {
		if err := <-steps; err != nil {
			t.Error(err)
		}
	}
	if behind, err := in.IndexMessages(t.Context()); behind != 0 || err != nil {
		t.Errorf("%d messages are behind, %v", behind, err)
	}
	n, err := one(t.Context(), in.Store, value[int], `
		SELECT count(*) FROM (SELECT created_at, lag(created_at) OVER (ORDER BY n) AS before FROM search_documents) d WHERE before <= created_at`)
	if err != nil || n != 2999 {
		t.Errorf("%d documents come after an older one, %v; want all but the first of 3000", n, err)
	}
}

// When the language changes, what was said before is found by its rules too, once it is brought into it, and by the old
// ones until then.
func TestSearchInAnotherLanguage(t *testing.T) {
	in := newInstance(t)
	in.say(t, in.owner, in.general, "die Häuser", "the houses")
	if got := in.found(t, in.owner, "house"); len(got) != 1 {
		t.Errorf("in English: %v", got)
	}
	language := "german"
	if _, err := in.UpdateWorkspace(t.Context(), WorkspaceParams{SearchLanguage: &language}); err != nil {
		t.Fatal(err)
	}
	if got := in.found(t, in.owner, "house"); len(got) != 1 {
		t.Errorf("before the index is renewed: %v", got)
	}
	for did := true; did; {
		var err error
		if did, err = in.RenewIndex(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := in.found(t, in.owner, "Haus"); len(got) != 1 || got[0] != "die Häuser" {
		t.Errorf("in German: %v", got)
	}
	if w, err := in.Workspace(t.Context()); err != nil || w.SearchLanguage != "german" {
		t.Errorf("%+v, %v", w, err)
	}
	language = "klingon"
	_, err := in.UpdateWorkspace(t.Context(), WorkspaceParams{SearchLanguage: &language})
	checkInvalid(t, err, "search_language")
}
