package chat

import (
	"context"

	"snug/store"
)

// receipt is that a message is stored, for the socket that sent it.
type receipt struct {
	*conn
	message store.Message
}

var ackHead, ackMiddle, ackTail = []byte(`{"type":"ack","client_id":"`), []byte(`","message":`), []byte(`}`)

// item is the acknowledgement.
func (r receipt) item(recent *recentMessages) item {
	message := recent.take(r.message)
	return frameItem(appendFrame(nil, ackHead, []byte(r.message.ClientID.String()), ackMiddle, message.json, ackTail))
}

// submit gives the writer a message, after those that the client has sent before. It does not wait until that is stored, so
// that many of one client's can be stored together.
func (c *conn) submit(send store.Send) {
	if !c.admit() {
		return
	}
	do := func(context.Context) (more bool) {
		c.server.writer.Submit(send, func(stored store.Stored, err error) { c.sent(send, stored, err) })
		return true
	}
	if c.idle() {
		c.do(do)
	} else {
		c.later(do)
	}
}

// sent takes what became of a message. It is called by the writer, and so leaves to others what may take its time.
func (c *conn) sent(send store.Send, stored store.Stored, err error) {
	if err == nil && stored.Created {
		c.server.accepted(stored)
		c.server.hub.acknowledge(receipt{c, stored.Message})
		return
	}
	c.later(func(ctx context.Context) (more bool) {
		if err != nil {
			c.refuse(send.ClientID.String(), c.server.refused(ctx, send, err))
			return false
		}
		c.server.accepted(stored)
		c.out.put(receipt{c, stored.Message}.item(c.server.hub.recent))
		return false
	})
}
