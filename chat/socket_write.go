package chat

import (
	"cmp"
	"time"

	fastws "github.com/fasthttp/websocket"
	"github.com/google/uuid"
)

// closeWait is how long the client may take to answer a close.
const closeWait = 2 * time.Second

// pingFrame is empty: RFC 6455, section 5.5.2.
var pingFrame = []byte{0x80 | fastws.PingMessage, 0}

// turn writes what is due, as much of it as the kernel takes at once. The rest, and the end, take their time in a goroutine
// of their own, which then has the turn and the batch: turn reports that it does.
func (c *conn) turn(b *batch) (kept bool) {
	defer c.surviveTurn(&kept)
	b.reset()
	items, end := c.out.take()
	c.writeItems(items, b)
	c.proceed(b)
	if end != nil {
		go c.finish(b, *end)
		return true
	}
	if c.raw != nil {
		if err := b.writeNow(c.raw); err != nil {
			c.breakOff()
			return false
		}
	}
	if len(b.left()) > 0 {
		go c.writeSlowly(b, items)
		return true
	}
	c.endTurn(items)
	return false
}

// endTurn lets another turn begin, at once if there is more to write.
func (c *conn) endTurn(taken []item) {
	if !c.out.rest(taken) {
		c.turns.give(c)
	}
}

// writeSlowly writes what the kernel has not taken at once.
func (c *conn) writeSlowly(b *batch, taken []item) {
	defer c.surviveTurn(new(bool))
	if err := b.writeAll(c.net, c.server.tuning.write); err != nil {
		c.breakOff()
		return
	}
	c.endTurn(taken)
}

// breakOff ends the writing to a connection that is broken, and the reader by it. It ends the turn for good.
func (c *conn) breakOff() {
	c.out.abandon()
	_ = c.net.Close()
	c.unwritten.Do(func() { close(c.written) })
}

// surviveTurn lets a panic end the socket and no more.
func (c *conn) surviveTurn(kept *bool) {
	if r := recover(); r != nil {
		c.panicked(r)
		c.breakOff()
		*kept = true // it may be anything now
	}
}

// closeFrame is a frame that closes: RFC 6455, section 5.5.1. The reason is at most 123 bytes long.
func closeFrame(code int, reason string) []byte {
	payload := fastws.FormatCloseMessage(code, reason)
	return append([]byte{0x80 | fastws.CloseMessage, byte(len(payload))}, payload...)
}

// finish ends the connection: what is due, the last frame, the close, and a moment for the client's answer.
func (c *conn) finish(b *batch, end ending) {
	defer c.surviveTurn(new(bool))
	if end.code == closeTooSlow {
		c.server.metrics.slow.Inc()
	}
	b.addFrames(end.last)
	limit := c.server.tuning.write
	b.addFrames(closeFrame(end.code, end.reason))
	if err := b.writeAll(c.net, limit); err == nil {
		select {
		case <-c.readEnded:
		case <-time.After(cmp.Or(end.answer, closeWait)):
		}
	}
	c.breakOff()
}

func (c *conn) writeItems(items []item, b *batch) {
	for _, it := range items {
		if it.parcel != nil {
			c.writeParcel(it.parcel, b)
		}
		if it.run != nil {
			c.delivery.offer(it.run, b.add)
		}
	}
}

func (c *conn) writeParcel(p *parcel, b *batch) {
	if p.end != uuid.Nil && !c.delivery.leave(p.end) {
		return // the socket has found out by itself, and has said so
	}
	b.addFrames(p.frame)
	if p.page != nil {
		c.fetching = false
		c.takePage(*p.page, b)
	}
	for _, begin := range p.begin {
		c.resuming = c.resuming || begin.resumed
		c.delivery.join(begin)
	}
}

// takePage takes what was fetched, unless in that span the user was removed: then nothing of it, or of what follows, is his.
func (c *conn) takePage(p page, b *batch) {
	if p.left[c.who.User.ID] && c.delivery.lacks(p) {
		c.delivery.leave(p.ChannelID)
		b.addFrames(encodeFrame(removedFrame{Type: "channel", ChannelID: p.ChannelID, Removed: true}))
		c.server.hub.forget(c, p.ChannelID, p.rev)
		return
	}
	c.delivery.fill(p, b.add)
}

// proceed fetches what is missing.
func (c *conn) proceed(b *batch) {
	if c.fetching {
		return
	}
	missing, any := c.delivery.missing()
	if !any {
		if c.resuming {
			c.resuming = false
			b.addFrames(encodeFrame(plainFrame{Type: "resumed"}))
		}
		return
	}
	c.fetching = true
	c.reads.Go(func() {
		if p, ok := c.server.hub.catchup.fetch(c.ctx, missing, c.server.log); ok {
			c.out.put(item{parcel: &parcel{page: &p}})
		}
	})
}
