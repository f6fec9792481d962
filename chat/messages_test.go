package chat_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

func TestMessagesOverHTTP(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	path := fmt.Sprintf("/api/channels/%s/messages", ada.general())

	id := uuid.New()
	var first, again, other store.Message
	ada.call("POST", path, map[string]any{"client_id": id, "body": "**hi** <b>"}).want(201).into(&first)
	ada.call("POST", path, map[string]any{"client_id": id, "body": "something else"}).want(200).into(&again)
	bob.call("POST", path, map[string]any{"client_id": id, "body": "mine"}).want(201).into(&other)
	if first.Seq != 1 || first.HTML != "<p><strong>hi</strong> &lt;b&gt;</p>\n" || first.ClientID != id || first.Author.ID != ada.ID {
		t.Errorf("message %+v", first)
	}
	if again.ID != first.ID || again.Body != first.Body || again.HTML != first.HTML || again.Seq != 1 {
		t.Errorf("sent again, it is %+v", again)
	}
	if other.Seq != 2 || other.ID == first.ID {
		t.Errorf("another author's is %+v", other)
	}
	var page struct {
		Messages []store.Message
		HasMore  bool `json:"has_more"`
	}
	bob.call("GET", path, nil).want(200).into(&page)
	if len(page.Messages) != 2 || page.HasMore || page.Messages[0].HTML != first.HTML || page.Messages[1].ID != other.ID {
		t.Errorf("page %+v", page)
	}
}

func TestMessagesAreChecked(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	path := fmt.Sprintf("/api/channels/%s/messages", ada.general())
	for _, test := range []struct {
		field string
		value any
	}{
		{"client_id", "x"}, {"client_id", uuid.Nil}, {"client_id", nil},
		{"body", ""}, {"body", " \n "}, {"body", "a\x00b"}, {"body", strings.Repeat("é", 10_001)}, {"body", 1},
		{"parent_id", uuid.New()}, {"also_to_channel", true}, {"file_ids", []uuid.UUID{uuid.New()}},
	} {
		form := map[string]any{"client_id": uuid.New(), "body": "fine"}
		form[test.field] = test.value
		ada.call("POST", path, form).refused(422, "invalid", test.field)
	}
	ada.call("POST", path, map[string]any{"client_id": uuid.New(), "body": strings.Repeat("é", 10_000), "file_ids": []string{}}).want(201)
	ada.call("POST", "/api/channels/"+uuid.NewString()+"/messages", map[string]any{"client_id": uuid.New(), "body": "x"}).refused(404, "not_found")
	ada.call("GET", "/api/channels/"+uuid.NewString()+"/messages", nil).refused(404, "not_found")
	ada.call("GET", "/api/channels/"+uuid.NewString(), nil).refused(404, "not_found")
	ada.call("POST", "/api/channels/"+uuid.NewString()+"/read", map[string]any{"seq": 1}).refused(404, "not_found")
}

func TestPages(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	for i := range 9 {
		ada.send(general, fmt.Sprint(i+1))
	}
	path := fmt.Sprintf("/api/channels/%s/messages", general)
	for query, want := range map[string]string{
		"": "1-9", "?limit=2": "8-9+", "?before=5": "1-4", "?before=5&limit=3": "2-4+", "?after=0&limit=3": "1-3+",
		"?after=7": "8-9", "?after=9": "", "?before=0": "", "?around=5&limit=4": "3-6+", "?around=5&limit=200": "1-9",
	} {
		var page struct {
			Messages []store.Message
			HasMore  bool `json:"has_more"`
		}
		ada.call("GET", path+query, nil).want(200).into(&page)
		got := ""
		if n := len(page.Messages); n > 0 {
			got = fmt.Sprintf("%d-%d", page.Messages[0].Seq, page.Messages[n-1].Seq)
		}
		if page.HasMore {
			got += "+"
		}
		if got != want {
			t.Errorf("%q gives %q, want %q", query, got, want)
		}
	}
	for query, field := range map[string]string{
		"?limit=0": "limit", "?limit=201": "limit", "?limit=x": "limit", "?before=x": "before", "?before=-1": "before",
		"?before=1&after=2": "before", "?after=0&around=0": "before", "?around=1.5": "around", "?page=2": "page",
	} {
		ada.call("GET", path+query, nil).refused(422, "invalid", field)
	}
}

func TestReadingMovesForwardOnly(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	general := ada.general()
	for range 3 {
		ada.send(general, "@bob hi")
	}
	read := func(seq int) (m store.Membership) {
		bob.call("POST", "/api/channels/"+general.String()+"/read", map[string]any{"seq": seq}).want(200).into(&m)
		return m
	}
	var before store.Membership
	bob.call("GET", "/api/channels/"+general.String(), nil).want(200).into(&before)
	if before.Unread != 3 || before.Mentions != 3 || before.LastSeq != 3 {
		t.Errorf("channel %+v", before)
	}
	for _, step := range []struct{ say, want int64 }{{2, 2}, {1, 2}, {99, 3}} {
		if m := read(int(step.say)); m.ReadSeq != step.want || m.Unread != 3-step.want {
			t.Errorf("after read %d: %+v", step.say, m)
		}
	}
	bob.call("POST", "/api/channels/"+general.String()+"/read", map[string]any{"seq": -1}).refused(422, "invalid", "seq")
}

// The strings of a request are not kept beyond it by mistake: fasthttp uses their memory again.
func TestConcurrentRequestsDoNotMixUp(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	path := fmt.Sprintf("/api/channels/%s/messages", ada.general())
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for j := range 20 {
				body := strings.Repeat(fmt.Sprintf("%d-%d ", i, j), 1+j)
				var m store.Message
				ada.call("POST", path, map[string]any{"client_id": uuid.New(), "body": body}).want(201).into(&m)
				if m.Body != body {
					t.Errorf("sent %q, stored %q", body, m.Body)
				}
			}
		})
	}
	wait.Wait()
}
