package store

import (
	"slices"
	"testing"

	"github.com/google/uuid"
)

// crowd is people of every sort, by name, and a channel of every kind.
type crowd struct {
	instance
	users    map[string]User
	channels map[string]uuid.UUID
}

func newCrowd(t *testing.T) crowd {
	t.Helper()
	in := newInstance(t)
	c := crowd{instance: in, users: map[string]User{"ada": in.owner}}
	for name, role := range map[string]Role{"maker": Member, "inside": Member, "outside": Member, "out": Member, "admin": Admin,
		"guest": Guest, "stranger": Guest, "inactive": Member} {
		c.users[name] = in.role(t, in.register(t, name), role)
	}
	in.must(t, `UPDATE users SET active = false WHERE id = $1`, c.users["inactive"].ID)
	public, private := in.create(t, c.users["maker"], "public", false), in.create(t, c.users["maker"], "private", true)
	for _, m := range []Membership{public, private} {
		in.moves(t, m.ID, c.users["inside"], c.users["admin"], c.users["guest"], c.users["inactive"])
	}
	direct, _, err := in.OpenDirect(t.Context(), c.users["maker"].ID, ids(c.users["inside"]))
	if err != nil {
		t.Fatal(err)
	}
	c.channels = map[string]uuid.UUID{"public": public.ID, "private": private.ID, "direct": direct.ID, "general": in.general, "none": uuid.New()}
	return c
}

// deeds are what can be done in a channel.
func (c crowd) deeds(t *testing.T) map[string]func(User, uuid.UUID) error {
	update := func(u User, channel uuid.UUID, p ChannelParams) error {
		_, _, err := c.UpdateChannel(t.Context(), u.ID, channel, p)
		return err
	}
	return map[string]func(User, uuid.UUID) error{
		"look": func(u User, channel uuid.UUID) error { _, err := c.Look(t.Context(), u.ID, channel); return err },
		"list": func(u User, channel uuid.UUID) error {
			_, _, err := c.Members(t.Context(), u.ID, channel, "", 10)
			return err
		},
		"notify": func(u User, channel uuid.UUID) error {
			_, err := c.SetNotify(t.Context(), u.ID, channel, NotifyAll)
			return err
		},
		"join": func(u User, channel uuid.UUID) error {
			_, err := c.Join(t.Context(), u.ID, channel)
			return c.back(t, u, channel, err)
		},
		"leave": func(u User, channel uuid.UUID) error {
			_, err := c.Leave(t.Context(), u.ID, channel)
			return c.back(t, u, channel, err)
		},
		"bring": func(u User, channel uuid.UUID) error {
			_, err := c.AddMembers(t.Context(), u.ID, channel, ids(c.users["inside"]))
			return err
		},
		"remove": func(u User, channel uuid.UUID) error {
			_, err := c.RemoveMembers(t.Context(), u.ID, channel, ids(c.users["out"]))
			return err
		},
		"topic": func(u User, channel uuid.UUID) error {
			topic := uuid.NewString()
			return update(u, channel, ChannelParams{Topic: &topic})
		},
		"rename": func(u User, channel uuid.UUID) error {
			name := uuid.NewString()
			return update(u, channel, ChannelParams{Name: &name})
		},
		"archive": func(u User, channel uuid.UUID) error {
			yes := true
			err := update(u, channel, ChannelParams{Archived: &yes})
			c.must(t, `UPDATE channels SET archived = false WHERE id = $1`, channel)
			return err
		},
	}
}

// back undoes what a join or a leave may have done: a user is a member afterwards who was one of the usual members.
func (c crowd) back(t *testing.T, u User, channel uuid.UUID, err error) error {
	t.Helper()
	if err != nil {
		return err
	}
	if slices.Contains([]string{"outside", "ada", "stranger"}, u.Username) && channel != c.general {
		c.must(t, `DELETE FROM channel_members WHERE channel_id = $1 AND user_id = $2`, channel, u.ID)
	} else {
		c.must(t, `INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, channel, u.ID)
	}
	return nil
}

// whoMay has a letter for each deed of deedOrder: yes, no (forbidden), or hidden (not found).
var (
	deedOrder = []string{"look", "list", "notify", "join", "leave", "bring", "remove", "topic", "rename", "archive"}
	whoMay    = map[string]map[string]string{
		"public":  {"maker": "yyyyyyyyyy", "inside": "yyyyyynynn", "outside": "yyhyynnnnn", "admin": "yyyyyyyyyy", "ada": "yyhyynynyy", "guest": "yyyyynnynn", "stranger": "hhhhhhhhhh", "inactive": "hhhhhhhhhh"},
		"private": {"maker": "yyyyyyyyyy", "inside": "yyyyyynynn", "outside": "hhhhhhhhhh", "admin": "yyyyyyyyyy", "ada": "hhhhhhhhhh", "guest": "yyyyynnynn", "stranger": "hhhhhhhhhh"},
		"direct":  {"maker": "yyyynnnnnn", "inside": "yyyynnnnnn", "outside": "hhhhhhhhhh", "admin": "hhhhhhhhhh", "ada": "hhhhhhhhhh", "guest": "hhhhhhhhhh"},
		"general": {"ada": "yyyynyyyyn", "admin": "yyyynyyyyn", "outside": "yyyynynynn", "guest": "yyyyynnynn"},
		"none":    {"ada": "hhhhhhhhhh", "outside": "hhhhhhhhhh"},
	}
)

// Who may do what in which channel.
func TestWhoMayInAChannel(t *testing.T) {
	c := newCrowd(t)
	deeds := c.deeds(t)
	for channel, rows := range whoMay {
		for who, row := range rows {
			for i, deed := range deedOrder {
				if channel == "general" && deed == "remove" && row[i] == 'y' {
					c.must(t, `DELETE FROM channel_members WHERE user_id = $1 AND channel_id = $2`, c.users["out"].ID, c.general)
				}
				err := deeds[deed](c.users[who], c.channels[channel])
				if got, want := codeOrNone(err), map[byte]Code{'y': "", 'n': Forbidden, 'h': NotFound}[row[i]]; got != want {
					t.Errorf("%s: %s %s: %v", channel, who, deed, err)
				}
			}
		}
	}
}

func TestWhoIsBroughtInAndTakenOut(t *testing.T) {
	c := newCrowd(t)
	admin, maker, outside, public := c.users["admin"], c.users["maker"], c.users["outside"], c.channels["public"]
	if _, err := c.RemoveMembers(t.Context(), admin.ID, c.general, ids(outside)); CodeOf(err) != Forbidden {
		t.Errorf("somebody is taken out of #general: %v", err)
	}
	if moves, err := c.RemoveMembers(t.Context(), admin.ID, c.general, ids(c.users["stranger"])); err != nil || len(moves.List) != 1 {
		t.Errorf("a guest is taken out of #general: %+v, %v", moves, err)
	}
	for name, who := range map[string][]uuid.UUID{"inactive": ids(outside, c.users["inactive"]), "unknown": {outside.ID, uuid.New()}, "nobody": nil} {
		if _, err := c.AddMembers(t.Context(), maker.ID, public, who); CodeOf(err) != Invalid {
			t.Errorf("bring in %s: %v", name, err)
		}
	}
	moves, err := c.RemoveMembers(t.Context(), maker.ID, public, ids(c.users["inside"], c.users["guest"], c.users["stranger"]))
	if err != nil || len(moves.List) != 2 || moves.List[0].Rev != 1 || moves.List[1].Rev != 2 || moves.Channel.LastRev != 2 || moves.Channel.Members != 3 {
		t.Errorf("two are taken out: %+v, %v", moves, err)
	}
}
