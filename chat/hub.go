package chat

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"snug/store"
	"snug/store/cache"
)

// hub knows this node's sockets, and brings them what happens: here, and through the cache on other nodes.
//
// One goroutine, in run, owns all of its state; others hand it functions to run there. It never waits for a socket, for
// the database or for the cache.
type hub struct {
	hubConfig
	markdown *markdown
	recent   *recentMessages
	catchup  *catchup
	turns    *turns
	files    frameFiles
	ops      chan func()
	ended    chan struct{} // closed when run takes no more ops
	backlog  backlog
	outgoing chan nodeEvent
	pollNow  chan struct{}  // holds one when a look for missed messages is due
	looks    sync.WaitGroup // reads of whom a guest sees, and of who is in a channel

	// Of run's goroutine alone.
	began         time.Time
	conns         map[*conn]bool
	due           []*conn // are to have a turn
	channels      map[uuid.UUID]*hubChannel
	sessions      map[uuid.UUID]map[*conn]bool
	endedSessions map[uuid.UUID]time.Time // when; for sockets that were let in a moment before
	users         map[uuid.UUID]map[*conn]bool
	presence      *presence
	guests        map[*conn]bool
	peers         map[uuid.UUID]*peer
	announced     time.Time // when the other nodes were last told who is online here
	polling       bool
	polled        time.Time // when the database was last looked into with success
	leaving       bool      // the server ends: no more sockets
	telling       int       // frames that wait to be told to the members of a channel
}

type hubConfig struct {
	Node   uuid.UUID // this node's own name
	Store  *store.Store
	Cache  *cache.Client
	Tuning tuning
	Logger *slog.Logger
}

// hubChannel is a channel of which this node has heard.
type hubChannel struct {
	conns map[*conn]bool      // who gets its messages
	head  int64               // the highest rev that was handed on
	gone  map[uuid.UUID]int64 // by when users were known to have left
}

func newHub(cfg hubConfig) *hub {
	md := newMarkdown(cfg.Logger)
	return &hub{
		hubConfig: cfg,
		markdown:  md,
		recent:    newRecentMessages(md),
		catchup:   newCatchup(cfg.Store, md, cfg.Tuning),
		turns:     &turns{},
		ops:       make(chan func(), 256),
		ended:     make(chan struct{}),
		backlog:   backlog{wake: make(chan struct{}, 1)},
		outgoing:  make(chan nodeEvent, 1024),
		pollNow:   make(chan struct{}, 1),

		conns:         map[*conn]bool{},
		channels:      map[uuid.UUID]*hubChannel{},
		sessions:      map[uuid.UUID]map[*conn]bool{},
		endedSessions: map[uuid.UUID]time.Time{},
		users:         map[uuid.UUID]map[*conn]bool{},
		presence:      newPresence(cfg.Tuning.presenceGrace),
		guests:        map[*conn]bool{},
		peers:         map[uuid.UUID]*peer{},
	}
}

// run owns the hub's state until ctx ends.
func (h *hub) run(ctx context.Context) error {
	var helpers sync.WaitGroup
	defer h.catchup.left.Wait()
	defer h.looks.Wait()
	defer helpers.Wait()
	defer h.letGo()
	defer close(h.ended) // before: the helpers may have something to post
	helpers.Go(func() { h.publish(ctx) })
	helpers.Go(func() { h.listen(ctx) })

	poll := time.NewTicker(h.Tuning.poll)
	defer poll.Stop()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	h.began = time.Now()
	h.announce(true)
	for {
		select {
		case <-ctx.Done():
			return nil
		case op := <-h.ops:
			op()
		case <-h.backlog.wake:
			h.deliverBacklog()
		case <-poll.C:
			h.poll(ctx, &helpers)
		case <-h.pollNow:
			h.poll(ctx, &helpers)
		case now := <-beat.C:
			h.beat(now)
		}
		h.giveTurns()
	}
}

// post hands the hub something to do, and does not wait until it is done.
func (h *hub) post(op func()) {
	select {
	case h.ops <- op:
	case <-h.ended:
	}
}

// do hands the hub something to do, and returns when it is done, or the hub has ended.
func (h *hub) do(op func()) {
	done := make(chan struct{})
	h.post(func() {
		defer close(done)
		op()
	})
	select {
	case <-done:
	case <-h.ended:
	}
}

// committed takes from the writer newly stored messages, and those that replies among them have changed. It never waits.
func (h *hub) committed(stored, changed []store.Message) {
	wire := h.recent.add(stored)
	for i := range changed {
		wire = append(wire, &wireMessage{Message: changed[i], changed: true})
	}
	h.backlog.put(wire)
}

// acknowledge lets a sender know that its message is stored, as soon as [hub.answered] is called: together with the
// message itself, which the sender gets like everybody in the channel. It never waits.
func (h *hub) acknowledge(r receipt) {
	if !h.backlog.receive(r) {
		r.done() // the hub has ended, and with it the sockets
	}
}

// letGo ends the waiting for acknowledgements when the hub ends.
func (h *hub) letGo() {
	for _, r := range h.backlog.close() {
		r.done()
	}
}

// answered lets the hub deliver what was committed and acknowledged.
func (h *hub) answered() { h.backlog.signal() }

// deliverBacklog delivers what waits.
func (h *hub) deliverBacklog() {
	messages, receipts := h.backlog.take()
	for _, r := range receipts {
		if r.out.add(r.item(h.recent)) {
			h.due = append(h.due, r.conn)
		}
		r.done()
	}
	h.deliver(messages)
}

// deliver brings new messages of this node, and what replies have changed, to its sockets and to the other nodes.
func (h *hub) deliver(messages []*wireMessage) {
	if len(h.conns) == 0 && h.alone() {
		for _, m := range messages {
			h.channel(m.ChannelID).rise(m.Rev)
		}
		return
	}
	for _, r := range h.markdown.runs(messages) {
		h.handOn(r.run)
		if !h.alone() {
			h.toPeers(r.event())
		}
	}
}

// handOn gives a run to all who are in its channel.
func (h *hub) handOn(r *run) {
	channel := h.channel(r.channel)
	channel.rise(r.last)
	if len(r.frames) >= filedBytes && len(channel.conns) >= filedReaders {
		h.file(r)
	}
	h.putAll(channel.conns, func(*conn) bool { return true }, item{run: r})
}

// file puts the frames of a run into a file. Without one they are written from where they are.
func (h *hub) file(r *run) {
	file, err := h.files.put(r.frames)
	if err != nil {
		h.Logger.Debug("frames are copied for each reader", "error", err)
		return
	}
	r.file = file
}

// putAll gives an item to those of the sockets that it is for.
func (h *hub) putAll(conns map[*conn]bool, isFor func(*conn) bool, it item) {
	for c := range conns {
		if isFor(c) && c.out.add(it) {
			h.due = append(h.due, c)
		}
	}
}

// giveTurns lets the sockets write that have got something: all together, and each what it got of several things.
func (h *hub) giveTurns() {
	h.turns.give(h.due...)
	clear(h.due)
	h.due = h.due[:0]
}

func (h *hub) channel(id uuid.UUID) *hubChannel {
	channel := h.channels[id]
	if channel == nil {
		channel = &hubChannel{conns: map[*conn]bool{}}
		h.channels[id] = channel
	}
	return channel
}

func (c *hubChannel) rise(rev int64) { c.head = max(c.head, rev) }

// enter makes a socket known. It reports false when the server ends.
func (h *hub) enter(c *conn) (ok bool) {
	h.do(func() {
		if ok = !h.leaving; ok {
			h.conns[c] = true
			addTo(h.sessions, c.who.Session.ID, c)
			addTo(h.users, c.who.User.ID, c)
			h.lookAs(c, c.who.User.Role)
			if len(h.users[c.who.User.ID]) > h.Tuning.sockets {
				c.out.close(ending{code: closeTooMuch, reason: "too many connections at once; close some"})
			}
			if _, over := h.endedSessions[c.who.Session.ID]; over {
				h.closeSession(c.who.Session.ID)
			}
		}
	})
	return ok
}

// welcome begins to bring a socket what happens in its channels: what it has not seen of them, and all that is new.
func (h *hub) welcome(c *conn, frame welcomeFrame, resume map[uuid.UUID]seen) {
	h.do(func() {
		if h.presence.enter(c.who.User.ID) {
			h.tellPresence(c.who.User.ID, true)
		}
		c.welcomed = true
		frame.Online = c.visible(h.presence.online())
		frame.Channels = slices.DeleteFunc(frame.Channels, func(m store.Membership) bool {
			return !h.channel(m.ID).comes(c.who.User.ID, m.LastRev) // left since they were read
		})
		begins := make([]begin, len(frame.Channels))
		for i, m := range frame.Channels {
			begins[i] = h.begin(c, m, resume)
		}
		c.out.put(item{parcel: &parcel{frame: encodeFrame(frame), begin: begins}})
		if len(begins) == 0 {
			c.out.put(frameItem(encodeFrame(plainFrame{Type: "resumed"})))
		}
	})
}

// begin makes a socket one of a channel's.
func (h *hub) begin(c *conn, m store.Membership, resume map[uuid.UUID]seen) begin {
	// The hub may know of newer messages than the database did a moment ago, or the database of some that nobody has told
	// the hub of, and so none of those who are here already.
	h.noteHead(m.ID, m.LastRev)
	channel := h.channel(m.ID)
	channel.conns[c], c.channels[m.ID] = true, m.LastRev
	b := begin{channel: m.ID, cursor: m.LastRev, last: max(m.LastRev, channel.head), seq: m.LastSeq, resumed: true}
	if seen, ok := resume[m.ID]; ok {
		b.cursor, b.seq = seen.rev, seen.seq
	}
	return b
}

// leave forgets a socket.
func (h *hub) leave(c *conn) {
	h.do(func() {
		delete(h.conns, c)
		delete(h.guests, c)
		removeFrom(h.sessions, c.who.Session.ID, c)
		removeFrom(h.users, c.who.User.ID, c)
		for id := range c.channels {
			delete(h.channels[id].conns, c)
		}
		if c.welcomed {
			h.presence.leave(c.who.User.ID, time.Now())
		}
	})
}

func addTo(sets map[uuid.UUID]map[*conn]bool, id uuid.UUID, c *conn) {
	if sets[id] == nil {
		sets[id] = map[*conn]bool{}
	}
	sets[id][c] = true
}

func removeFrom(sets map[uuid.UUID]map[*conn]bool, id uuid.UUID, c *conn) {
	delete(sets[id], c)
	if len(sets[id]) == 0 {
		delete(sets, id)
	}
}

// endSession closes the sockets of a login that has ended, here and on the other nodes.
func (h *hub) endSession(id uuid.UUID) {
	h.post(func() {
		h.closeSession(id)
		h.toPeers(nodeEvent{Kind: kindSession, Session: id})
	})
}

func (h *hub) closeSession(id uuid.UUID) {
	h.endedSessions[id] = time.Now()
	for c := range h.sessions[id] {
		c.out.close(ending{code: closeUnauthenticated, reason: "logged out"})
	}
}
