package chat

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"snug/store"
)

// sequence is a channel in the database and what a client has of it.
type sequence struct {
	t    *rapid.T
	id   uuid.UUID
	log  []int64         // by rev-1: the seq of the message that was stored or changed
	seqs int64           // how many messages there are
	has  map[int64]int64 // the client's messages: by seq, the rev that they are as of
}

func (s *sequence) head() int64 { return int64(len(s.log)) }

// store appends a new message to the log, change a change of an older one.
func (s *sequence) store() {
	s.seqs++
	s.log = append(s.log, s.seqs)
}

func (s *sequence) change(seq int64) { s.log = append(s.log, seq) }

// created is the rev that a message was stored with, latest that of its last change.
func (s *sequence) created(seq int64) int64 { return int64(slices.Index(s.log, seq) + 1) }

func (s *sequence) latest(seq int64) (rev int64) {
	for i, changed := range s.log {
		if changed == seq {
			rev = int64(i + 1)
		}
	}
	return rev
}

func (s *sequence) json(seq, rev int64) json.RawMessage {
	return fmt.Appendf(nil, `{"c":%q,"s":%d,"r":%d}`, s.id, seq, rev)
}

// runs are the changes from one rev to another as they are handed on.
func (s *sequence) runs(first, last int64) (runs []*run) {
	for rev := first; rev <= last; rev++ {
		seq := s.log[rev-1]
		if rev == s.created(seq) {
			runs = append(runs, newRun(s.id, rev, seq, []json.RawMessage{s.json(seq, rev)}))
		} else {
			runs = append(runs, newChange(s.id, rev, fmt.Appendf(nil, `{"message":%s}`, s.json(seq, rev))))
		}
	}
	return runs
}

// page is what is read of a span: at most so many messages, as they are now.
func (s *sequence) page(span store.Span, most int64) page {
	p := page{Span: span, lastSeq: span.AfterSeq}
	var messages []json.RawMessage
	for seq := span.AfterSeq + 1; seq <= s.seqs && s.created(seq) <= span.To; seq++ {
		if int64(len(messages)) == most {
			p.To = s.created(seq - 1)
			break
		}
		messages, p.lastSeq = append(messages, s.json(seq, s.latest(seq))), seq
	}
	if len(messages) > 0 {
		p.messages = newRun(s.id, span.AfterSeq+1, span.AfterSeq+1, messages)
	}
	for seq := int64(1); seq <= span.AfterSeq; seq++ {
		if rev := s.latest(seq); rev >= span.From {
			p.others = appendFrame(p.others, fmt.Appendf(nil, `{"message":%s}`, s.json(seq, rev)))
		}
	}
	return p
}

// client takes frames as a WebSocket client does, and wants messages in order.
type client struct {
	t        *rapid.T
	channels map[uuid.UUID]*sequence
}

func (c client) take(p piece) {
	for frames := p.bytes; len(frames) > 0; {
		if frames[0] != 0x81 || frames[1] > 125 {
			c.t.Fatalf("not a short text frame: % x", frames[:2])
		}
		end := 2 + int(frames[1])
		var f struct {
			Type    string
			Message struct {
				C    uuid.UUID
				S, R int64
			}
		}
		if err := json.Unmarshal(frames[2:end], &f); err != nil {
			c.t.Fatalf("frame %s: %v", frames[2:end], err)
		}
		s, seq := c.channels[f.Message.C], f.Message.S
		_, known := s.has[seq]
		if isNew := f.Type == "message"; isNew == known || (isNew && seq != int64(len(s.has)+1)) {
			c.t.Fatalf("with %d messages there came %s", len(s.has), frames[2:end])
		}
		s.has[seq] = f.Message.R
		frames = frames[end:]
	}
}

// deliveryModel is a delivery of some channels, and the client at its end.
type deliveryModel struct {
	client
	*delivery
	all []*sequence
}

func newDeliveryModel(t *rapid.T) *deliveryModel {
	m := &deliveryModel{client: client{t: t, channels: map[uuid.UUID]*sequence{}}, delivery: newDelivery()}
	for range rapid.IntRange(1, 3).Draw(t, "channels") {
		s := &sequence{t: t, id: uuid.New(), has: map[int64]int64{}}
		m.all, m.client.channels[s.id] = append(m.all, s), s
		m.grow(t, s, rapid.IntRange(0, 20).Draw(t, "changes"))
		b := begin{channel: s.id, last: s.head(), seq: rapid.Int64Range(0, s.seqs).Draw(t, "seen")}
		if b.seq > 0 {
			b.cursor = s.created(b.seq)
		}
		for seq := int64(1); seq <= b.seq; seq++ { // the client was there when the last that it has was stored
			for rev := int64(1); rev <= b.cursor; rev++ {
				if s.log[rev-1] == seq {
					s.has[seq] = rev
				}
			}
		}
		m.join(b)
	}
	return m
}

// grow adds changes to the log of a channel.
func (m *deliveryModel) grow(t *rapid.T, s *sequence, n int) {
	for range n {
		if s.seqs > 0 && rapid.Bool().Draw(t, "change") {
			s.change(rapid.Int64Range(1, s.seqs).Draw(t, "of"))
		} else {
			s.store()
		}
	}
}

func (m *deliveryModel) one(t *rapid.T) *sequence {
	return m.all[rapid.IntRange(0, len(m.all)-1).Draw(t, "channel")]
}

// fetch reads a page of what the delivery says is missing, if anything.
func (m *deliveryModel) fetch(most int64) {
	missing, any := m.missing()
	if !any {
		return
	}
	s := m.client.channels[missing.ChannelID]
	if missing.To > s.head() || missing.AfterSeq != int64(len(s.has)) {
		m.t.Fatalf("asks for %+v, where the client has %d messages, and %d changes have happened", missing, len(s.has), s.head())
	}
	m.fill(s.page(missing, most), m.take)
}

// Whatever gets lost, doubled or out of order on the way to a socket, its client gets every message once and in order, and
// in the end has each as it is.
func TestDeliveryIsInOrderWithoutGapOrDouble(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newDeliveryModel(t)
		var late []page
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) { m.grow(t, m.one(t), rapid.IntRange(1, 4).Draw(t, "changes")) },
			"event": func(t *rapid.T) { // of any changes there are: early, late, again
				s := m.one(t)
				first := rapid.Int64Range(1, s.head()+1).Draw(t, "first")
				for _, r := range s.runs(first, rapid.Int64Range(first-1, s.head()).Draw(t, "last")) {
					m.offer(r, m.take)
				}
			},
			"nudge": func(t *rapid.T) {
				s := m.one(t)
				rev := rapid.Int64Range(0, s.head()).Draw(t, "rev")
				m.offer(&run{channel: s.id, first: rev + 1, last: rev}, m.take)
			},
			"fetch": func(t *rapid.T) { m.fetch(rapid.Int64Range(1, 5).Draw(t, "page")) },
			"read a page": func(t *rapid.T) {
				if missing, any := m.missing(); any {
					late = append(late, m.client.channels[missing.ChannelID].page(missing, 3))
				}
			},
			"get it late": func(t *rapid.T) {
				if len(late) > 0 {
					m.fill(late[0], m.take)
					late = late[1:]
				}
			},
		})
		for _, s := range m.all {
			m.offer(&run{channel: s.id, first: s.head() + 1, last: s.head()}, m.take)
		}
		for _, any := m.missing(); any; _, any = m.missing() {
			m.fetch(3)
		}
		for _, s := range m.all {
			m.isWhole(s)
		}
	})
}

// isWhole wants a client to have all that there is, and nothing to wait.
func (m *deliveryModel) isWhole(s *sequence) {
	if p := m.delivery.channels[s.id]; int64(len(s.has)) != s.seqs || len(p.waiting) > 0 || p.size != 0 {
		m.t.Fatalf("in the end the client has %d messages of %d, and %d runs wait, of %d bytes", len(s.has), s.seqs, len(p.waiting), p.size)
	}
	for seq, rev := range s.has {
		if latest := s.latest(seq); rev != latest {
			m.t.Errorf("message %d is as of rev %d, and was changed at %d", seq, rev, latest)
		}
	}
}

func TestDeliveryKeepsLittleWhileMessagesAreMissing(t *testing.T) {
	d, id := newDelivery(), uuid.New()
	d.join(begin{channel: id})
	big := &run{channel: id, frames: make([]byte, waitingLimit/3)}
	for seq := int64(2); seq < 100; seq++ {
		r := *big
		r.first, r.last, r.ends = seq, seq, []int{len(r.frames)}
		d.offer(&r, func(piece) { t.Fatal("written before its time") })
	}
	if missing, any := d.missing(); !any || missing.From != 1 || missing.To != 99 {
		t.Errorf("asks for %+v", missing)
	}
	if p := d.channels[id]; p.size > waitingLimit || len(p.waiting) > 3 {
		t.Errorf("%d bytes wait", p.size)
	}
}

// What a client has left is not delivered to it, though it was the last that was; and what it joins again from where that begins.
func TestDeliveryOfWhatWasLeft(t *testing.T) {
	d, id, written := newDelivery(), uuid.New(), 0
	offer := func(rev int64) {
		d.offer(&run{channel: id, first: rev, last: rev, frames: []byte("x"), ends: []int{1}}, func(piece) { written++ })
	}
	d.join(begin{channel: id})
	offer(1)
	if d.leave(id); written != 1 {
		t.Fatalf("%d runs are written, want 1", written)
	}
	if offer(2); written != 1 {
		t.Error("a channel is delivered that was left")
	}
	d.join(begin{channel: id, cursor: 4})
	if offer(5); written != 2 {
		t.Error("a channel is not delivered that was joined again")
	}
}

func TestFramesOfEveryLength(t *testing.T) {
	for length, head := range map[int]int{0: 2, 125: 2, 126: 4, 65535: 4, 65536: 10} {
		frame := appendFrame([]byte("x"), make([]byte, length/2), make([]byte, length-length/2))
		if len(frame) != 1+head+length || frame[1] != 0x81 {
			t.Errorf("a frame of %d bytes has %d", length, len(frame))
		}
	}
}
