package store

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// pending is one send in the writer.
type pending struct {
	Send
	calls    calls
	deadline time.Time           // when the sender stops waiting, at the latest
	id       uuid.UUID           // of the message, if it is this send that stores it
	tried    bool                // was given to PostgreSQL, so that it may be stored
	twins    []*pending          // others in the batch with the same author and ClientID
	over     atomic.Bool         // the sender has its answer, or waits for none
	expiry   *time.Timer         // nil when the send was refused at once
	answered func(Stored, error) // is called once, and does not wait
}

type answer struct {
	stored Stored
	err    error
}

// finish answers the sender, unless that was done.
func (p *pending) finish(stored Stored, err error) {
	if p.over.CompareAndSwap(false, true) {
		if p.expiry != nil {
			p.expiry.Stop()
		}
		p.answered(stored, err)
	}
}

// expire answers a sender whose time is up.
func (p *pending) expire() {
	if p.over.CompareAndSwap(false, true) {
		p.answered(Stored{}, notNow(context.DeadlineExceeded))
	}
}

// pairTwins leaves of sends with the same author and ClientID only the first, with the others as its twins.
func pairTwins(batch []*pending) []*pending {
	type key struct{ author, client uuid.UUID }
	first := make(map[key]*pending, len(batch))
	return slices.DeleteFunc(batch, func(p *pending) bool {
		k := key{p.AuthorID, p.ClientID}
		if leader := first[k]; leader != nil {
			leader.twins = append(leader.twins, p)
			return true
		}
		first[k] = p
		return false
	})
}

// awaited reports whether a sender still waits for the answer.
func (p *pending) awaited() bool {
	return !p.over.Load() || slices.ContainsFunc(p.twins, (*pending).awaited)
}

// lastDeadline is when the last of the senders stops waiting.
func (p *pending) lastDeadline() time.Time {
	last := p.deadline
	for _, twin := range p.twins {
		if d := twin.lastDeadline(); d.After(last) {
			last = d
		}
	}
	return last
}

// settle answers the sender, and the twins: to them the message was stored before.
func (p *pending) settle(stored Stored, err error) {
	p.finish(stored, err)
	for _, twin := range p.twins {
		if twin.ChannelID == p.ChannelID {
			twin.settle(Stored{Message: stored.Message}, err)
		} else {
			twin.settle(Stored{}, errOtherChannel)
		}
	}
}

var errOtherChannel = &Error{Code: Conflict, Message: "A message with this client_id was sent to another channel. Choose a new client_id."}
