package chat

import (
	"encoding/json"
	"sync"

	"github.com/google/uuid"

	"snug/store"
)

// wireMessage is a message and its JSON, which is made once, by whoever needs it first: the acknowledgement to the
// sender or the delivery to the channel.
type wireMessage struct {
	store.Message
	changed bool // by a reply: it is told of as it is now, and is no new one
	once    sync.Once
	json    []byte
}

func (w *wireMessage) encode(m *markdown) []byte {
	w.once.Do(func() {
		w.HTML = m.HTML(w.Body)
		w.json = encodeJSON(w.Message)
	})
	return w.json
}

// run is consecutive changes of one channel, as the frames that carry them: new messages, or one change of another kind.
type run struct {
	channel     uuid.UUID
	first, last int64      // revs; a run of none has first == last+1, and says that the channel has come to last
	seq         int64      // of the first message; 0 if the change is no new message
	frames      []byte     // one after the other
	file        *frameFile // the frames once more, if they are many for many; else nil
	ends        []int      // where in frames that of rev first+i ends
}

var messageFrameHead, messageFrameTail = []byte(`{"type":"message","message":`), []byte(`}`)

// newRun makes a run of consecutive messages in wire form: the first has that rev and seq.
func newRun(channel uuid.UUID, first, seq int64, messages []json.RawMessage) *run {
	size := 0
	for _, m := range messages {
		size += len(m) + len(messageFrameHead) + 16
	}
	r := &run{channel: channel, first: first, last: first + int64(len(messages)) - 1, seq: seq,
		frames: make([]byte, 0, size), ends: make([]int, 0, len(messages))}
	for _, m := range messages {
		r.frames = appendFrame(r.frames, messageFrameHead, m, messageFrameTail)
		r.ends = append(r.ends, len(r.frames))
	}
	return r
}

// newChange is a run of one change that is no new message.
func newChange(channel uuid.UUID, rev int64, frame []byte) *run {
	return &run{channel: channel, first: rev, last: rev, frames: appendFrame(nil, frame)}
}

// after returns the frames of the changes above rev, which is at least first-1.
func (r *run) after(rev int64) piece {
	all := piece{bytes: r.frames, file: r.file}
	if rev < r.first {
		return all
	}
	return all.from(r.ends[rev-r.first])
}

// lastSeq is of the run's newest message; 0 if there is none in it.
func (r *run) lastSeq() int64 {
	if r.seq == 0 {
		return 0
	}
	return r.seq + r.last - r.first
}

// encodedRun is a run and the messages in it, for those that make other frames of them, or the one change that it is.
type encodedRun struct {
	*run
	encoded []json.RawMessage
	change  json.RawMessage
}

// event is what the other nodes are told of the run.
func (r encodedRun) event() nodeEvent {
	if r.change != nil {
		return nodeEvent{Kind: kindChange, Channel: r.channel, Rev: r.first, Frame: r.change}
	}
	return nodeEvent{Kind: kindMessages, Channel: r.channel, Rev: r.first, Seq: r.seq, Messages: r.encoded}
}

// runs cuts messages that were just stored or changed, which are in rising rev per channel, into runs.
func (m *markdown) runs(messages []*wireMessage) []encodedRun {
	byChannel, order := map[uuid.UUID][]*wireMessage{}, []uuid.UUID{}
	for _, w := range messages {
		if byChannel[w.ChannelID] == nil {
			order = append(order, w.ChannelID)
		}
		byChannel[w.ChannelID] = append(byChannel[w.ChannelID], w)
	}
	var runs []encodedRun
	for _, channel := range order {
		for list := byChannel[channel]; len(list) > 0; {
			if w := list[0]; w.changed {
				frame := m.later(w)
				runs = append(runs, encodedRun{run: newChange(channel, w.Rev, frame), change: frame})
				list = list[1:]
				continue
			}
			n := 1
			for n < len(list) && !list[n].changed && list[n].CreatedRev == list[n-1].CreatedRev+1 {
				n++
			}
			encoded := make([]json.RawMessage, n)
			for i, w := range list[:n] {
				encoded[i] = w.encode(m)
			}
			runs = append(runs, encodedRun{run: newRun(channel, list[0].CreatedRev, list[0].Seq, encoded), encoded: encoded})
			list = list[n:]
		}
	}
	return runs
}

// recentMessages lets a sender find the wire form of the message it has just stored.
type recentMessages struct {
	markdown *markdown
	mu       sync.Mutex
	byID     map[uuid.UUID]*wireMessage
	ring     []uuid.UUID // the ids in byID, the oldest at next
	next     int
}

// recentCount is how many messages are remembered, whose senders have not come for them: more than one commit stores.
const recentCount = 2048

func newRecentMessages(m *markdown) *recentMessages {
	return &recentMessages{markdown: m, byID: make(map[uuid.UUID]*wireMessage, recentCount), ring: make([]uuid.UUID, recentCount)}
}

// add remembers messages that were just committed.
func (r *recentMessages) add(messages []store.Message) []*wireMessage {
	wire := make([]*wireMessage, len(messages))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range messages {
		wire[i] = &wireMessage{Message: messages[i]}
		delete(r.byID, r.ring[r.next])
		r.byID[messages[i].ID] = wire[i]
		r.ring[r.next] = messages[i].ID
		r.next = (r.next + 1) % len(r.ring)
	}
	return wire
}

// take returns the wire form of a stored message, encoded. It is then forgotten: a message has one sender.
func (r *recentMessages) take(message store.Message) *wireMessage {
	r.mu.Lock()
	w := r.byID[message.ID]
	delete(r.byID, message.ID)
	r.mu.Unlock()
	if w == nil {
		w = &wireMessage{Message: message}
	}
	w.encode(r.markdown)
	return w
}
