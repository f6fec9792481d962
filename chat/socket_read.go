package chat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"time"

	fastws "github.com/fasthttp/websocket"
	"github.com/google/uuid"

	"snug/store"
)

// typingEvery is how often a user is told to be typing in a channel at most.
const typingEvery = 2 * time.Second

// read takes the client's frames until the connection ends.
func (c *conn) read() {
	frames := newFrameReader(io.MultiReader(bytes.NewReader(c.early), c.net), c.pong, c.listenOn)
	if len(c.early) == 0 {
		frames.from.Reset(c.net)
	}
	c.early = nil
	_ = c.net.SetReadDeadline(time.Now().Add(c.server.tuning.hello))
	for {
		message, text, err := frames.next()
		if err != nil {
			c.lost(err)
			return
		}
		if c.out.closing() {
			continue // on to the client's answer to the close
		}
		if !text {
			c.fault(invalidField("frame", "must be text, in JSON"))
			continue
		}
		if c.greeted {
			c.take(message)
		} else {
			c.apart(func() { c.take(message) }) // many clients say hello and no more
		}
		c.listenOn()
	}
}

// pong answers a ping.
func (c *conn) pong(data []byte) {
	c.out.put(frameItem(append([]byte{0x80 | fastws.PongMessage, byte(len(data))}, data...)))
}

// listenOn gives the client until the end of another silence to say something. The hello has a deadline of its own.
func (c *conn) listenOn() {
	if c.greeted {
		_ = c.net.SetReadDeadline(time.Now().Add(c.server.tuning.silence)) // if it fails, so does the next read
	}
}

// lost notes why there is nothing more to read. The writer is not to try for long to write to a peer that is not there.
func (c *conn) lost(err error) {
	var network net.Error
	switch {
	case errors.Is(err, errClosed): // politely; the writer answers
	case errors.As(err, &network) && network.Timeout():
		c.out.close(ending{code: closePolicy, reason: "nothing was heard for too long"})
	case errors.Is(err, errTooLong):
		c.refuseMore(closeTooLong)
	case errors.Is(err, errNotAllowed):
		c.refuseMore(closeProtocol)
	default:
		_ = c.net.Close()
	}
}

// refuseMore closes the socket of a client that may still be sending.
func (c *conn) refuseMore(code int) {
	if conn, ok := c.net.(*clientConn); ok {
		conn.unread.Store(true)
	}
	c.out.close(ending{code: code})
}

// take does what a frame says.
func (c *conn) take(raw []byte) {
	var f clientFrame
	if err := json.Unmarshal(raw, &f); err != nil {
		p := invalidField("frame", "must be JSON of the documented form")
		c.refuse(f.ClientID, p)
		c.countFault()
		return
	}
	if !c.greeted && f.Type != "hello" {
		c.refuse(f.ClientID, newProblem(store.Invalid, "Say hello first."))
		c.out.close(ending{code: closePolicy, reason: "say hello first"})
		return
	}
	do, known := clientFrames[f.Type]
	if !known {
		c.fault(invalidField("type", "is not one that this server knows"))
		return
	}
	do(c, f)
}

// clientFrames is every frame that a client may send, by its type, and what does it.
var clientFrames = map[string]func(*conn, clientFrame){
	"hello":  (*conn).takeHello,
	"send":   (*conn).takeSend,
	"typing": (*conn).takeTyping,
	"read":   (*conn).takeRead,
	"ping":   func(c *conn, _ clientFrame) { c.out.put(frameItem(encodeFrame(plainFrame{Type: "pong"}))) },
}

// fault answers a mistake of the client's, and closes the connection of one that makes too many.
func (c *conn) fault(p *Problem) {
	c.refuse("", p)
	c.countFault()
}

func (c *conn) countFault() {
	if c.faults.more(time.Now()) {
		c.out.close(ending{code: closeTooMuch, reason: "too many mistakes"})
	}
}

// refuse tells the client what is wrong, with which of its messages if it is about one.
func (c *conn) refuse(clientID string, err error) {
	p := c.server.problem(err)
	c.out.put(frameItem(encodeFrame(errorFrame{
		Type: "error", Code: p.Detail.Code, Message: p.Detail.Message, Fields: p.Detail.Fields,
		ClientID: clientID, RetryAfter: p.retrySeconds(),
	})))
}

// takeHello begins the delivery.
func (c *conn) takeHello(f clientFrame) {
	if c.greeted {
		c.fault(newProblem(store.Invalid, "You said hello already."))
		return
	}
	seqs := make(map[uuid.UUID]int64, len(f.Resume))
	for channel, seq := range f.Resume {
		id, err := uuid.Parse(channel)
		if err != nil || seq < 0 {
			c.fault(invalidField("resume", "must have ids of channels and the last seq of each"))
			return
		}
		seqs[id] = seq
	}
	c.welcome(seqs)
}

// apart does something on a stack of its own, and waits for it. The reader's stack stays as large as it once had to be.
func (c *conn) apart(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				c.panicked(r)
			}
		}()
		do()
	}()
	<-done
}

// welcome begins the delivery to a client that has the messages up to these seqs.
func (c *conn) welcome(seqs map[uuid.UUID]int64) {
	ctx, cancel := context.WithTimeout(c.ctx, c.server.tuning.handle)
	defer cancel()
	channels, err := c.server.store.Channels(ctx, c.who.User.ID)
	var resume map[uuid.UUID]seen
	if err == nil {
		resume, err = c.server.resumeAt(ctx, channels, seqs)
	}
	if err != nil {
		c.refuse("", err)
		c.out.close(ending{code: closeTryAgain, reason: "try again"})
		return
	}
	c.greeted = true
	c.server.hub.welcome(c, welcomeFrame{
		Type: "welcome", User: c.who.User, Channels: channels, Session: c.who.Session,
	}, resume)
}

// seen is how far a client has come in a channel: the messages up to seq, and what had changed by when that one was stored.
type seen struct{ rev, seq int64 }

// resumeAt finds out how far a client has come that says the last seq of its channels.
func (s *Server) resumeAt(ctx context.Context, channels []store.Membership, seqs map[uuid.UUID]int64) (map[uuid.UUID]seen, error) {
	resume, known := map[uuid.UUID]seen{}, map[uuid.UUID]int64{}
	for _, m := range channels {
		if seq, ok := seqs[m.ID]; ok {
			resume[m.ID] = seen{seq: min(seq, m.LastSeq)}
			known[m.ID] = min(seq, m.LastSeq)
		}
	}
	revs, err := s.store.RevsAt(ctx, known)
	for channel, rev := range revs {
		resume[channel] = seen{rev: rev, seq: known[channel]}
	}
	return resume, err
}

// channelID reads the frame's channel; a fault is answered.
func (c *conn) channelID(f clientFrame) (uuid.UUID, bool) {
	id, err := uuid.Parse(f.ChannelID)
	if err != nil {
		c.refuse(f.ClientID, invalidField("channel_id", "must be the id of a channel"))
		c.countFault()
	}
	return id, err == nil
}

func (c *conn) takeSend(f clientFrame) {
	channel, ok := c.channelID(f)
	if !ok {
		return
	}
	clientID, err := uuid.Parse(f.ClientID)
	if err != nil {
		c.refuse(f.ClientID, invalidField("client_id", "must be a UUID of the client's choice"))
		c.countFault()
		return
	}
	if err := c.server.allowSend(c.ctx, c.who.User.ID); err != nil {
		c.refuse(f.ClientID, err)
		c.countFault()
		return
	}
	c.submit(c.server.sendOf(c.who.User.ID, channel, messageInput{
		ClientID: clientID, Body: f.Body, ParentID: f.ParentID, AlsoToChannel: f.Also, FileIDs: f.FileIDs,
	}))
}

func (c *conn) takeTyping(f clientFrame) {
	channel, ok := c.channelID(f)
	if !ok {
		return
	}
	now := time.Now()
	if now.Sub(c.typed[channel]) < typingEvery {
		return
	}
	if len(c.typed) > 1000 {
		clear(c.typed) // ids that are of no channel
	}
	c.typed[channel] = now
	if !c.server.counters.typings.take(c.who.User.ID, now) {
		return
	}
	c.server.hub.typing(c, channel)
}

func (c *conn) takeRead(f clientFrame) {
	channel, ok := c.channelID(f)
	if !ok {
		return
	}
	if f.Seq < 0 {
		c.fault(invalidField("seq", "must not be negative"))
		return
	}
	if !c.server.counters.reads.take(c.who.User.ID, time.Now()) {
		c.fault(tooMuch("You mark too much as read at once. Say only the last seq.", time.Second))
		return
	}
	c.enqueue(func(ctx context.Context) (more bool) {
		if _, err := c.server.toldRead(c.server.store.MarkReadFrom(ctx, c.who.User.ID, channel, f.ReadSeq, f.Seq)); err != nil {
			c.refuse("", err)
		}
		return false
	})
}
