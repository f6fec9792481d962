package chat_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

type mentionList struct {
	Mentions []store.MentionedIn
	HasMore  bool `json:"has_more"`
}

func (u user) mentions(query string) (list mentionList) {
	u.t.Helper()
	u.call("GET", "/api/mentions"+query, nil).want(200).into(&list)
	return list
}

// membership is one of the user's channels, as it is listed.
func (u user) membership(id uuid.UUID) store.Membership {
	u.t.Helper()
	var list struct{ Channels []store.Membership }
	u.call("GET", "/api/channels", nil).want(200).into(&list)
	i := slices.IndexFunc(list.Channels, func(m store.Membership) bool { return m.ID == id })
	if i < 0 {
		u.t.Fatalf("%s is not in %s", u.Username, id)
	}
	return list.Channels[i]
}

// Mentions are listed and counted wherever channels are told of, and follow what becomes of the message.
func TestMentionsOverHTTP(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	general := ada.general()
	parent := ada.send(general, "*look*, @bob and `@ada`")
	ada.send(general, "nobody here, bob@bob.example")
	ada.reply(parent, "@channel in a thread")
	list := bob.mentions("?limit=1")
	if len(list.Mentions) != 1 || !list.HasMore || list.Mentions[0].Message.Body != "@channel in a thread" || !list.Mentions[0].Unread {
		t.Fatalf("first page %+v", list)
	}
	list = bob.mentions("?limit=5&before=" + list.Mentions[0].Message.ID.String())
	if len(list.Mentions) != 1 || list.HasMore || !strings.Contains(list.Mentions[0].Message.HTML, `<span class="mention">@bob</span>`) {
		t.Fatalf("second page %+v", list)
	}
	if own := ada.mentions(""); len(own.Mentions) != 0 {
		t.Errorf("the author is called: %+v", own)
	}
	if m := bob.membership(general); m.Mentions != 2 || m.Unread != 2 {
		t.Errorf("%d mentions, %d unread", m.Mentions, m.Unread)
	}
	socket, welcome := bob.open(nil)
	if i := slices.IndexFunc(welcome.Channels, func(m store.Membership) bool { return m.ID == general }); i < 0 || welcome.Channels[i].Mentions != 2 {
		t.Errorf("welcome %+v", welcome.Channels)
	}
	socket.send(object{"type": "read", "channel_id": general, "seq": 1})
	if f := socket.next("read"); f.Mentions != 1 {
		t.Errorf("read %+v", f)
	}
	ada.call("PATCH", "/api/messages/"+parent.ID.String(), object{"body": "look, somebody"}).want(200)
	if list = bob.mentions(""); len(list.Mentions) != 1 {
		t.Errorf("after the edit %+v", list)
	}
	ada.call("DELETE", "/api/messages/"+list.Mentions[0].Message.ID.String(), nil).want(204)
	if list = bob.mentions(""); len(list.Mentions) != 0 {
		t.Errorf("after the deletion %+v", list)
	}
	for query, field := range map[string]string{"?limit=0": "limit", "?before=x": "before"} {
		bob.call("GET", "/api/mentions"+query, nil).refused(422, "invalid", field)
	}
}

// Here is who is online, on whatever node.
func TestHereOverNodes(t *testing.T) {
	ada, bob := twoNodes(t)
	eve := ada.invite("eve")
	there, _ := bob.open(nil)
	acquainted(t, ada, bob)
	ada.send(ada.general(), "is somebody @here?")
	if got := bob.mentions(""); len(got.Mentions) != 1 {
		t.Errorf("who is online is called by %+v", got)
	}
	if got := eve.mentions(""); len(got.Mentions) != 0 {
		t.Errorf("who is away is called by %+v", got)
	}
	there.alive()
}

// What is marked as unread is so on all devices, and a device that has not heard of it does not undo it.
func TestMarkUnreadOverHTTP(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	general := ada.general()
	for _, body := range []string{"1", "2", "@bob 3", "4"} {
		ada.send(general, body)
	}
	path := "/api/channels/" + general.String()
	bob.call("POST", path+"/read", object{"seq": 4}).want(200)
	one, _ := bob.open(nil)
	two, _ := bob.open(nil)
	var m store.Membership
	bob.call("POST", path+"/unread", object{"seq": 3}).want(200).into(&m)
	if m.ReadSeq != 2 || m.Unread != 2 || m.Mentions != 1 {
		t.Errorf("marked as unread: %+v", m)
	}
	for _, socket := range []*socket{one, two} {
		if f := socket.next("read"); f.Seq != 2 || f.Unread != 2 || f.Mentions != 1 || f.ChannelID != general {
			t.Errorf("told of it: %+v", f)
		}
	}
	two.send(object{"type": "read", "channel_id": general, "seq": 4, "read_seq": 4}) // on its way when it was marked
	if f := two.next("read"); f.Seq != 2 || f.Unread != 2 {
		t.Errorf("read by who had not heard of it: %+v", f)
	}
	two.send(object{"type": "read", "channel_id": general, "seq": 4, "read_seq": 2})
	if f := two.next("read"); f.Seq != 4 || f.Unread != 0 || f.Mentions != 0 {
		t.Errorf("read by who knew: %+v", f)
	}
	bob.call("POST", path+"/unread", object{"seq": 0}).refused(422, "invalid", "seq")
}
