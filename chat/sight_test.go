package chat_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

// userOf is the user of a user or member frame.
func (f frame) userOf(t *testing.T) (u store.User) {
	t.Helper()
	if err := json.Unmarshal(f.User, &u); err != nil {
		t.Fatalf("%v in %+v", err, f)
	}
	return u
}

func (f frame) online(t *testing.T) (ids []uuid.UUID) {
	t.Helper()
	if err := json.Unmarshal(f.Online, &ids); err != nil {
		t.Fatalf("%v in %s", err, f.Online)
	}
	return ids
}

// awaitPresence waits until the socket is told that the user is online, or not, and fails if it is told of a user in between
// whom it must not see.
func (s *socket) awaitPresence(u user, online bool, never ...user) {
	s.t.Helper()
	for {
		f := s.next("presence")
		for _, hidden := range never {
			if f.UserID == hidden.ID {
				s.t.Errorf("told that %s is online: %s", hidden.Username, f.Online)
			}
		}
		if f.UserID == u.ID && string(f.Online) == map[bool]string{true: "true", false: "false"}[online] {
			return
		}
	}
}

func TestChangesOfAUserAreTold(t *testing.T) {
	servers := nodes(t, 2, chattest.Options{New: chat.With(chat.Tuning{Poll: time.Hour, Sessions: time.Hour})})
	ada := setUp(t, servers[0])
	bob := ada.invite("bob").on(servers[1])
	acquainted(t, ada, bob)
	adas, _ := ada.open(nil)
	bobs, _ := bob.open(nil)
	bob.call("PATCH", "/api/me", object{"title": " Gardener ", "status_text": "in the garden", "status_emoji": ":tulip:"}).want(200)
	for _, socket := range []*socket{adas, bobs} {
		u := socket.next("user").userOf(t)
		if u.ID != bob.ID || u.Title != "Gardener" || u.StatusText != "in the garden" || u.StatusEmoji != "🌷" || u.DisplayName != "bob" {
			t.Errorf("%+v", u)
		}
	}
	bob.call("PATCH", "/api/me", object{"title": strings.Repeat("x", 81)}).refused(422, "invalid", "title")
	ada.call("PATCH", "/api/users/"+bob.ID.String(), object{"role": "admin"}).want(200)
	if u := bobs.next("user").userOf(t); u.ID != bob.ID || u.Role != store.Admin || u.Title != "Gardener" {
		t.Errorf("%+v", u)
	}
	bob.call("GET", "/api/invites", nil).want(200)
}

func TestWhoIsDeactivatedIsOut(t *testing.T) {
	servers := nodes(t, 2, chattest.Options{New: chat.With(chat.Tuning{Poll: time.Hour, Sessions: time.Hour})})
	ada := setUp(t, servers[0])
	bob := ada.invite("bob").on(servers[1])
	acquainted(t, ada, bob)
	general := ada.general()
	bob.send(general, "mine")
	bobs, _ := bob.open(nil)
	adas, _ := ada.open(nil)
	ada.call("PATCH", "/api/users/"+bob.ID.String(), object{"active": false}).want(200)
	if code := bobs.closed(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
	if u := adas.next("user").userOf(t); u.ID != bob.ID || u.Active {
		t.Errorf("%+v", u)
	}
	bob.call("GET", "/api/me", nil).refused(401, "unauthenticated")
	call(t, "POST", bob.server.URL+"/api/auth/login", object{"username": "bob", "password": password}).refused(401, "unauthenticated")
	if code := bob.dial().closed(); code != 4401 {
		t.Errorf("then closed with %d", code)
	}
	var page struct{ Messages []store.Message }
	ada.call("GET", "/api/channels/"+general.String()+"/messages", nil).want(200).into(&page)
	if len(page.Messages) != 1 || page.Messages[0].Body != "mine" {
		t.Errorf("messages %+v", page.Messages)
	}
	ada.call("PATCH", "/api/users/"+bob.ID.String(), object{"active": true}).want(200)
	bob.call("GET", "/api/me", nil).refused(401, "unauthenticated") // the old login stays ended
	bob.login(password).call("GET", "/api/me", nil).want(200)
}

// Of people in other channels a guest learns nothing: not in lists, not by presence, not by changes.
func TestGuestsSeeThePeopleOfTheirChannels(t *testing.T) {
	c := newCast(t)
	mate, stranger := c.join("mate", store.InviteParams{}), c.join("stranger", store.InviteParams{})
	room := c.channel(store.Private, c.owner, mate)
	guest := c.join("gus", store.InviteParams{Role: store.Guest, Channels: []uuid.UUID{room}})
	var channels struct{ Channels []store.Membership }
	guest.call("GET", "/api/channels", nil).want(200).into(&channels)
	if len(channels.Channels) != 1 || channels.Channels[0].ID != room {
		t.Errorf("channels %+v", channels.Channels)
	}
	var list struct{ Users []store.User }
	guest.call("GET", "/api/users", nil).want(200).into(&list)
	if names := namesOf(list.Users); !slices.Equal(names, []string{"ada", "gus", "mate"}) {
		t.Errorf("sees %v", names)
	}
	guest.call("GET", "/api/users/"+stranger.ID.String(), nil).refused(404, "not_found")
	guest.call("GET", "/api/users/"+mate.ID.String(), nil).want(200)

	strangers, _ := stranger.open(nil)
	mates, _ := mate.open(nil)
	socket, welcome := guest.open(nil)
	if online := welcome.online(t); !slices.Contains(online, mate.ID) || slices.Contains(online, stranger.ID) {
		t.Errorf("online are %v", online)
	}
	stranger.call("PATCH", "/api/me", object{"status_text": "secret"}).want(200)
	_ = strangers.ws.Close()
	_ = mates.ws.Close()
	socket.awaitPresence(mate, false, stranger)
	mate.call("PATCH", "/api/me", object{"status_text": "told"}).want(200)
	if u := socket.next("user").userOf(t); u.ID != mate.ID || u.StatusText != "told" {
		t.Errorf("told of %+v", u)
	}
}

func namesOf(users []store.User) (names []string) {
	for _, u := range users {
		names = append(names, u.Username)
	}
	return names
}

// Who comes into a guest's channel comes in sight; who becomes a guest loses the others from sight, and gets them back.
func TestSightFollowsChannelsAndRoles(t *testing.T) {
	for _, told := range []bool{true, false} {
		tuning := chat.Tuning{Poll: time.Hour, Sessions: time.Hour, PresenceGrace: time.Millisecond}
		if !told {
			tuning.Sessions = 10 * time.Millisecond
		}
		s := chattest.Start(t, chattest.Options{New: chat.With(tuning)})
		c := &cast{t: t, server: s, owner: setUp(t, s)}
		mate, other := c.join("mate", store.InviteParams{}), c.join("other", store.InviteParams{})
		room := c.channel(store.Private, c.owner, mate)
		guest := c.join("gus", store.InviteParams{Role: store.Guest, Channels: []uuid.UUID{room}})
		socket, _ := guest.open(nil)
		late := c.register("late", room)
		late.open(nil)
		socket.awaitPresence(late, true, other)

		others, welcome := other.open(nil)
		if online := welcome.online(t); !slices.Contains(online, guest.ID) {
			t.Errorf("online are %v", online)
		}
		set := func(role store.Role) {
			t.Helper()
			if told {
				c.owner.call("PATCH", "/api/users/"+other.ID.String(), object{"role": role}).want(200)
			} else if _, _, err := s.Store.ChangeStanding(t.Context(), other.ID, store.StandingParams{Role: &role}, func(store.User) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		set(store.Guest)
		others.awaitPresence(guest, false)
		set(store.Member)
		others.awaitPresence(guest, true)
	}
}

// register makes a user of the channel, over HTTP.
func (c *cast) register(name string, channel uuid.UUID) user {
	c.t.Helper()
	var invite store.Invite
	c.owner.call("POST", "/api/invites", object{"channels": []uuid.UUID{channel}}).want(201).into(&invite)
	var in login
	call(c.t, "POST", c.server.URL+"/api/auth/register", object{"invite": invite.Code, "username": name, "password": password}).want(201).into(&in)
	return user{t: c.t, server: c.server, token: in.Token, User: in.User}
}
