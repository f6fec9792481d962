package chat

import (
	"math"

	"github.com/google/uuid"

	"snug/store"
)

// What happens in a channel besides new messages. It is handed on in the order of revs, so a client sees it at the same
// place between messages wherever it is connected.

// later is the frame that tells of an older message as it is now.
func (m *markdown) later(w *wireMessage) []byte {
	encoded := w.encode(m)
	if w.DeletedAt != nil {
		return encodeJSON(deletedFrame{Type: "message_deleted", ChannelID: w.ChannelID, MessageID: w.ID, Seq: w.Seq, Message: encoded})
	}
	return encodeJSON(updatedFrame{Type: "message_updated", Message: encoded})
}

// updated hands on a message as it is after a change, and fills in its HTML.
func (h *hub) updated(change store.Change, message *store.Message) {
	wire := &wireMessage{Message: *message}
	frame := h.markdown.later(wire)
	message.HTML = wire.HTML
	h.tellChange(change, nodeEvent{Frame: frame})
}

// changed hands a committed change on, here and on the other nodes: the frame is for all who are in the channel. A change
// that changed nothing is none.
func (h *hub) changed(change store.Change, frame any) {
	h.tellChange(change, nodeEvent{Frame: encodeJSON(frame)})
}

// joined is changed for somebody who has come into the channel. His sockets get the channel as he sees it, and from then on
// what happens in it; the frame is for the others.
func (h *hub) joined(change store.Change, member store.Membership, user uuid.UUID, frame any) {
	h.tellChange(change, nodeEvent{Frame: encodeJSON(frame), Joined: user, Seq: member.LastSeq,
		Welcome: encodeJSON(channelFrame{Type: "channel", Channel: member})})
}

// left is changed for somebody who is out of the channel now: nothing that comes after the change reaches him.
func (h *hub) left(change store.Change, user uuid.UUID, frame any) {
	h.tellChange(change, nodeEvent{Frame: encodeJSON(frame), Left: user})
}

// tellChange returns when the change is under way to the sockets of this node.
func (h *hub) tellChange(change store.Change, e nodeEvent) {
	if change.Rev == 0 {
		return
	}
	e.Kind, e.Channel, e.Rev = kindChange, change.ChannelID, change.Rev
	h.do(func() {
		h.change(e)
		h.toPeers(e)
	})
}

// change hands on a change, and takes who came or went into account.
func (h *hub) change(e nodeEvent) {
	if e.Left != uuid.Nil {
		h.channel(e.Channel).goes(e.Left, e.Rev)
		for c := range h.users[e.Left] {
			h.takeOut(c, e.Channel, e.Rev)
		}
	}
	h.handOn(newChange(e.Channel, e.Rev, e.Frame))
	if e.Joined != uuid.Nil {
		h.admit(e)
	}
	if e.Left != uuid.Nil {
		h.sightChangedHere(e.Channel, e.Left)
	}
}

// came hands on that a user is a member of a channel that has just begun with its people in it.
func (h *hub) came(user uuid.UUID, member store.Membership) {
	h.do(func() {
		e := admission(user, member)
		h.admit(e)
		h.toPeers(e)
	})
}

func admission(user uuid.UUID, member store.Membership) nodeEvent {
	return nodeEvent{Kind: kindAdmission, Channel: member.ID, Rev: member.LastRev, Seq: member.LastSeq, Joined: user,
		Welcome: encodeJSON(channelFrame{Type: "channel", Channel: member})}
}

// admit begins the delivery of a channel to the sockets of who has joined it: of what comes after the event. Word of a join
// may come when the user is known to have left since.
func (h *hub) admit(e nodeEvent) {
	channel := h.channel(e.Channel)
	if !channel.comes(e.Joined, e.Rev) {
		return
	}
	channel.rise(e.Rev)
	for c := range h.users[e.Joined] {
		if c.welcomed && !channel.conns[c] {
			channel.conns[c], c.channels[e.Channel] = true, e.Rev
			c.out.put(item{parcel: &parcel{frame: appendFrame(nil, e.Welcome),
				begin: []begin{{channel: e.Channel, cursor: e.Rev, last: channel.head, seq: e.Seq}}}})
		}
	}
	h.sightChangedHere(e.Channel, e.Joined)
}

// goes notes that a user was out of the channel at rev.
func (c *hubChannel) goes(user uuid.UUID, rev int64) {
	if c.gone == nil {
		c.gone = map[uuid.UUID]int64{}
	}
	c.gone[user] = max(c.gone[user], rev)
}

// comes reports whether a user who was a member at rev is not known to have left since.
func (c *hubChannel) comes(user uuid.UUID, rev int64) bool {
	if c.gone[user] > rev {
		return false
	}
	delete(c.gone, user)
	return true
}

// deleted hands on that a channel is no more.
func (h *hub) deleted(channel uuid.UUID) {
	h.do(func() {
		h.close(channel)
		h.toPeers(nodeEvent{Kind: kindDeletion, Channel: channel})
	})
}

// close takes everybody out of a channel, and forgets it.
func (h *hub) close(channel uuid.UUID) {
	for c := range h.channel(channel).conns {
		h.takeOut(c, channel, math.MaxInt64)
		h.sightChangedHere(channel, c.who.User.ID)
	}
	delete(h.channels, channel)
}

// takeOut ends the delivery of a channel to a socket whose user was out of it at rev. Word of that may come when the user is
// back.
func (h *hub) takeOut(c *conn, channel uuid.UUID, rev int64) {
	if h.drop(c, channel, rev) {
		c.out.put(item{parcel: &parcel{end: channel, frame: encodeFrame(removedFrame{Type: "channel", ChannelID: channel, Removed: true})}})
	}
}

// forget is told by a socket's writer that the socket has found its user out of a channel at rev.
func (h *hub) forget(c *conn, channel uuid.UUID, rev int64) {
	h.post(func() {
		h.channel(channel).goes(c.who.User.ID, rev)
		h.drop(c, channel, rev)
	})
}

// drop reports whether the socket had the channel since before rev, which it has no longer.
func (h *hub) drop(c *conn, channel uuid.UUID, rev int64) bool {
	since, in := c.channels[channel]
	if !in || since >= rev {
		return false
	}
	delete(h.channel(channel).conns, c)
	delete(c.channels, channel)
	return true
}
