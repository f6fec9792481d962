package chat

import (
	"cmp"
	"time"

	fastws "github.com/fasthttp/websocket"
	"github.com/google/uuid"
)

// writeSize is how many bytes are gathered into one write.
const writeSize = 16 << 10

// closeWait is how long the client may take to answer a close.
const closeWait = 2 * time.Second

// socketWriter is the state of a socket's writer.
type socketWriter struct {
	*conn
	delivery *delivery
	buf      *[]byte // frames to be written; nil when there are none
	err      error   // of the first write that failed
	fetching bool
	resuming bool // the client is not told yet that it has what it missed
}

// write writes what is due until the connection is to be closed, and closes it.
func (c *conn) write() {
	w := &socketWriter{conn: c, delivery: newDelivery()}
	ping := time.NewTicker(c.server.tuning.ping)
	defer ping.Stop()
	expiry := time.NewTimer(time.Until(c.who.Session.ExpiresAt))
	defer expiry.Stop()
	for w.err == nil {
		select {
		case <-c.out.wake:
			items, end := c.out.take()
			w.writeItems(items)
			if end != nil {
				w.finish(*end)
				return
			}
		case p := <-c.pages:
			w.fetching = false
			w.takePage(p)
		case <-ping.C:
			w.append([]byte{0x80 | fastws.PingMessage, 0})
		case <-expiry.C:
			c.out.close(ending{code: closeUnauthenticated, reason: "login has expired"})
		}
		w.proceed()
		w.flush()
	}
	_ = c.net.Close() // the reader ends by it
}

// finish ends the connection: the last frame, the close, and a moment for the client's answer.
func (w *socketWriter) finish(end ending) {
	if end.code == closeTooSlow {
		w.server.metrics.slow.Inc()
	}
	w.append(end.last)
	w.flush()
	deadline := time.Now().Add(w.server.tuning.write)
	if w.err == nil {
		w.err = w.ws.WriteControl(fastws.CloseMessage, fastws.FormatCloseMessage(end.code, end.reason), deadline)
	}
	if w.err == nil {
		select {
		case <-w.readEnded:
		case <-time.After(cmp.Or(end.answer, closeWait)):
		}
	}
	_ = w.net.Close()
}

func (w *socketWriter) writeItems(items []item) {
	for _, it := range items {
		if it.frame != nil {
			w.append(it.frame)
		}
		switch {
		case it.run != nil:
			w.delivery.offer(it.run, w.append)
		case it.end != uuid.Nil:
			w.delivery.leave(it.end)
		}
		for _, b := range it.begin {
			w.resuming = w.resuming || b.resumed
			w.delivery.join(b)
		}
	}
}

// takePage takes what was fetched, unless in that span the user was removed: then nothing of it, or of what follows, is his.
func (w *socketWriter) takePage(p page) {
	if p.left[w.who.User.ID] && w.delivery.lacks(p) {
		w.delivery.leave(p.ChannelID)
		w.append(encodeFrame(removedFrame{Type: "channel", ChannelID: p.ChannelID, Removed: true}))
		w.server.hub.forget(w.conn, p.ChannelID, p.rev)
		return
	}
	w.delivery.fill(p, w.append)
}

// proceed fetches what is missing.
func (w *socketWriter) proceed() {
	if w.fetching {
		return
	}
	missing, any := w.delivery.missing()
	if !any {
		if w.resuming {
			w.resuming = false
			w.append(encodeFrame(plainFrame{Type: "resumed"}))
		}
		return
	}
	w.fetching = true
	w.reads.Go(func() {
		if p, ok := w.server.hub.catchup.fetch(w.ctx, missing, w.server.log); ok {
			w.pages <- p
		}
	})
}

// append adds frames to what is to be written.
func (w *socketWriter) append(frames []byte) {
	if w.buf != nil && len(*w.buf)+len(frames) > writeSize {
		w.flush()
	}
	if len(frames) > writeSize {
		w.writeOut(frames)
		return
	}
	if w.buf == nil {
		if w.buf, _ = w.server.writeBuffers.Get().(*[]byte); w.buf == nil {
			buf := make([]byte, 0, writeSize)
			w.buf = &buf
		}
	}
	*w.buf = append(*w.buf, frames...)
}

// flush writes what was gathered, and gives the buffer back: most sockets are idle.
func (w *socketWriter) flush() {
	if w.buf == nil {
		return
	}
	w.writeOut(*w.buf)
	*w.buf = (*w.buf)[:0]
	w.server.writeBuffers.Put(w.buf)
	w.buf = nil
}

// writeOut writes in pieces, each of which must be taken in time: a slow client is one that takes little, not one that
// is sent much.
func (w *socketWriter) writeOut(frames []byte) {
	const piece = 4 * writeSize
	for len(frames) > 0 && w.err == nil {
		n := min(len(frames), piece)
		if w.err = w.net.SetWriteDeadline(time.Now().Add(w.server.tuning.write)); w.err == nil {
			_, w.err = w.net.Write(frames[:n])
		}
		frames = frames[n:]
	}
}
