package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// Pages follow each other without a gap or a double from window to window, and so do those of messages at their borders.
func TestPagesOfASearchOverWindows(t *testing.T) {
	in := newInstance(t)
	var want []string
	for window := range 20 {
		in.say(t, in.owner, in.general, "what fills a window")
		if _, err := in.IndexMessages(t.Context()); err != nil {
			t.Fatal(err)
		}
		in.must(t, `UPDATE search_documents SET n = $1 WHERE n = (SELECT max(n) FROM search_documents)`, (window+1)*searchWindow-2)
		bodies := []string{fmt.Sprintf("needle, the last of window %d", window), fmt.Sprintf("needle, the first after %d", window), fmt.Sprintf("needle, the second after %d", window)}
		in.say(t, in.owner, in.general, bodies...)
		want = append(want, bodies...)
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 3, 7, 100} {
		var got []string
		page := SearchPage{Query: "needle", Limit: limit}
		for more := true; more; {
			result, err := in.Search(t.Context(), in.owner.ID, page)
			if err != nil || len(result.Hits) > limit || len(got) > len(want) {
				t.Fatalf("after %d hits: %+v, %v", len(got), result, err)
			}
			for _, h := range result.Hits {
				got = append(got, h.Message.Body)
			}
			more, page.Cursor = result.HasMore, result.Next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in pages of %d (-want +got)\n%s", limit, diff)
		}
	}
}

// A day begins at its midnight and ends before the next, also where the index has taken many days into one window.
func TestSearchOfDays(t *testing.T) {
	in := newInstance(t)
	for body, at := range map[string]string{"report 1": "2026-02-01 23:59:59.999", "report 2": "2026-02-02 12:00", "report 3": "2026-02-03 00:00", "report 4": "2026-02-04 12:00"} {
		m := in.message(t, in.owner, in.general, body)
		in.must(t, `UPDATE messages SET created_at = $2::timestamp AT TIME ZONE 'UTC' WHERE id = $1`, m.ID, at)
		if _, err := in.IndexMessages(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for query, want := range map[string][]string{
		"before:2026-02-03": {"report 1", "report 2"}, "before:2026-02-05": {"report 1", "report 2", "report 3", "report 4"}, "before:2026-02-01": {},
		"after:2026-02-02": {"report 3", "report 4"}, "after:2026-02-03": {"report 4"}, "after:2026-02-04": {},
		"on:2026-02-01": {"report 1"}, "on:2026-02-03": {"report 3"}, "on:2026-02-04": {"report 4"},
		"after:2026-02-01 before:2026-02-04": {"report 2", "report 3"},
	} {
		got := in.found(t, in.owner, "report "+query)
		slices.Sort(got) // they were said in any order
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", query, diff)
		}
	}
}

// What somebody may not see takes no place on a page, and is not shown either if it was found just before he lost sight of it.
func TestSearchShowsNothingHidden(t *testing.T) {
	in, bob, guest, _ := searched(t)
	result, err := in.Search(t.Context(), guest.ID, SearchPage{Query: "release", Limit: 1})
	if err != nil || len(result.Hits) != 1 || result.Hits[0].Message.Body != "an open release" || result.HasMore {
		t.Errorf("a page of a guest: %+v, %v", result, err)
	}
	q, err := ParseSearch("release", searchNow)
	if err != nil {
		t.Fatal(err)
	}
	found, err := all(t.Context(), in.Store, value[int64], `SELECT n FROM search_documents`)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(user User, want ...string) {
		t.Helper()
		hits, err := in.hits(t.Context(), user.ID, q, found)
		got := []string(nil)
		for _, h := range hits {
			got = append(got, h.Message.Body)
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s is shown %q, %v; want %q", user.Username, got, err, want)
		}
	}
	shown(guest, "an open release")
	in.must(t, `UPDATE messages SET deleted_at = now(), body = '' WHERE body = 'an open release'`)
	shown(guest)
	in.must(t, `UPDATE users SET active = false WHERE id = $1`, bob.ID)
	shown(bob)
}

// Who may see few messages of many finds them in all of his channels.
func TestSearchInFewOfMany(t *testing.T) {
	in := newInstance(t)
	guest := in.register(t, "guest")
	in.must(t, `UPDATE users SET role = 'guest' WHERE id = $1`, guest.ID)
	in.must(t, `DELETE FROM channel_members WHERE user_id = $1`, guest.ID)
	for i := range 40 {
		in.say(t, in.owner, in.general, fmt.Sprint("release ", i))
	}
	in.say(t, in.owner, in.channel(t, "one", in.owner, guest), "the first release")
	in.say(t, in.owner, in.channel(t, "two", in.owner, guest), "the second release")
	if scope, err := in.scopeOf(t.Context(), guest.ID, SearchQuery{}); err != nil || !scope.part {
		t.Fatalf("the guest's messages are not few: %+v, %v", scope, err)
	}
	if got := in.found(t, guest, "release"); !slices.Equal(got, []string{"the second release", "the first release"}) {
		t.Errorf("the guest finds %q", got)
	}
}

// Of many changes a step takes some, and the next ones take the rest.
func TestIndexTakesManyChangesInSteps(t *testing.T) {
	in := newInstance(t)
	const count = 45
	for i := range count {
		in.say(t, in.owner, in.general, fmt.Sprint("apple ", i))
	}
	if got := in.found(t, in.owner, "apple"); len(got) != count {
		t.Fatalf("%d are found", len(got))
	}
	page, err := in.Search(t.Context(), in.owner.ID, SearchPage{Query: "apple", Limit: count})
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range page.Hits {
		if _, _, err := in.EditMessage(t.Context(), in.owner.ID, h.Message.ID, "a pear"); err != nil {
			t.Fatal(err)
		}
	}
	steps := 0
	for due := true; due; steps++ {
		err := in.inSearchLock(t.Context(), func(tx pgx.Tx) error {
			var behind int64
			return tx.QueryRow(t.Context(), indexStep, 1).Scan(&behind) // 20 at least
		})
		if err == nil {
			due, err = one(t.Context(), in.Store, value[bool], behindIndex)
		}
		if err != nil || steps > count {
			t.Fatalf("after %d steps: %v", steps, err)
		}
	}
	if pears, apples := in.found(t, in.owner, "pear"), in.found(t, in.owner, "apple"); steps < 2 || len(pears) != count || len(apples) != 0 {
		t.Errorf("after %d steps %d are found as they are, and %d as they were", steps, len(pears), len(apples))
	}
}
