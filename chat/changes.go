package chat

import (
	"github.com/google/uuid"

	"snug/store"
)

// What happens in a channel besides new messages. It is handed on in the order of revs, so a client sees it at the same
// place between messages wherever it is connected.

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
		for c := range h.users[e.Left] {
			h.takeOut(c, e.Channel)
		}
	}
	h.handOn(newChange(e.Channel, e.Rev, e.Frame))
	if e.Joined != uuid.Nil {
		h.admit(e)
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

// admit begins the delivery of a channel to the sockets of who has joined it: of what comes after the event.
func (h *hub) admit(e nodeEvent) {
	channel := h.channel(e.Channel)
	channel.rise(e.Rev)
	for c := range h.users[e.Joined] {
		if c.welcomed && !channel.conns[c] {
			channel.conns[c], c.channels[e.Channel] = true, true
			c.out.put(item{frame: appendFrame(nil, e.Welcome),
				begin: []begin{{channel: e.Channel, cursor: e.Rev, last: channel.head, seq: e.Seq}}})
		}
	}
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
		h.takeOut(c, channel)
	}
	delete(h.channels, channel)
}

// takeOut ends the delivery of a channel to a socket.
func (h *hub) takeOut(c *conn, channel uuid.UUID) {
	if !c.channels[channel] {
		return
	}
	h.drop(c, channel)
	c.out.put(item{end: channel, frame: encodeFrame(removedFrame{Type: "channel", ChannelID: channel, Removed: true})})
}

// forget is told by a socket's writer that the socket has found its user out of a channel.
func (h *hub) forget(c *conn, channel uuid.UUID) {
	h.post(func() { h.drop(c, channel) })
}

func (h *hub) drop(c *conn, channel uuid.UUID) {
	delete(h.channel(channel).conns, c)
	delete(c.channels, channel)
}
