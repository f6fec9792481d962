package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// drawPage draws a page of a channel with so many messages, and what a simple model of it says is on the page.
func drawPage(r *rapid.T, last int64) (p Page, want []int64, more bool) {
	p.Limit = rapid.IntRange(0, 35).Draw(r, "limit")
	limit := int64(p.Limit)
	if limit == 0 {
		limit = DefaultLimit
	}
	// A seq far away is as good as the nearest that is beyond the end.
	seq := rapid.OneOf(rapid.Int64Range(-2, last+5), rapid.Int64()).Draw(r, "seq")
	near := min(max(seq, 0), last+1)
	var from, to int64 // of the page, if the channel had no ends
	switch rapid.SampledFrom([]string{"newest", "before", "after", "around"}).Draw(r, "kind") {
	case "newest":
		from, to = last-limit+1, last
		more = from > 1
	case "before":
		p.Before = &seq
		from, to = near-limit, near-1
		more = from > 1
	case "after":
		p.After = &seq
		from, to = near+1, near+limit
		more = to < last
	case "around":
		p.Around = &seq
		from, to = near-limit/2, near+limit-limit/2-1
		if seq < 1 { // nothing is below
			from, to = 1, limit-limit/2
		}
		more = from > 1 || to < last
	}
	for n := max(from, 1); n <= min(to, last); n++ {
		want = append(want, n)
	}
	return p, want, more
}

func TestPages(t *testing.T) {
	in := newInstance(t)
	const last = 30
	var bodies []string
	for i := range last {
		bodies = append(bodies, fmt.Sprint(i+1))
	}
	in.say(t, in.owner, in.general, bodies...)
	rapid.Check(t, func(r *rapid.T) {
		p, want, wantMore := drawPage(r, last)
		list, more, err := in.Messages(t.Context(), in.general, p)
		if err != nil {
			r.Fatal(err)
		}
		var got []int64
		for _, m := range list {
			got = append(got, m.Seq)
		}
		if !slices.Equal(got, want) || more != wantMore {
			r.Errorf("got %v, more %v; want %v, more %v", got, more, want, wantMore)
		}
	})
}

func TestBadPages(t *testing.T) {
	in := newInstance(t)
	one := int64(1)
	_, _, err := in.Messages(t.Context(), in.general, Page{Limit: MaxPage + 1})
	checkInvalid(t, err, "limit")
	_, _, err = in.Messages(t.Context(), in.general, Page{Limit: -1, Before: &one, After: &one})
	checkInvalid(t, err, "limit", "before")
	list, more, err := in.Messages(t.Context(), uuid.New(), Page{})
	if err != nil || more || list == nil || len(list) != 0 {
		t.Errorf("of an unknown channel: %#v, %v, %v", list, more, err)
	}
}

// The wire form is promised: every field is there, and lists are lists.
func TestMessageOnTheWire(t *testing.T) {
	in := newInstance(t)
	in.say(t, in.owner, in.general, "hello")
	list, _, err := in.Messages(t.Context(), in.general, Page{})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(list[0])
	if err != nil {
		t.Fatal(err)
	}
	m := list[0]
	want := fmt.Sprintf(`{"id":%q,"channel_id":%q,"seq":1,`+
		`"author":{"id":%q,"username":"ada","display_name":"Ada","avatar_url":""},"body":"hello","html":"","client_id":%q,`+
		`"parent_id":null,"reply_count":0,"reactions":[],"files":[],"pinned":false,"created_at":%q,"edited_at":null,"deleted_at":null}`,
		m.ID, m.ChannelID, m.Author.ID, m.ClientID, m.CreatedAt.Format("2006-01-02T15:04:05.999999Z"))
	if string(encoded) != want {
		t.Errorf("got  %s\nwant %s", encoded, want)
	}
}
