package chat

import (
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// presence counts who is online on this node. It belongs to the hub's goroutine.
type presence struct {
	grace   time.Duration
	sockets map[uuid.UUID]int       // of each user that has any
	left    map[uuid.UUID]time.Time // users whose last socket went less than grace ago
	remote  map[uuid.UUID]int       // on how many other nodes a user is
	changed bool                    // since the other nodes were told
}

func newPresence(grace time.Duration) *presence {
	return &presence{grace: grace, sockets: map[uuid.UUID]int{}, left: map[uuid.UUID]time.Time{}, remote: map[uuid.UUID]int{}}
}

// isHere reports whether the user is online on this node, or was a moment ago.
func (p *presence) isHere(user uuid.UUID) bool {
	_, left := p.left[user]
	return left || p.sockets[user] > 0
}

func (p *presence) isOnline(user uuid.UUID) bool { return p.isHere(user) || p.remote[user] > 0 }

// enter counts a socket and reports whether its user has come online by it.
func (p *presence) enter(user uuid.UUID) bool {
	here, online := p.isHere(user), p.isOnline(user)
	delete(p.left, user)
	p.sockets[user]++
	p.changed = p.changed || !here
	return !online
}

// leave counts a socket off. Whether the user is away shows after the grace.
func (p *presence) leave(user uuid.UUID, now time.Time) {
	if p.sockets[user]--; p.sockets[user] <= 0 {
		delete(p.sockets, user)
		p.left[user] = now
	}
}

// expire returns the users who are away since the grace has passed.
func (p *presence) expire(now time.Time) []uuid.UUID {
	var away []uuid.UUID
	for user, left := range p.left {
		if now.Sub(left) < p.grace {
			continue
		}
		delete(p.left, user)
		p.changed = true
		if !p.isOnline(user) {
			away = append(away, user)
		}
	}
	return away
}

// setRemote replaces what another node said of who is online there, and returns who has come and who has gone by it.
func (p *presence) setRemote(before, after []uuid.UUID) (come, gone []uuid.UUID) {
	for _, user := range after {
		if !p.isOnline(user) {
			come = append(come, user)
		}
		p.remote[user]++
	}
	for _, user := range before {
		if p.remote[user]--; p.remote[user] <= 0 {
			delete(p.remote, user)
		}
		if !p.isOnline(user) {
			gone = append(gone, user)
		}
	}
	return come, gone
}

// here returns who is online on this node.
func (p *presence) here() []uuid.UUID {
	all := make([]uuid.UUID, 0, len(p.sockets)+len(p.left))
	all = slices.AppendSeq(all, maps.Keys(p.sockets))
	return slices.AppendSeq(all, maps.Keys(p.left)) // who left has no sockets
}

// online returns who is online anywhere.
func (p *presence) online() []uuid.UUID {
	all := p.here()
	for user := range p.remote {
		if !p.isHere(user) {
			all = append(all, user)
		}
	}
	return all
}
