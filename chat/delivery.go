package chat

import (
	"cmp"
	"slices"

	"github.com/google/uuid"

	"snug/store"
)

// delivery decides what one connection gets of each channel, and when: every change once, in rising rev, and so every
// message once, in rising seq.
//
// It belongs to the connection's writer. Runs come in any order, doubled or not at all; what is missing between the last
// change written and the next run is asked for, and what comes meanwhile waits.
type delivery struct {
	channels map[uuid.UUID]*position
	latest   uuid.UUID // of channels: the one that was last looked up, and what it is there
	position *position
	wanted   []uuid.UUID // channels with something to fetch, the longest waiting first
}

// position is where a connection is in a channel.
type position struct {
	cursor  int64  // rev of the last change written
	seq     int64  // of the last message written
	target  int64  // what must be fetched up to; nothing when not above cursor
	waiting []*run // came above cursor+1 while the changes below were missing
	size    int    // bytes of waiting
}

// waitingLimit is how many bytes of a channel may wait for changes below them; what comes beyond is fetched later.
const waitingLimit = 4 << 20

func newDelivery() *delivery { return &delivery{channels: map[uuid.UUID]*position{}} }

// join begins to deliver a channel: what is above cursor is still to come, and up to last it is known to exist.
func (d *delivery) join(b begin) {
	d.leave(b.channel)
	p := &position{cursor: b.cursor, seq: b.seq}
	d.channels[b.channel], d.position = p, nil
	d.want(b.channel, p, b.last)
}

// at returns where the connection is in a channel, nil when it is not in it. Most often it is asked for the same again.
func (d *delivery) at(channel uuid.UUID) *position {
	if d.position == nil || d.latest != channel {
		d.latest, d.position = channel, d.channels[channel]
	}
	return d.position
}

// leave ends to deliver a channel, and reports whether it was delivered.
func (d *delivery) leave(channel uuid.UUID) bool {
	was := d.channels[channel] != nil
	d.position = nil
	delete(d.channels, channel)
	d.wanted = slices.DeleteFunc(d.wanted, func(w uuid.UUID) bool { return w == channel })
	return was
}

// want asks for the changes up to rev.
func (d *delivery) want(channel uuid.UUID, p *position, rev int64) {
	if rev <= p.cursor {
		return
	}
	if p.target <= p.cursor {
		d.wanted = append(d.wanted, channel)
	}
	p.target = max(p.target, rev)
}

// missing returns what to fetch next, if anything.
func (d *delivery) missing() (store.Span, bool) {
	if len(d.wanted) == 0 {
		return store.Span{}, false
	}
	p := d.channels[d.wanted[0]]
	return store.Span{ChannelID: d.wanted[0], From: p.cursor + 1, To: p.target, AfterSeq: p.seq}, true
}

// offer takes a run and calls write with the frames that are due.
func (d *delivery) offer(r *run, write func(piece)) {
	p := d.at(r.channel)
	if p == nil {
		return // not a member
	}
	if r.first > p.cursor+1 {
		d.keep(p, r)
		return
	}
	p.advance(r, write)
	d.settle(r.channel, p, write)
}

// keep lets a run wait for the messages below it.
func (d *delivery) keep(p *position, r *run) {
	if p.size+len(r.frames) > waitingLimit {
		d.want(r.channel, p, r.last)
		return
	}
	d.want(r.channel, p, r.first-1)
	if r.last >= r.first {
		p.waiting, p.size = append(p.waiting, r), p.size+len(r.frames)
	}
}

// lacks reports whether a page that was fetched still has something new.
func (d *delivery) lacks(g page) bool {
	p := d.channels[g.ChannelID]
	return p != nil && p.cursor < g.To
}

// fill takes a page that was fetched. One that is not what is missing now, because some of it came meanwhile, is asked for
// anew: what came may be older than what the page says of it.
func (d *delivery) fill(g page, write func(piece)) {
	p := d.channels[g.ChannelID]
	if p == nil || p.cursor+1 != g.From {
		return
	}
	// First the changes of what the client has: if it comes back by the seq of a new message, it is not asked about them.
	write(piece{bytes: g.others})
	if g.messages != nil {
		write(piece{bytes: g.messages.frames})
	}
	p.cursor, p.seq = g.To, max(p.seq, g.lastSeq)
	d.settle(g.ChannelID, p, write)
}

func (p *position) advance(r *run, write func(piece)) {
	if r.last > p.cursor {
		write(r.after(p.cursor))
		p.cursor, p.seq = r.last, max(p.seq, r.lastSeq())
	}
}

// settle writes what waited and can go now, and sees to what is missing before the rest.
func (d *delivery) settle(channel uuid.UUID, p *position, write func(piece)) {
	if len(p.waiting) == 0 && len(d.wanted) == 0 {
		return
	}
	slices.SortFunc(p.waiting, func(a, b *run) int { return cmp.Compare(a.first, b.first) })
	for len(p.waiting) > 0 && p.waiting[0].first <= p.cursor+1 {
		r := p.waiting[0]
		p.waiting[0] = nil
		p.waiting, p.size = p.waiting[1:], p.size-len(r.frames)
		p.advance(r, write)
	}
	if p.target <= p.cursor {
		d.wanted = slices.DeleteFunc(d.wanted, func(w uuid.UUID) bool { return w == channel })
	}
	if len(p.waiting) > 0 {
		d.want(channel, p, p.waiting[0].first-1)
	}
}
