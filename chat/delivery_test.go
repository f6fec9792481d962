package chat

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// sequence is a channel in the database and what a client has been written of it.
type sequence struct {
	t       *rapid.T
	id      uuid.UUID
	head    int64 // committed
	written int64 // seq of the last message that the client got
}

// run makes a run of the messages from first to last.
func (s *sequence) run(first, last int64) *run {
	var messages []json.RawMessage
	for seq := first; seq <= last; seq++ {
		messages = append(messages, fmt.Appendf(nil, `{"channel":%q,"seq":%d}`, s.id, seq))
	}
	return newRun(s.id, first, messages)
}

// client takes frames as a WebSocket client does, and wants them in order.
type client struct {
	t        *rapid.T
	channels map[uuid.UUID]*sequence
}

func (c client) take(frames []byte) {
	for len(frames) > 0 {
		if frames[0] != 0x81 || frames[1] > 125 {
			c.t.Fatalf("not a short text frame: % x", frames[:2])
		}
		end := 2 + int(frames[1])
		var f struct {
			Message struct {
				Channel uuid.UUID
				Seq     int64
			}
		}
		if err := json.Unmarshal(frames[2:end], &f); err != nil {
			c.t.Fatalf("frame %s: %v", frames[2:end], err)
		}
		s := c.channels[f.Message.Channel]
		if f.Message.Seq != s.written+1 {
			c.t.Fatalf("after %d came %d", s.written, f.Message.Seq)
		}
		s.written++
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
		head := rapid.Int64Range(0, 20).Draw(t, "head")
		cursor := rapid.Int64Range(0, head).Draw(t, "cursor")
		s := &sequence{t: t, id: uuid.New(), head: head, written: cursor}
		m.all, m.client.channels[s.id] = append(m.all, s), s
		m.join(s.id, cursor, head)
	}
	return m
}

func (m *deliveryModel) one(t *rapid.T) *sequence {
	return m.all[rapid.IntRange(0, len(m.all)-1).Draw(t, "channel")]
}

// fetch reads a page of what the delivery says is missing, if anything.
func (m *deliveryModel) fetch(pageSize int64) {
	missing, any := m.missing()
	if !any {
		return
	}
	s := m.client.channels[missing.channel]
	if missing.to > s.head || missing.from <= s.written {
		m.t.Fatalf("asks for %d to %d, where %d is written of %d", missing.from, missing.to, s.written, s.head)
	}
	to := min(missing.to, missing.from+pageSize-1)
	m.offer(s.run(missing.from, to), m.take)
	m.skip(s.id, to, m.take)
}

// Whatever gets lost, doubled or out of order on the way to a socket, its client gets every message once and in order.
func TestDeliveryIsInOrderWithoutGapOrDouble(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newDeliveryModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"commit": func(t *rapid.T) { m.one(t).head += rapid.Int64Range(1, 4).Draw(t, "messages") },
			"event": func(t *rapid.T) { // of any messages there are: early, late, again
				s := m.one(t)
				first := rapid.Int64Range(1, s.head+1).Draw(t, "first")
				m.offer(s.run(first, rapid.Int64Range(first-1, s.head).Draw(t, "last")), m.take)
			},
			"nudge": func(t *rapid.T) {
				s := m.one(t)
				seq := rapid.Int64Range(0, s.head).Draw(t, "seq")
				m.offer(&run{channel: s.id, first: seq + 1, last: seq}, m.take)
			},
			"fetch": func(t *rapid.T) { m.fetch(rapid.Int64Range(1, 5).Draw(t, "page")) },
		})
		for _, s := range m.all {
			m.offer(&run{channel: s.id, first: s.head + 1, last: s.head}, m.take)
		}
		for _, any := m.missing(); any; _, any = m.missing() {
			m.fetch(3)
		}
		for _, s := range m.all {
			if p := m.delivery.channels[s.id]; s.written != s.head || len(p.waiting) > 0 || p.size != 0 {
				t.Fatalf("in the end %d is written of %d, and %d runs wait, of %d bytes", s.written, s.head, len(p.waiting), p.size)
			}
		}
	})
}

func TestDeliveryKeepsLittleWhileMessagesAreMissing(t *testing.T) {
	d, id := newDelivery(), uuid.New()
	d.join(id, 0, 0)
	big := &run{channel: id, frames: make([]byte, waitingLimit/3)}
	for seq := int64(2); seq < 100; seq++ {
		r := *big
		r.first, r.last, r.ends = seq, seq, []int{len(r.frames)}
		d.offer(&r, func([]byte) { t.Fatal("written before its time") })
	}
	if missing, any := d.missing(); !any || missing.from != 1 || missing.to != 99 {
		t.Errorf("asks for %+v", missing)
	}
	if p := d.channels[id]; p.size > waitingLimit || len(p.waiting) > 3 {
		t.Errorf("%d bytes wait", p.size)
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
