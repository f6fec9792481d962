package chat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"snug/store"
)

// Guests see the people of their channels alone. Whom a guest's socket is told of is kept with it, and read anew when
// somebody joins or leaves one of these channels. All of it belongs to the hub's goroutine.

// sight is whom a socket's user sees.
type sight struct {
	role    store.Role
	seen    map[uuid.UUID]bool // nil: everybody
	reading bool
	stale   bool // seen may have changed since it was read
}

// sees reports whether frames about the user may go to the socket; the zero user is nobody in particular.
func (c *conn) sees(user uuid.UUID) bool {
	return c.sight.seen == nil || user == uuid.Nil || c.sight.seen[user]
}

// visible returns those of the users whom the socket's user sees.
func (c *conn) visible(users []uuid.UUID) []uuid.UUID {
	seen := make([]uuid.UUID, 0, len(users))
	for _, user := range users {
		if c.sees(user) {
			seen = append(seen, user)
		}
	}
	return seen
}

// lookAs sets whom a socket sees from the role of its user. Of a guest that is not known yet is only the guest.
func (h *hub) lookAs(c *conn, role store.Role) {
	wasGuest := !c.sight.role.SeesEverybody()
	c.sight.role = role
	switch isGuest := !role.SeesEverybody(); {
	case isGuest && !wasGuest:
		h.guests[c] = true
		h.show(c, map[uuid.UUID]bool{c.who.User.ID: true})
		h.readSight(c)
	case wasGuest && !isGuest:
		delete(h.guests, c)
		h.show(c, nil)
	}
}

// readSight reads whom a guest sees.
func (h *hub) readSight(c *conn) {
	if c.sight.stale = true; c.sight.reading {
		return // and then once more
	}
	c.sight.stale, c.sight.reading = false, true
	h.looks.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		ids, err := h.Store.SeenUserIDs(ctx, c.who.User.ID)
		h.post(func() {
			c.sight.reading = false
			switch {
			case !h.guests[c]:
			case err != nil:
				c.sight.stale = true // until the next beat
			default:
				seen := make(map[uuid.UUID]bool, len(ids))
				for _, id := range ids {
					seen[id] = true
				}
				h.show(c, seen)
				if c.sight.stale {
					h.readSight(c)
				}
			}
		})
	})
}

// lookAgain reads again what could not be read.
func (h *hub) lookAgain() {
	for c := range h.guests {
		if c.sight.stale && !c.sight.reading {
			h.readSight(c)
		}
	}
}

// show lets a socket see these users, and tells it who of them has come in sight by that, or gone out of it.
func (h *hub) show(c *conn, seen map[uuid.UUID]bool) {
	before := c.sight
	c.sight.seen = seen
	if !c.welcomed {
		return
	}
	for _, user := range h.presence.online() {
		saw := before.seen == nil || before.seen[user]
		if sees := c.sees(user); sees != saw {
			c.out.put(frameItem(encodeFrame(presenceFrame{Type: "presence", UserID: user, Online: sees})))
		}
	}
}

// sightChanged says that the user has joined or left the channel, after the hub knows of it: guests who are in it, and the
// user's own sockets, may see others than before.
func (h *hub) sightChanged(channel, user uuid.UUID) {
	h.post(func() {
		h.sightChangedHere(channel, user)
		h.toPeers(nodeEvent{Kind: kindSight, Channel: channel, User: user})
	})
}

func (h *hub) sightChangedHere(channel, user uuid.UUID) {
	for c := range h.guests {
		if known := h.channels[channel]; c.who.User.ID == user || known != nil && known.conns[c] {
			h.readSight(c)
		}
	}
}

// userChanged tells everybody who sees the user how they are now.
func (h *hub) userChanged(user store.User) {
	frame := encodeJSON(userFrame{Type: "user", User: user})
	h.post(func() {
		h.userChangedHere(user.ID, user.Role, frame)
		h.toPeers(nodeEvent{Kind: kindUser, User: user.ID, Role: user.Role, Frame: frame})
	})
}

func (h *hub) userChangedHere(user uuid.UUID, role store.Role, frame []byte) {
	for c := range h.users[user] {
		h.lookAs(c, role)
	}
	h.tellHere(audience{About: user}, frame)
}
