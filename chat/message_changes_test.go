package chat_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

// reply sends a reply over HTTP.
func (u user) reply(parent store.Message, body string) (m store.Message) {
	u.t.Helper()
	u.call("POST", fmt.Sprintf("/api/channels/%s/messages", parent.ChannelID), map[string]any{
		"client_id": uuid.New(), "body": body, "parent_id": parent.ID,
	}).want(201).into(&m)
	return m
}

// message reads a message over HTTP.
func (u user) message(id uuid.UUID) (m store.Message) {
	u.t.Helper()
	u.call("GET", "/api/messages/"+id.String(), nil).want(200).into(&m)
	return m
}

// What one does to a message all see, each in the order in which it was done.
func TestChangesOfAMessageReachAll(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	m := ada.send(ada.general(), "helo")
	socket, _ := bob.open(map[uuid.UUID]int64{ada.general(): 1})
	socket.next("resumed")
	path := "/api/messages/" + m.ID.String()

	var edited store.Message
	ada.call("PATCH", path, map[string]string{"body": "**hello**"}).want(200).into(&edited)
	if edited.HTML != "<p><strong>hello</strong></p>\n" || edited.EditedAt == nil || edited.Seq != 1 {
		t.Errorf("edited: %+v", edited)
	}
	if diff := cmp.Diff(edited, socket.next("message_updated").message(t)); diff != "" {
		t.Errorf("updated (-answer +event)\n%s", diff)
	}
	var history struct{ Edits []store.Edit }
	bob.call("GET", path+"/history", nil).want(200).into(&history)
	if e := history.Edits; len(e) != 1 || e[0].Body != "helo" || e[0].HTML != "<p>helo</p>\n" || !e[0].WrittenAt.Equal(m.CreatedAt) {
		t.Errorf("history %+v", e)
	}

	for said, emoji := range map[string]string{"👍🏽": "👍🏽", ":tada:": "🎉", "heart": "❤️"} { // by name or not, it is the same
		at := path + "/reactions/" + url.PathEscape(said)
		for _, step := range []struct {
			method string
			want   []uuid.UUID
		}{{"PUT", []uuid.UUID{bob.ID}}, {"DELETE", nil}} {
			bob.call(step.method, at, nil).want(204)
			bob.call(step.method, at, nil).want(204) // is told of once
			f := socket.next("reaction", "message_updated")
			if f.Type != "reaction" || f.Emoji != emoji || f.UserID != bob.ID || f.MessageID != m.ID || f.Added != (step.method == "PUT") || len(f.Reactions) != len(step.want) {
				t.Errorf("after %s: %+v", step.method, f)
			}
			if got := ada.message(m.ID).Reactions; len(got) != len(step.want) || len(got) > 0 && (got[0].Emoji != emoji || !cmp.Equal(got[0].UserIDs, step.want)) {
				t.Errorf("after %s: %v", step.method, got)
			}
		}
	}

	var pins struct{ Pins []store.Pin }
	for _, method := range []string{"PUT", "DELETE"} {
		bob.call(method, path+"/pin", nil).want(204)
		if got := socket.next("message_updated").message(t); got.Pinned != (method == "PUT") {
			t.Errorf("after %s: %+v", method, got)
		}
		ada.call("GET", fmt.Sprintf("/api/channels/%s/pins", m.ChannelID), nil).want(200).into(&pins)
		if len(pins.Pins) == 1 != (method == "PUT") || len(pins.Pins) > 0 && (pins.Pins[0].PinnedBy != bob.ID || pins.Pins[0].Message.HTML != edited.HTML) {
			t.Errorf("after %s: %+v", method, pins)
		}
	}

	bob.call("DELETE", path, nil).refused(403, "forbidden")
	ada.call("DELETE", path, nil).want(204)
	f := socket.next("message_deleted", "message_updated")
	if f.Type != "message_deleted" || f.MessageID != m.ID || f.ChannelID != m.ChannelID || f.Seq != 1 {
		t.Errorf("deleted: %+v", f)
	}
	gone := ada.message(m.ID)
	if gone.Body != "" || gone.HTML != "" || gone.DeletedAt == nil || gone.Seq != 1 || gone.Author.ID != ada.ID {
		t.Errorf("deleted: %+v", gone)
	}
	if diff := cmp.Diff(gone, f.message(t)); diff != "" {
		t.Errorf("deleted (-answer +event)\n%s", diff)
	}
	ada.call("DELETE", path, nil).want(204)
	ada.call("PATCH", path, map[string]string{"body": "back"}).refused(409, "conflict")
	ada.send(m.ChannelID, "next")
	if f := socket.next("message", "message_deleted"); f.message(t).Body != "next" {
		t.Errorf("after it: %+v", f)
	}
}

func TestThreadsOverHTTP(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	parent := ada.send(ada.general(), "parent")
	socket, _ := ada.open(nil)
	socket.next("resumed")
	bobs, _ := bob.open(nil)
	bobs.next("resumed")
	bobs.send(map[string]any{"type": "send", "client_id": uuid.New(), "channel_id": parent.ChannelID, "body": "*one*", "parent_id": parent.ID, "also_to_channel": true})
	one := bobs.next("ack").message(t)
	if one.ParentID == nil || *one.ParentID != parent.ID || !one.AlsoToChannel || one.Seq != 2 {
		t.Errorf("reply %+v", one)
	}
	for _, want := range []string{"message", "message_updated"} {
		f := socket.next("message", "message_updated")
		if m := f.message(t); f.Type != want || want == "message" && m.ID != one.ID || want != "message" && (m.ID != parent.ID || m.ReplyCount != 1 || !cmp.Equal(m.Participants, []uuid.UUID{bob.ID})) {
			t.Errorf("%s %+v, want %s", f.Type, m, want)
		}
	}
	two := bob.reply(parent, "two")
	ada.call("POST", fmt.Sprintf("/api/channels/%s/messages", parent.ChannelID), map[string]any{
		"client_id": uuid.New(), "body": "x", "parent_id": two.ID}).refused(422, "invalid", "parent_id")

	var thread store.Thread
	path := fmt.Sprintf("/api/messages/%s/thread", parent.ID)
	ada.call("GET", path+"?limit=1", nil).want(200).into(&thread)
	if len(thread.Replies) != 1 || !thread.HasMore || thread.Replies[0].HTML != "<p><em>one</em></p>\n" || thread.Message.ReplyCount != 2 {
		t.Errorf("thread %+v", thread)
	}
	ada.call("GET", path+"?after=2", nil).want(200).into(&thread)
	if len(thread.Replies) != 1 || thread.HasMore || thread.Replies[0].ID != two.ID {
		t.Errorf("thread %+v", thread)
	}
	for query, field := range map[string]string{"?limit=0": "limit", "?limit=201": "limit", "?after=-1": "after", "?after=x": "after"} {
		ada.call("GET", path+query, nil).refused(422, "invalid", field)
	}

	threads := func(unread int, query string, want ...int) (list store.ThreadList) {
		t.Helper()
		ada.call("GET", "/api/threads"+query, nil).want(200).into(&list)
		var got []int
		for _, thread := range list.Threads {
			got = append(got, thread.Unread)
		}
		if list.UnreadThreads != unread || !cmp.Equal(got, want) {
			t.Errorf("threads%s: %+v", query, list)
		}
		return list
	}
	threads(1, "", 2)
	threads(1, "?unread=true", 2)
	var read store.ThreadRead
	ada.call("POST", path+"/read", map[string]int{"seq": 3}).want(200).into(&read)
	if read.ReadSeq != 3 || read.MessageID != parent.ID {
		t.Errorf("read %+v", read)
	}
	if f := socket.next("thread_read"); f.MessageID != parent.ID || f.ChannelID != parent.ChannelID {
		t.Errorf("frame %+v", f)
	}
	threads(0, "", 0)
	threads(0, "?unread=true")
	ada.call("GET", "/api/threads?cursor=x", nil).refused(422, "invalid", "cursor")
	ada.call("POST", path+"/read", map[string]int{"seq": -1}).refused(422, "invalid", "seq")

	bob.call("DELETE", "/api/messages/"+two.ID.String(), nil).want(204)
	socket.next("message_deleted")
	if m := socket.next("message_updated").message(t); m.ID != parent.ID || m.ReplyCount != 1 {
		t.Errorf("parent of a deleted reply: %+v", m)
	}
}

// What was done while somebody was away comes with the resume: older messages as they are now.
func TestChangesOfMessagesAreCaughtUp(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	var messages []store.Message
	for i := range 5 {
		messages = append(messages, ada.send(general, fmt.Sprint(i+1)))
	}
	at := func(i int, rest string) string { return "/api/messages/" + messages[i].ID.String() + rest }
	ada.call("PATCH", at(0, ""), map[string]string{"body": "one"}).want(200)
	ada.call("PUT", at(1, "/reactions/"+url.PathEscape("🎉")), nil).want(204)
	ada.call("DELETE", at(2, ""), nil).want(204)
	ada.call("PATCH", at(4, ""), map[string]string{"body": "five"}).want(200)
	ada.reply(messages[3], "6")
	ada.call("DELETE", at(3, ""), nil).want(204) // its thread stays

	socket, _ := ada.open(map[uuid.UUID]int64{general: 4})
	got := map[int64]store.Message{}
	var types []string
	for {
		f := socket.next("message", "message_updated", "message_deleted", "reaction", "gap", "resumed")
		if f.Type == "resumed" {
			break
		}
		types = append(types, f.Type)
		got[f.message(t).Seq] = f.message(t)
	}
	want := []string{"message_updated", "message_updated", "message_deleted", "message_deleted", "message", "message"}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("events (-want +got)\n%s", diff)
	}
	var page struct{ Messages []json.RawMessage }
	ada.call("GET", fmt.Sprintf("/api/channels/%s/messages", general), nil).want(200).into(&page)
	for _, raw := range page.Messages {
		var m store.Message
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got[m.Seq]); diff != "" {
			t.Errorf("message %d (-fetched +resumed)\n%s", m.Seq, diff)
		}
	}
}

func TestSavedMessages(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	var saved struct {
		Saved   []store.Save
		HasMore bool `json:"has_more"`
	}
	for _, body := range []string{"*1*", "2"} {
		m := ada.send(ada.general(), body)
		bob.call("PUT", "/api/messages/"+m.ID.String()+"/save", nil).want(204)
	}
	bob.call("GET", "/api/saved?limit=1", nil).want(200).into(&saved)
	if len(saved.Saved) != 1 || !saved.HasMore || saved.Saved[0].Message.Body != "2" {
		t.Errorf("saved %+v", saved)
	}
	bob.call("GET", "/api/saved?before="+saved.Saved[0].ID.String(), nil).want(200).into(&saved)
	if len(saved.Saved) != 1 || saved.HasMore || saved.Saved[0].Message.HTML != "<p><em>1</em></p>\n" {
		t.Errorf("saved %+v", saved)
	}
	bob.call("DELETE", "/api/messages/"+saved.Saved[0].Message.ID.String()+"/save", nil).want(204)
	bob.call("GET", "/api/saved", nil).want(200).into(&saved)
	if len(saved.Saved) != 1 || saved.Saved[0].Message.Body != "2" {
		t.Errorf("saved %+v", saved)
	}
	ada.call("GET", "/api/saved", nil).want(200).into(&saved)
	if len(saved.Saved) != 0 {
		t.Errorf("another's: %+v", saved)
	}
	bob.call("GET", "/api/saved?before=x", nil).refused(422, "invalid", "before")
	bob.call("PUT", "/api/messages/"+uuid.NewString()+"/save", nil).refused(404, "not_found")
}

func TestChangesThatAreRefused(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	m := ada.send(ada.general(), "hello")
	path := "/api/messages/" + m.ID.String()
	for _, body := range []any{"", " ", 1, nil} {
		ada.call("PATCH", path, map[string]any{"body": body}).refused(422, "invalid", "body")
	}
	for _, emoji := range []string{"x", "👍👍", ":Not a name:", "%00"} {
		ada.call("PUT", path+"/reactions/"+url.PathEscape(emoji), nil).refused(422, "invalid", "emoji")
	}
	for _, at := range [][2]string{
		{"GET", ""}, {"PATCH", ""}, {"DELETE", ""}, {"GET", "/history"}, {"GET", "/thread"}, {"POST", "/thread/read"},
		{"PUT", "/reactions/:tada:"}, {"DELETE", "/reactions/:tada:"}, {"PUT", "/pin"}, {"DELETE", "/pin"}, {"PUT", "/save"},
	} {
		for _, id := range []string{uuid.NewString(), "x"} {
			var body any
			if at[0] == "PATCH" {
				body = map[string]string{"body": "x"}
			} else if at[0] == "POST" {
				body = map[string]int{"seq": 1}
			}
			ada.call(at[0], "/api/messages/"+id+at[1], body).refused(404, "not_found")
		}
	}
	ada.call("GET", "/api/channels/"+uuid.NewString()+"/pins", nil).refused(404, "not_found")
}
