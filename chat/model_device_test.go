package chat_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"

	"snug/store"
)

// device is a client as docs/protocol.md describes it: what it knows of its channels is what it was told. Its steps are of
// one goroutine, what it reads is of another.
type device struct {
	*scene
	user
	name string

	mu       sync.Mutex
	replicas map[uuid.UUID]*replica
	waiting  map[string]chan frame // for an ack or an error, by client_id
	resumed  chan struct{}         // closed when the socket has all that was missed

	socket *websocket.Conn // nil while away
	ended  chan struct{}   // closed when nothing more is read of socket
}

// replica is a channel as the device knows it.
type replica struct {
	view     view
	cursor   int64 // seq of the last message
	members  map[uuid.UUID]bool
	topic    string
	archived bool
	partial  bool // the user was out again before all of it was fetched
}

// connect has the device connected: as it is, or anew to that node. It reports whether that worked.
func (d *device) connect(node int) bool {
	if d.socket != nil {
		select {
		case <-d.ended:
			_ = d.socket.Close()
			d.socket = nil
		default:
			return true
		}
	}
	header := http.Header{"Authorization": {"Bearer " + d.token}}
	dialer := websocket.Dialer{HandshakeTimeout: attemptLimit}
	socket, response, err := dialer.Dial("ws://"+d.nodes[node].Addr+"/api/ws", header)
	if err != nil {
		if response != nil && response.StatusCode != http.StatusServiceUnavailable {
			d.problem("%s cannot connect: %v: %s", d.name, err, response.Status)
		}
		return false
	}
	seqs := map[uuid.UUID]int64{}
	d.mu.Lock()
	for id, r := range d.replicas {
		seqs[id] = r.cursor
	}
	d.resumed = make(chan struct{})
	d.mu.Unlock()
	d.socket, d.ended = socket, make(chan struct{})
	d.history.connections.Add(1)
	go d.read(socket, d.ended)
	return socket.WriteJSON(object{"type": "hello", "resume": seqs}) == nil
}

// hangUp ends the connection: with a word, without, or with a reset.
func (d *device) hangUp(how int) {
	if d.socket == nil {
		return
	}
	switch how % 3 {
	case 0:
		_ = d.socket.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
	case 1:
		_ = d.socket.NetConn().(*net.TCPConn).SetLinger(0)
	}
	_ = d.socket.Close()
	<-d.ended
	d.socket = nil
}

func (d *device) read(socket *websocket.Conn, ended chan struct{}) {
	defer close(ended)
	for {
		_, raw, err := socket.ReadMessage()
		if err != nil {
			if websocket.IsCloseError(err, 4401, 4408, 4429, 1008) {
				d.problem("%s was closed: %v", d.name, err)
			}
			return
		}
		var f frame
		if err := json.Unmarshal(raw, &f); err != nil {
			d.problem("%s got %s: %v", d.name, raw, err)
		} else if err := d.take(f); err != nil {
			d.problem("%s got %s: %v", d.name, raw, err)
		}
	}
}

// take does what a frame says. An error is something that must not come.
func (d *device) take(f frame) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch f.Type {
	case "ack", "error":
		if waiting := d.waiting[f.ClientID]; waiting != nil {
			waiting <- f
			delete(d.waiting, f.ClientID)
		}
		return nil
	case "welcome":
		d.takeWelcome(f.Channels)
		return nil
	case "resumed":
		close(d.resumed)
		return nil
	case "message", "message_updated":
		f.ChannelID = f.message(d.t).ChannelID
	case "channel":
		return d.takeChannel(f)
	}
	if !d.scene.has(f.ChannelID) {
		return nil // of the workspace, or of another scene
	}
	r := d.replicas[f.ChannelID]
	if r == nil {
		return fmt.Errorf("of a channel that is none of the user's")
	}
	return d.takeEvent(r, f)
}

func (d *device) takeEvent(r *replica, f frame) error {
	switch f.Type {
	case "message":
		if m := f.message(d.t); m.Seq != r.cursor+1 {
			return fmt.Errorf("after seq %d", r.cursor)
		}
		r.cursor++
	case "gap":
		if f.From > f.To || f.From > r.cursor+1 {
			return fmt.Errorf("a gap after seq %d", r.cursor)
		}
		d.history.gaps.Add(1)
		r.fetch(d, f.ChannelID, f.From, f.To)
		r.cursor = max(r.cursor, f.To)
	case "member":
		var who store.User
		if err := json.Unmarshal(f.User, &who); err != nil {
			return err
		}
		if r.members[who.ID] = true; f.Left {
			delete(r.members, who.ID)
		}
	}
	if err := r.view.take(d.t, f); err != nil && !r.partial {
		return err
	}
	return nil
}

// takeWelcome forgets what is none of the user's any more, and begins with what has become so.
func (d *device) takeWelcome(channels []store.Membership) {
	for id := range d.replicas {
		if !slices.ContainsFunc(channels, func(m store.Membership) bool { return m.ID == id }) {
			delete(d.replicas, id)
		}
	}
	for _, m := range channels {
		d.keep(m)
	}
}

func (d *device) takeChannel(f frame) error {
	id := f.Channel.ID
	if f.Removed {
		id = f.ChannelID
	}
	if !d.scene.has(id) {
		return nil
	}
	switch {
	case f.Removed:
		delete(d.replicas, id)
	case f.Channel.Joined:
		d.keep(f.Channel)
	case d.replicas[id] == nil:
		return fmt.Errorf("of a channel that is none of the user's")
	default:
		d.replicas[id].is(f.Channel.Channel)
	}
	return nil
}

// keep takes what a channel is, and fetches what was there before if it is new to the device.
func (d *device) keep(m store.Membership) {
	if !d.scene.has(m.ID) {
		return
	}
	r := d.replicas[m.ID]
	if r == nil {
		r = &replica{view: view{}, cursor: m.LastSeq, members: map[uuid.UUID]bool{}}
		d.replicas[m.ID] = r
		r.fetch(d, m.ID, 1, m.LastSeq)
		r.fetchMembers(d, m.ID)
	}
	r.is(m.Channel)
}

func (r *replica) is(c store.Channel) { r.topic, r.archived = c.Topic, c.Archived }

// fetch reads messages over HTTP, and what was known of them is forgotten.
func (r *replica) fetch(d *device, channel uuid.UUID, from, to int64) {
	for after := from - 1; after < to; {
		messages, more, ok := d.fetchPage(channel, after, int(min(200, to-after)))
		if !ok {
			r.partial = true
			return
		}
		for _, m := range messages {
			r.view[m.Seq], after = m, m.Seq
		}
		if !more && after < to {
			d.problem("%s fetches seq %d to %d, and there is nothing after %d", d.name, from, to, after)
			return
		}
	}
}

func (r *replica) fetchMembers(d *device, channel uuid.UUID) {
	var page struct{ Members []store.User }
	if a := d.ask(0, "GET", channelPath(channel, "/members?limit=200"), nil); a.status == 200 && json.Unmarshal(a.body, &page) == nil {
		for _, u := range page.Members {
			r.members[u.ID] = true
		}
		return
	}
	r.partial = true
}

// has reports whether the device has all messages of the channels up to these seqs, and no other channels.
func (d *device) has(heads map[uuid.UUID]int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(heads) != len(d.replicas) {
		return false
	}
	for id, seq := range heads {
		if r := d.replicas[id]; r == nil || r.cursor < seq {
			return false
		}
	}
	return true
}

// known picks a message that the device knows.
func (d *device) known(channel uuid.UUID, which int) (store.Message, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.replicas[channel]
	if r == nil || len(r.view) == 0 {
		return store.Message{}, false
	}
	seqs := slices.Sorted(maps.Keys(r.view))
	seqs = seqs[max(0, len(seqs)-40):] // the newest: so that they meet
	return r.view[seqs[which%len(seqs)]], true
}
