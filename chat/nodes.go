package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"time"

	"github.com/google/uuid"

	"snug/store"
	"snug/store/cache"
)

// nodeChannel is where the nodes of one chat tell each other what happens.
const nodeChannel = "snug:nodes"

// The nodes tell each other of themselves that often at least, and of changes at most that often; who was not heard of
// for peerLifetime is gone.
const (
	beatEvery     = time.Second
	announceEvery = 10 * time.Second
	peerLifetime  = 35 * time.Second
)

// introduction is how long it may take a node that begins to hear of the others.
const introduction = 2 * time.Second

// rememberSession is how long a login that has ended is remembered: longer than a request may take to become a socket.
const rememberSession = time.Minute

// The kinds of nodeEvent.
const (
	kindMessages  = "messages"  // new messages of a channel
	kindChange    = "change"    // another change of a channel
	kindAdmission = "admission" // a channel has begun with a user in it
	kindDeletion  = "deletion"  // a channel is no more
	kindFrame     = "frame"     // a frame for an audience
	kindSession   = "session"   // a login has ended
	kindPresence  = "presence"  // who is online on a node
	kindUser      = "user"      // how a user is now
	kindSight     = "sight"     // a user has joined or left a channel
)

// nodeEvent is what one node tells the others. Messages and changes may get lost: they are in the database. The others are
// of the moment.
type nodeEvent struct {
	Kind     string            `json:"kind"`
	Channel  uuid.UUID         `json:"channel,omitzero"`
	Rev      int64             `json:"rev,omitempty"` // of the change, or of Messages[0]; the others follow without a gap
	Seq      int64             `json:"seq,omitempty"` // of Messages[0], or of the newest message at a change
	Messages []json.RawMessage `json:"messages,omitempty"`
	Joined   uuid.UUID         `json:"joined,omitzero"`   // the user whom the change has brought into the channel, and
	Welcome  json.RawMessage   `json:"welcome,omitempty"` // the frame for him alone
	Left     uuid.UUID         `json:"left,omitzero"`     // the user whom the change has brought out of it
	Audience audience          `json:"audience,omitzero"`
	Frame    json.RawMessage   `json:"frame,omitempty"`
	Session  uuid.UUID         `json:"session,omitzero"`
	Online   []uuid.UUID       `json:"online,omitempty"`
	New      bool              `json:"new,omitempty"`  // the node has just come, and wants to hear of the others
	Gone     bool              `json:"gone,omitempty"` // the node ends
	User     uuid.UUID         `json:"user,omitzero"`
	Role     store.Role        `json:"role,omitempty"` // of User
}

// audience is who a frame is for: the members of a channel, or a user, or everybody. With a channel and a user, it is for
// the user as long as the channel is the user's.
type audience struct {
	Channel uuid.UUID `json:"channel,omitzero"`
	User    uuid.UUID `json:"user,omitzero"`
	But     uuid.UUID `json:"but,omitzero"`   // not for this user
	About   uuid.UUID `json:"about,omitzero"` // only for those who see this user
}

// peer is another node.
type peer struct {
	seen   time.Time
	online []uuid.UUID
}

// tell sends a frame to an audience, here and on the other nodes.
func (h *hub) tell(to audience, frame any) {
	encoded := encodeJSON(frame)
	h.post(func() { h.spread(to, encoded) })
}

func (h *hub) spread(to audience, encoded []byte) {
	h.tellHere(to, encoded)
	h.toPeers(nodeEvent{Kind: kindFrame, Audience: to, Frame: encoded})
}

// tellHere sends a frame to those of an audience who are on this node.
func (h *hub) tellHere(to audience, encoded []byte) {
	it := frameItem(appendFrame(nil, encoded))
	switch {
	case to.User != uuid.Nil:
		h.putTo(h.users[to.User], to, it)
	case to.Channel == uuid.Nil:
		h.putTo(h.conns, to, it)
	case h.alone():
		h.putTo(h.channel(to.Channel).conns, to, it)
	default:
		h.tellMembers(to, it)
	}
}

func (h *hub) putTo(conns map[*conn]bool, to audience, it item) {
	h.putAll(conns, func(c *conn) bool {
		_, in := c.channels[to.Channel]
		return c.welcomed && (in || to.Channel == uuid.Nil) && c.who.User.ID != to.But && c.sees(to.About)
	}, it)
}

// tellingAtOnce bounds how many frames wait to be told to members. What is beyond is not told: such frames are of the
// moment.
const tellingAtOnce = 32

// tellMembers sends a frame, which has no place in the channel's log, to its members. That somebody is out, by the doing of
// another node, shows in the log before what comes there later; here it must be asked for.
func (h *hub) tellMembers(to audience, it item) {
	if known := h.channels[to.Channel]; known == nil || len(known.conns) == 0 || h.telling >= tellingAtOnce {
		return
	}
	h.telling++
	h.looks.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		members, err := h.Store.MemberIDs(ctx, to.Channel)
		h.post(func() {
			h.telling--
			for _, user := range members {
				if err == nil {
					h.putTo(h.users[user], to, it)
				}
			}
		})
	})
}

func (h *hub) tellPresence(user uuid.UUID, online bool) {
	h.tellHere(audience{About: user}, encodeJSON(presenceFrame{Type: "presence", UserID: user, Online: online}))
}

// alone reports whether there are no other nodes. A node that has just begun may have some of which it has not heard yet,
// above all the one that it takes over from.
func (h *hub) alone() bool { return len(h.peers) == 0 && time.Since(h.began) > introduction }

// toPeers lets the other nodes know. When the cache is so slow that much waits already, they are not told.
func (h *hub) toPeers(e nodeEvent) {
	if h.alone() && e.Kind != kindPresence {
		return
	}
	select {
	case h.outgoing <- e:
	default:
	}
}

// publish sends what is outgoing until ctx ends, and then that this node is gone.
func (h *hub) publish(ctx context.Context) {
	failing := false
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = h.send(last, nodeEvent{Kind: kindPresence, Gone: true})
			return
		case e := <-h.outgoing:
			err := h.send(ctx, e)
			if err != nil && !failing && ctx.Err() == nil {
				h.Logger.Warn("other nodes cannot be told through the cache", "error", err)
			}
			failing = err != nil
		}
	}
}

// send publishes an event after this node's name, by which nodes know their own without reading on.
func (h *hub) send(ctx context.Context, e nodeEvent) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return h.Cache.Publish(ctx, nodeChannel, append(h.Node[:], encodeJSON(e)...))
}

// listen hears the other nodes until ctx ends.
func (h *hub) listen(ctx context.Context) {
	err := h.Cache.Listen(ctx, cache.Listener{
		Channel: nodeChannel,
		Message: func(payload []byte) { h.hear(payload) },
		Missed: func() {
			h.post(func() {
				h.announce(true)
				h.pollSoon()
			})
		},
	})
	if err != nil {
		h.Logger.Error("listening to other nodes ended", "error", err)
	}
}

// hear takes what a node has published.
func (h *hub) hear(payload []byte) {
	if len(payload) < len(h.Node) || bytes.Equal(payload[:len(h.Node)], h.Node[:]) {
		return
	}
	from := uuid.UUID(payload[:len(h.Node)])
	var e nodeEvent
	if err := json.Unmarshal(payload[len(h.Node):], &e); err != nil {
		h.Logger.Warn("another node says what this one does not understand", "error", err)
		return
	}
	var messages *run
	if e.Kind == kindMessages && len(e.Messages) > 0 {
		messages = newRun(e.Channel, e.Rev, e.Seq, e.Messages)
	}
	h.post(func() {
		switch e.Kind {
		case kindMessages:
			if messages != nil {
				h.handOn(messages)
			}
		case kindChange:
			h.change(e)
		case kindAdmission:
			h.admit(e)
		case kindDeletion:
			h.close(e.Channel)
		case kindFrame:
			h.tellHere(e.Audience, e.Frame)
		case kindSession:
			h.closeSession(e.Session)
		case kindPresence:
			h.meet(from, e)
		case kindUser:
			h.userChangedHere(e.User, e.Role, e.Frame)
		case kindSight:
			h.sightChangedHere(e.Channel, e.User)
		}
	})
}

// meet takes another node's word on who is online there.
func (h *hub) meet(from uuid.UUID, e nodeEvent) {
	var before []uuid.UUID
	if known := h.peers[from]; known != nil {
		before = known.online
	} else {
		h.pollSoon() // for what it has stored before it knew of us
	}
	if e.Gone {
		delete(h.peers, from)
	} else {
		h.peers[from] = &peer{seen: time.Now(), online: e.Online}
	}
	h.tellMoves(h.presence.setRemote(before, e.Online))
	if e.New {
		h.announce(false)
	}
}

func (h *hub) tellMoves(come, gone []uuid.UUID) {
	for _, user := range come {
		h.tellPresence(user, true)
	}
	for _, user := range gone {
		h.tellPresence(user, false)
	}
}

// announce tells the other nodes who is online here.
func (h *hub) announce(isNew bool) {
	h.presence.changed = false
	h.announced = time.Now()
	h.toPeers(nodeEvent{Kind: kindPresence, Online: h.presence.here(), New: isNew})
}

// beat does what is due from time to time.
func (h *hub) beat(now time.Time) {
	h.tellMoves(nil, h.presence.expire(now))
	h.lookAgain()
	for id, p := range h.peers {
		if now.Sub(p.seen) > peerLifetime {
			h.meet(id, nodeEvent{Gone: true})
		}
	}
	maps.DeleteFunc(h.endedSessions, func(_ uuid.UUID, at time.Time) bool { return now.Sub(at) > rememberSession })
	if h.presence.changed || now.Sub(h.announced) >= announceEvery {
		h.announce(false)
	}
}

// typing tells the members of a channel, if the socket's user is one, that the user is typing there.
func (h *hub) typing(c *conn, channel uuid.UUID) {
	frame := encodeJSON(typingFrame{Type: "typing", ChannelID: channel, UserID: c.who.User.ID})
	h.post(func() {
		known := h.channels[channel]
		if known == nil || !known.conns[c] {
			return
		}
		h.spread(audience{Channel: channel, But: c.who.User.ID}, frame)
	})
}
