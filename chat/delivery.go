package chat

import (
	"cmp"
	"slices"

	"github.com/google/uuid"
)

// delivery decides what one connection gets of each channel, and when: every message once, in rising seq.
//
// It belongs to the connection's writer. Runs come in any order, doubled or not at all; what is missing between the last
// message written and the next run is asked for, and what comes meanwhile waits.
type delivery struct {
	channels map[uuid.UUID]*position
	wanted   []uuid.UUID // channels with something to fetch, the longest waiting first
}

// position is where a connection is in a channel.
type position struct {
	cursor  int64  // seq of the last message written
	target  int64  // what must be fetched up to; nothing when not above cursor
	waiting []*run // came above cursor+1 while the messages below were missing
	size    int    // bytes of waiting
}

// waitingLimit is how many bytes of a channel may wait for messages below them; what comes beyond is fetched later.
const waitingLimit = 4 << 20

// span is seqs of a channel, both ends included.
type span struct {
	channel  uuid.UUID
	from, to int64
}

func newDelivery() *delivery { return &delivery{channels: map[uuid.UUID]*position{}} }

// join begins to deliver a channel: what is above cursor is still to come, and up to last it is known to exist.
func (d *delivery) join(channel uuid.UUID, cursor, last int64) {
	p := &position{cursor: cursor}
	d.channels[channel] = p
	d.want(channel, p, last)
}

// want asks for the messages up to seq.
func (d *delivery) want(channel uuid.UUID, p *position, seq int64) {
	if seq <= p.cursor {
		return
	}
	if p.target <= p.cursor {
		d.wanted = append(d.wanted, channel)
	}
	p.target = max(p.target, seq)
}

// missing returns what to fetch next, if anything.
func (d *delivery) missing() (span, bool) {
	if len(d.wanted) == 0 {
		return span{}, false
	}
	p := d.channels[d.wanted[0]]
	return span{channel: d.wanted[0], from: p.cursor + 1, to: p.target}, true
}

// offer takes a run and calls write with the frames that are due.
func (d *delivery) offer(r *run, write func(frames []byte)) {
	p := d.channels[r.channel]
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

// skip goes on above seq, as if everything up to there had been written.
func (d *delivery) skip(channel uuid.UUID, seq int64, write func(frames []byte)) {
	p := d.channels[channel]
	p.cursor = max(p.cursor, seq)
	d.settle(channel, p, write)
}

func (p *position) advance(r *run, write func(frames []byte)) {
	if r.last > p.cursor {
		write(r.after(p.cursor))
		p.cursor = r.last
	}
}

// settle writes what waited and can go now, and sees to what is missing before the rest.
func (d *delivery) settle(channel uuid.UUID, p *position, write func(frames []byte)) {
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
