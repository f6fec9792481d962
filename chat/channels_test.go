package chat_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

// create makes a channel.
func (u user) create(name string, private bool) store.Membership {
	u.t.Helper()
	var m store.Membership
	u.call("POST", "/api/channels", object{"name": name, "private": private, "topic": "about " + name}).want(201).into(&m)
	return m
}

// channelPath is the address of a channel, and of what is below it.
func channelPath(id uuid.UUID, below ...string) string {
	return "/api/channels/" + id.String() + strings.Join(below, "")
}

func (u user) channel(id uuid.UUID) store.Membership {
	u.t.Helper()
	var m store.Membership
	u.call("GET", channelPath(id), nil).want(200).into(&m)
	return m
}

func (u user) channelNames(query string) (names []string) {
	u.t.Helper()
	var list struct{ Channels []store.Membership }
	u.call("GET", "/api/channels"+query, nil).want(200).into(&list)
	for _, c := range list.Channels {
		names = append(names, c.Name)
	}
	return names
}

// nothing fails the test if the socket was sent anything but what it must have got already.
func (s *socket) nothing() {
	s.t.Helper()
	s.send(object{"type": "ping"})
	if f, err := s.read(); err != nil || f.Type != "pong" {
		s.t.Errorf("there came %+v, %v", f, err)
	}
}

func TestChannelsAreMadeFoundAndJoined(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	public, private := ada.create("kitchen", false), ada.create("cellar", true)
	if !public.Joined || public.Private || public.Topic != "about kitchen" || public.Members != 1 || !private.Private {
		t.Errorf("made: %+v %+v", public, private)
	}
	ada.call("POST", "/api/channels", object{"name": "kitchen"}).refused(409, "conflict", "name")
	ada.call("POST", "/api/channels", object{"name": "Two Words"}).refused(422, "invalid", "name")
	ada.call("POST", "/api/channels", object{"name": "long", "topic": strings.Repeat("x", 251)}).refused(422, "invalid", "topic")
	if got := fmt.Sprint(bob.channelNames(""), bob.channelNames("?browse=1")); got != "[general] [kitchen]" {
		t.Errorf("bob has and finds %s", got)
	}
	ada.send(public.ID, "the kettle is on")
	bob.call("GET", channelPath(public.ID, "/messages"), nil).want(200) // a look before joining
	if m := bob.channel(public.ID); m.Joined || m.Unread != 0 {
		t.Errorf("a look: %+v", m)
	}
	bob.call("POST", channelPath(public.ID, "/messages"), object{"client_id": uuid.New(), "body": "hi"}).refused(403, "forbidden")
	bob.call("POST", channelPath(public.ID, "/read"), object{"seq": 1}).refused(404, "not_found")
	var joined store.Membership
	for range 2 {
		bob.call("POST", channelPath(public.ID, "/join"), nil).want(200).into(&joined)
		if !joined.Joined || joined.Members != 2 || joined.ReadSeq != 1 {
			t.Errorf("joined: %+v", joined)
		}
	}
	bob.send(public.ID, "tea!")
	var members struct{ Members []store.User }
	ada.call("GET", channelPath(public.ID, "/members?limit=1&after=ada"), nil).want(200).into(&members)
	if len(members.Members) != 1 || members.Members[0].Username != "bob" {
		t.Errorf("members: %+v", members)
	}
	for range 2 {
		bob.call("POST", channelPath(public.ID, "/leave"), nil).want(204)
	}
	for _, body := range []any{object{"user_ids": []uuid.UUID{bob.ID}}, nil} { // taken out in both ways
		bob.call("POST", channelPath(public.ID, "/join"), nil).want(200)
		below := map[bool]string{true: "/members?user_id=" + bob.ID.String(), false: "/members"}[body == nil]
		ada.call("DELETE", channelPath(public.ID, below), body).want(204)
		if bob.channel(public.ID).Joined {
			t.Errorf("still in the channel after DELETE %s", below)
		}
	}
	ada.call("POST", channelPath(ada.general(), "/leave"), nil).refused(403, "forbidden")
}

// cellar is a private channel of bob's with ada in it, and a socket of each, who have heard of it. Eve has heard nothing.
type cellar struct {
	id               uuid.UUID
	ada, bob         user
	adas, bobs, eves *socket
}

func openCellar(t *testing.T) cellar {
	t.Helper()
	s := chattest.Start(t, chattest.Options{})
	c := cellar{ada: setUp(t, s)}
	c.bob = c.ada.invite("bob")
	eve := c.ada.invite("eve")
	c.adas, _ = c.ada.open(nil)
	c.bobs, _ = c.bob.open(nil)
	c.eves, _ = eve.open(nil)
	for _, socket := range []*socket{c.adas, c.bobs, c.eves} {
		socket.next("resumed")
	}
	c.id = c.bob.create("cellar", true).ID
	if f := c.bobs.next("channel"); f.Channel.ID != c.id || !f.Channel.Joined {
		t.Errorf("who makes a channel hears %+v", f)
	}
	sent := c.bob.send(c.id, "first")
	c.bobs.next("message")
	c.bob.call("POST", channelPath(c.id, "/members"), object{"user_ids": []uuid.UUID{c.ada.ID, c.bob.ID}}).want(200)
	if f := c.bobs.next("member"); !strings.Contains(string(f.User), c.ada.ID.String()) || f.ChannelID != c.id || f.Left {
		t.Errorf("members hear of who comes: %+v", f)
	}
	if f := c.adas.next("channel"); f.Channel.ID != c.id || f.Channel.LastSeq != sent.Seq || f.Channel.ReadSeq != sent.Seq || f.Channel.Members != 2 {
		t.Errorf("who comes hears %+v", f)
	}
	return c
}

func TestMembersHearHowAChannelIsNow(t *testing.T) {
	c := openCellar(t)
	both := []*socket{c.adas, c.bobs}
	c.ada.send(c.id, "second")
	for _, socket := range both {
		if m := socket.next("message").message(t); m.Seq != 2 {
			t.Errorf("first came %+v", m)
		}
	}
	c.ada.call("PATCH", channelPath(c.id), object{"topic": "wine"}).want(200)
	for _, socket := range both {
		if f := socket.next("channel"); f.Channel.ID != c.id || f.Channel.Topic != "wine" {
			t.Errorf("of a new topic: %+v", f)
		}
	}
	c.ada.call("PUT", channelPath(c.id, "/notify"), object{"level": "none"}).want(200)
	if f := c.adas.next("channel"); f.Channel.Notify != store.NotifyNone {
		t.Errorf("of what to hear: %+v", f)
	}
	c.ada.call("PUT", channelPath(c.id, "/notify"), object{"level": "loud"}).refused(422, "invalid", "level")
	for _, archived := range []bool{true, false} {
		c.bob.call("PATCH", channelPath(c.id), object{"archived": archived}).want(200)
		for _, socket := range both {
			if f := socket.next("channel"); f.Channel.Archived != archived {
				t.Errorf("of the archive: %+v", f)
			}
		}
		status := map[bool]int{true: 403, false: 201}[archived]
		c.bob.call("POST", channelPath(c.id, "/messages"), object{"client_id": uuid.New(), "body": "x"}).want(status)
	}
	c.eves.nothing()
}

func TestMembersHearOfTheEnd(t *testing.T) {
	c := openCellar(t)
	c.bob.call("DELETE", channelPath(c.id, "/members/", c.ada.ID.String()), nil).want(204)
	if f := c.adas.next("channel"); !f.Removed || f.ChannelID != c.id {
		t.Errorf("who is taken out hears %+v", f)
	}
	if f := c.bobs.next("member"); !f.Left || !strings.Contains(string(f.User), c.ada.ID.String()) {
		t.Errorf("members hear of who goes: %+v", f)
	}
	c.bob.send(c.id, "alone")
	c.bobs.next("message")
	c.ada.call("DELETE", channelPath(c.id), nil).refused(404, "not_found")
	c.bob.call("DELETE", channelPath(c.id), nil).want(204)
	if f := c.bobs.next("channel"); !f.Removed || f.ChannelID != c.id {
		t.Errorf("of a deletion: %+v", f)
	}
	c.bob.call("GET", channelPath(c.id), nil).refused(404, "not_found")
	c.adas.nothing()
	c.eves.nothing()
}

func TestDirectConversations(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	bobs, _ := bob.open(nil)
	bobs.next("resumed")
	var direct, same store.Membership
	ada.call("POST", "/api/dms", object{"user_ids": []uuid.UUID{bob.ID}}).want(201).into(&direct)
	if f := bobs.next("channel"); f.Channel.ID != direct.ID || len(f.Channel.UserIDs) != 2 || f.Channel.Kind != store.Direct {
		t.Errorf("the other hears %+v", f)
	}
	bob.call("POST", "/api/dms", object{"user_ids": []uuid.UUID{ada.ID, bob.ID}}).want(200).into(&same)
	if same.ID != direct.ID {
		t.Errorf("%+v and %+v", direct, same)
	}
	ada.send(direct.ID, "psst")
	bobs.next("message")
	bob.call("POST", channelPath(direct.ID, "/leave"), nil).refused(403, "forbidden")
	bob.call("POST", "/api/dms", object{"user_ids": []uuid.UUID{uuid.New()}}).refused(422, "invalid", "user_ids")
	bob.call("POST", "/api/dms", object{"user_ids": []uuid.UUID{}}).refused(422, "invalid", "user_ids")
	ada.call("DELETE", channelPath(ada.general(), "/members"), nil).refused(422, "invalid", "user_ids")
}

// What another node did, and could not say, is found by looking.
func TestWhatNodesCouldNotTellIsFoundByLooking(t *testing.T) {
	servers := nodes(t, 2, chattest.Options{})
	ada := setUp(t, servers[0])
	bob := ada.invite("bob").on(servers[1])
	acquainted(t, ada, bob)
	bobs, _ := bob.open(nil)
	bobs.next("resumed")
	servers[0].Cache.Stop(t)
	kept, lost, left := ada.create("kept", false).ID, ada.create("lost", false).ID, ada.create("left", false).ID
	for _, id := range []uuid.UUID{kept, lost, left} {
		ada.call("POST", channelPath(id, "/members"), object{"user_ids": []uuid.UUID{bob.ID}}).want(200)
		ada.send(id, "for you too")
	}
	for range 3 {
		if f := bobs.next("channel"); f.Channel.LastSeq+f.Channel.Unread > 2 {
			t.Errorf("%+v", f)
		}
	}
	eve := ada.invite("eve")
	ada.call("PATCH", channelPath(kept), object{"topic": "found"}).want(200)
	ada.call("POST", channelPath(kept, "/members"), object{"user_ids": []uuid.UUID{eve.ID}}).want(200)
	ada.call("DELETE", channelPath(lost), nil).want(204)
	ada.call("DELETE", channelPath(left, "/members/", bob.ID.String()), nil).want(204)
	seen := map[string]bool{}
	for len(seen) < 4 {
		switch f := bobs.next("channel", "member"); {
		case f.Removed:
			seen["removed "+f.ChannelID.String()] = f.ChannelID == lost || f.ChannelID == left
		case f.Type == "member" && f.ChannelID == kept:
			seen["member"] = strings.Contains(string(f.User), eve.ID.String())
		case f.Channel.ID == kept && f.Channel.Topic == "found":
			seen["topic"] = true
		}
	}
	for what, ok := range seen {
		if !ok {
			t.Errorf("%s is wrong", what)
		}
	}
}

// Who is there is told of changes in the order in which they were made, wherever they were made.
func TestTwoNodesTellOfJoinsAndTopics(t *testing.T) {
	servers := nodes(t, 2, chattest.Options{New: chat.With(chat.Tuning{Poll: time.Hour, PresenceGrace: time.Millisecond})})
	ada := setUp(t, servers[0])
	bob := ada.invite("bob").on(servers[1])
	acquainted(t, ada, bob)
	bobs, _ := bob.open(nil)
	bobs.next("resumed")
	id := ada.create("kitchen", true).ID
	ada.call("POST", channelPath(id, "/members"), object{"user_ids": []uuid.UUID{bob.ID}}).want(200)
	if f := bobs.next("channel"); f.Channel.ID != id {
		t.Errorf("%+v", f)
	}
	ada.call("PATCH", channelPath(id), object{"name": "cuisine"}).want(200)
	if f := bobs.next("channel"); f.Channel.Name != "cuisine" {
		t.Errorf("%+v", f)
	}
	ada.send(id, "bonjour")
	bobs.next("message")
	var direct store.Membership
	ada.call("POST", "/api/dms", object{"user_ids": []uuid.UUID{bob.ID}}).want(201).into(&direct)
	if f := bobs.next("channel"); f.Channel.ID != direct.ID {
		t.Errorf("%+v", f)
	}
	ada.call("DELETE", channelPath(id), nil).want(204)
	if f := bobs.next("channel"); !f.Removed || f.ChannelID != id {
		t.Errorf("%+v", f)
	}
}
