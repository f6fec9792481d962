package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"
)

// poster is a client as it should be. It sends one message after the other over a WebSocket, each again and again under
// the same client_id until it is acknowledged, and connects anew at once when the socket breaks. It keeps when each
// message was sent first and when it was acknowledged.
type poster struct {
	member *member
	dialer websocket.Dialer

	mu    sync.Mutex
	sends []posted
	notes []posterNote
	// wrong is what must not happen: messages out of order.
	wrong []string
	// abrupt counts the sockets that ended without a goodbye, polite those with one.
	abrupt, polite int

	// Of the goroutine in run alone.
	lastSeq int64
}

type posted struct {
	clientID    string
	seq         int64
	first, done time.Time
}

func (p posted) took() time.Duration { return p.done.Sub(p.first) }

// posterNote is what the client saw of a fault.
type posterNote struct {
	at   time.Time
	text string
}

// anewAfter is the pause before the client tries again.
const anewAfter = 3 * time.Millisecond

func newPoster(m *member) *poster {
	return &poster{member: m, dialer: websocket.Dialer{HandshakeTimeout: 10 * time.Second}}
}

// run posts until ctx ends.
func (p *poster) run(ctx context.Context) {
	var pending *posted
	for ctx.Err() == nil {
		ws, err := p.connect(ctx)
		if err != nil {
			p.note("connect: " + err.Error())
			time.Sleep(anewAfter)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = ws.Close() })
		pending, err = p.converse(ctx, ws, pending)
		stop()
		_ = ws.Close()
		if ctx.Err() == nil {
			p.ended(err)
		}
	}
}

func (p *poster) ended(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(err, errGoodbye) {
		p.polite++
	} else {
		p.abrupt++
	}
	p.notes = append(p.notes, posterNote{time.Now(), "socket: " + err.Error()})
}

func (p *poster) note(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notes = append(p.notes, posterNote{time.Now(), text})
}

func (p *poster) connect(ctx context.Context) (*websocket.Conn, error) {
	url := "ws" + strings.TrimPrefix(p.member.r.url, "http") + "/api/ws"
	ws, response, err := p.dialer.DialContext(ctx, url, http.Header{"Authorization": {"Bearer " + p.member.token}})
	if err != nil {
		if response != nil {
			err = fmt.Errorf("answered %d", response.StatusCode)
		}
		return nil, err
	}
	hello := map[string]any{"type": "hello", "resume": map[string]int64{p.member.channel: p.lastSeq}}
	if err := ws.WriteJSON(hello); err != nil {
		_ = ws.Close()
		return nil, err
	}
	p.note("connected")
	return ws, nil
}

// errGoodbye is the planned end of a socket.
var errGoodbye = errors.New("goodbye")

// serverFrame is any frame of the server.
type serverFrame struct {
	Type      string `json:"type"`
	Code      string `json:"code"`
	ClientID  string `json:"client_id"`
	ChannelID string `json:"channel_id"`
	To        int64  `json:"to"`
	Seq       int64  `json:"-"` // of the message in it
}

func readFrame(ws *websocket.Conn) (f serverFrame, err error) {
	_, raw, err := ws.ReadMessage()
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, err
	}
	if f.Type == "ack" || f.Type == "message" {
		var with struct {
			Message struct {
				Seq       int64  `json:"seq"`
				ChannelID string `json:"channel_id"`
			} `json:"message"`
		}
		err = json.Unmarshal(raw, &with)
		f.Seq, f.ChannelID = with.Message.Seq, with.Message.ChannelID
	}
	return f, err
}

// converse posts over one socket until that ends. What is then not acknowledged is returned.
func (p *poster) converse(ctx context.Context, ws *websocket.Conn, pending *posted) (*posted, error) {
	goodbye := false
	for {
		if pending == nil {
			if goodbye {
				return nil, errGoodbye
			}
			pending = &posted{clientID: uuid.NewString(), first: time.Now()}
		}
		err := ws.WriteJSON(map[string]any{
			"type": "send", "client_id": pending.clientID, "channel_id": p.member.channel, "body": "A message of the usual length, as people write them.",
		})
		for again := false; !again && pending != nil; {
			if err != nil {
				if goodbye {
					err = errGoodbye
				}
				return pending, err
			}
			var f serverFrame
			if f, err = readFrame(ws); err != nil {
				continue
			}
			switch {
			case f.Type == "ack" && f.ClientID == pending.clientID:
				p.acknowledged(*pending, f.Seq)
				pending = nil
			case f.Type == "error" && f.ClientID == pending.clientID:
				p.note("error: " + f.Code)
				time.Sleep(anewAfter)
				again = true
			case f.Type == "error":
				p.note("error: " + f.Code)
			case f.Type == "goodbye":
				p.note("goodbye")
				goodbye = true
			default:
				p.follow(f)
			}
		}
		if ctx.Err() != nil {
			return pending, ctx.Err()
		}
	}
}

func (p *poster) acknowledged(sent posted, seq int64) {
	sent.seq, sent.done = seq, time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.sends); n > 0 && p.sends[n-1].seq >= seq {
		p.wrong = append(p.wrong, fmt.Sprintf("message %d was sent before message %d", p.sends[n-1].seq, seq))
	}
	p.sends = append(p.sends, sent)
}

// follow checks what is delivered: each message of the channel once, and none left out.
func (p *poster) follow(f serverFrame) {
	switch {
	case f.ChannelID != p.member.channel:
	case f.Type == "gap":
		p.lastSeq = f.To
	case f.Type == "message":
		if f.Seq != p.lastSeq+1 {
			p.mu.Lock()
			p.wrong = append(p.wrong, fmt.Sprintf("message %d was delivered after message %d", f.Seq, p.lastSeq))
			p.mu.Unlock()
		}
		p.lastSeq = f.Seq
	}
}

// since are the messages that were acknowledged after a moment.
func (p *poster) since(moment time.Time) []posted {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := len(p.sends)
	for i > 0 && p.sends[i-1].done.After(moment) {
		i--
	}
	return append([]posted(nil), p.sends[i:]...)
}

func (p *poster) notesSince(moment time.Time) (notes []posterNote) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.notes {
		if n.at.After(moment) {
			notes = append(notes, n)
		}
	}
	return notes
}

// sentAfter says whether a message that was first sent after a moment has been acknowledged.
func (p *poster) sentAfter(moment time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.sends) > 0 && p.sends[len(p.sends)-1].first.After(moment)
}

// checkStored wants what was acknowledged since the last check to be stored once, under its number, and no number to be
// missing. It returns the last number, from which the next check goes on.
func (p *poster) checkStored(after int64) int64 {
	r := p.member.r
	r.t.Helper()
	p.mu.Lock()
	sends, wrong := append([]posted(nil), p.sends...), p.wrong
	p.wrong = nil
	p.mu.Unlock()
	for _, text := range wrong {
		r.t.Error(text)
	}
	if len(sends) == 0 {
		r.t.Fatal("nothing was acknowledged")
	}
	stored := map[string]int64{}
	last := after
	for more := true; more; {
		var page struct {
			Messages []acked `json:"messages"`
			HasMore  bool    `json:"has_more"`
		}
		path := fmt.Sprintf("/api/channels/%s/messages?limit=200&after=%d", p.member.channel, last)
		r.within(10*time.Second, func() error { return r.call("GET", path, p.member.token, nil, &page) })
		for _, m := range page.Messages {
			if m.Seq != last+1 {
				r.t.Errorf("message %d is stored after message %d", m.Seq, last)
			}
			if twin := stored[m.ClientID]; twin != 0 {
				r.t.Errorf("message %d is stored again as %d", twin, m.Seq)
			}
			stored[m.ClientID], last = m.Seq, m.Seq
		}
		more = page.HasMore && last < sends[len(sends)-1].seq // more come all the time
	}
	for _, sent := range sends {
		if sent.seq > after && stored[sent.clientID] != sent.seq {
			r.t.Errorf("message %d was acknowledged and is stored as %d", sent.seq, stored[sent.clientID])
		}
	}
	return last
}
