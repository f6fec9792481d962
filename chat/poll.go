package chat

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"snug/store"
)

// The cache may lose what nodes tell each other, and a node may end between a commit and its word of it. So each node looks
// into the database from time to time.

// joinsOverlap is how much further back than the last look a look goes for who has joined: longer than a transaction that
// lets somebody join takes from its beginning to its commit.
const joinsOverlap = time.Minute

// nudge says that the channel has come to rev, in case nobody was told of the changes up to there.
func (h *hub) nudge(channel uuid.UUID, rev int64) {
	h.post(func() { h.noteHead(channel, rev) })
}

func (h *hub) noteHead(channel uuid.UUID, rev int64) {
	if h.channel(channel).head < rev {
		h.handOn(&run{channel: channel, first: rev + 1, last: rev})
	}
}

// look is what the database says of what this node watches.
type look struct {
	heads  []store.Head
	joined []store.MemberKey
	failed error
}

// poll looks in the database for changes that no event told of. One look is under way at a time.
func (h *hub) poll(ctx context.Context, helpers *sync.WaitGroup) {
	if h.polling || len(h.users) == 0 {
		return
	}
	var watched []uuid.UUID
	for id, channel := range h.channels {
		if len(channel.conns) > 0 {
			watched = append(watched, id)
		}
	}
	h.polling = true
	began, since := time.Now(), h.began
	if !h.polled.IsZero() {
		since = h.polled
	}
	helpers.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		found := h.look(ctx, watched, time.Since(since)+joinsOverlap)
		if found.failed != nil && ctx.Err() == nil {
			h.Logger.Warn("cannot look for what was missed", "error", found.failed)
		}
		h.do(func() {
			h.noteHeads(watched, found)
			found.joined = h.unknown(found.joined)
		})
		members, err := h.memberships(ctx, found.joined)
		h.post(func() {
			h.polling = false
			for _, m := range members {
				h.admit(admission(m.UserID, m))
			}
			if found.failed == nil && err == nil {
				h.polled = began
			}
		})
	})
}

func (h *hub) look(ctx context.Context, watched []uuid.UUID, back time.Duration) (found look) {
	found.heads, found.failed = h.Store.Heads(ctx, watched)
	if found.failed == nil {
		found.joined, found.failed = h.Store.JoinedSince(ctx, back.Seconds())
	}
	return found
}

// noteHeads takes how far the watched channels have come. Of those that are no more there is nothing to be heard.
func (h *hub) noteHeads(watched []uuid.UUID, found look) {
	if found.failed != nil {
		return
	}
	there := make(map[uuid.UUID]bool, len(found.heads))
	for _, head := range found.heads {
		there[head.ChannelID] = true
		h.noteHead(head.ChannelID, head.LastRev)
	}
	for _, id := range watched {
		if !there[id] {
			h.close(id)
		}
	}
}

// unknown returns those memberships of which a socket here has not heard.
func (h *hub) unknown(joined []store.MemberKey) []store.MemberKey {
	var list []store.MemberKey
	for _, k := range joined {
		for c := range h.users[k.UserID] {
			if _, in := c.channels[k.ChannelID]; c.welcomed && !in {
				list = append(list, k)
				break
			}
		}
	}
	return list
}

// memberships reads those of which this node was not told.
func (h *hub) memberships(ctx context.Context, keys []store.MemberKey) ([]store.Membership, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	members, err := h.Store.Memberships(ctx, keys)
	if err != nil && ctx.Err() == nil {
		h.Logger.Warn("cannot read who has joined", "error", err)
	}
	return members, err
}

// pollSoon looks for what was missed without waiting for the next poll.
func (h *hub) pollSoon() {
	select {
	case h.pollNow <- struct{}{}:
	default:
	}
}
