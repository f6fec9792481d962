package chat_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

func (u user) search(query string) (result store.SearchResult) {
	u.t.Helper()
	u.call("GET", "/api/search?q="+url.QueryEscape(query), nil).want(200).into(&result)
	return result
}

// found wants the hits of a search to be these messages, by their bodies, the newest first.
func (u user) found(query string, want ...string) {
	u.t.Helper()
	var got []string
	for _, h := range u.search(query).Hits {
		got = append(got, h.Message.Body)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		u.t.Errorf("%s searches for %q and finds %q, want %q", u.Username, query, got, want)
	}
}

// A message is found from its acknowledgement on, as it is now, by who may see it now.
func TestSearchOverHTTP(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	general := ada.general()
	var secret store.Membership
	ada.call("POST", "/api/channels", object{"name": "secret", "private": true}).want(201).into(&secret)
	ada.call("POST", "/api/channels/"+secret.ID.String()+"/members", object{"user_ids": []uuid.UUID{bob.ID}}).want(200)
	socket, _ := bob.open(nil)
	for i := range 20 {
		socket.send(object{"type": "send", "client_id": uuid.New(), "channel_id": general, "body": fmt.Sprintf("number%d of the *teapots* & <kettles> too", i)})
		socket.next("ack")
		ada.found(fmt.Sprintf("number%d teapot", i), fmt.Sprintf("number%d of the *teapots* & <kettles> too", i))
	}
	result := ada.search("number7")
	h := result.Hits[0]
	if h.Channel.Name != "general" || h.Message.Seq != 8 || h.Highlight != "<mark>number7</mark> of the *teapots* &amp; &lt;kettles&gt; too" || !strings.Contains(h.Message.HTML, "<em>") {
		t.Errorf("hit %+v", h)
	}
	ada.call("DELETE", "/api/messages/"+h.Message.ID.String(), nil).want(204)
	ada.found("number7")
	eighth := bob.search("number8").Hits[0].Message
	bob.call("PATCH", "/api/messages/"+eighth.ID.String(), object{"body": "saucers"}).want(200)
	ada.found("number8")
	ada.found("saucer", "saucers")

	ada.send(secret.ID, "a hidden samovar")
	bob.found("samovar in:#secret", "a hidden samovar")
	bob.call("POST", "/api/channels/"+secret.ID.String()+"/leave", nil).want(204)
	bob.found("samovar")
	bob.found("in:#secret")
	ada.found("samovar has:link")
	ada.found("samovar -from:@bob", "a hidden samovar")

	seen, query, pages := map[uuid.UUID]bool{}, "/api/search?limit=6&q=teapots", 0
	for cursor := ""; pages == 0 || cursor != ""; pages++ {
		ada.call("GET", query+"&cursor="+cursor, nil).want(200).into(&result)
		for _, h := range result.Hits {
			seen[h.Message.ID] = true
		}
		if result.HasMore != (result.Next != "") {
			t.Errorf("page %+v", result)
		}
		cursor, result = result.Next, store.SearchResult{}
	}
	if len(seen) != 18 || pages != 3 {
		t.Errorf("%d pages have %d messages, want 3 and 18", pages, len(seen))
	}
	for query, say := range map[string]string{"before:yesterdayish": "2026-01-31", "has:money": "link", "": "word"} {
		p := ada.call("GET", "/api/search?q="+url.QueryEscape(query), nil).refused(422, "invalid", "q")
		if !strings.Contains(p.Error.Fields["q"], say) {
			t.Errorf("%q: %v", query, p)
		}
	}
	ada.call("GET", "/api/search?q=x&cursor=y", nil).refused(422, "invalid", "cursor")
}

// The language of the workspace is the owner's to choose, is told in the audit log, and soon the one that is searched in.
func TestSearchLanguage(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	ada.send(ada.general(), "schöne Häuser")
	ada.found("Haus")
	bob.call("PATCH", "/api/workspace", object{"search_language": "german"}).refused(403, "forbidden")
	ada.call("PATCH", "/api/workspace", object{"search_language": "klingon"}).refused(422, "invalid", "search_language")
	ada.call("PATCH", "/api/workspace", object{"search_language": "german"}).want(200)
	var workspace store.Workspace
	bob.call("GET", "/api/workspace", nil).want(200).into(&workspace)
	if workspace.SearchLanguage != "german" || workspace.Name == "" {
		t.Errorf("%+v", workspace)
	}
	for deadline := time.Now().Add(waitLimit); len(ada.search("Haus").Hits) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the index is not brought into the language")
		}
	}
	a := ada.call("GET", "/api/admin/audit?action=workspace.changed", nil).want(200)
	if !strings.Contains(string(a.body), `"search_language":"german"`) {
		t.Errorf("audit log: %s", a.body)
	}
}
