package store

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Send is a message on its way to be stored. ClientID is the sender's own name for it: sent twice by the same author
// it is stored once.
type Send struct {
	ClientID, ChannelID, AuthorID uuid.UUID
	Body                          string
	ParentID                      *uuid.UUID  // of a reply: the message that its thread is about
	AlsoToChannel                 bool        // of a reply
	AuthorName, AuthorEmoji       string      // of a bot: what it calls itself in this message, if not as usual
	FileIDs                       []uuid.UUID // uploads of the author's that are in no message yet, at most MaxFiles
}

// Stored is the answer to a [Send].
type Stored struct {
	Message Message
	Created bool // false: an earlier send of this author with this ClientID had stored it
}

// WriterConfig is what a [Writer] needs.
type WriterConfig struct {
	Store    *Store
	MaxBatch int           // most sends in one commit; default 512
	MaxQueue int           // most sends that wait; one more is answered Unavailable; default 4096
	Timeout  time.Duration // how long a send may take, crash restarts of PostgreSQL included; default 2 s

	// Committed is told of newly stored messages, in the order in which they were committed and so in rising seq per
	// channel, each once, before their senders are answered; and of the messages that replies among them have changed, in
	// rising rev per channel, which follows those of the new ones. The writer waits for it. May be nil.
	Committed func(stored, changed []Message)

	// Answered is told when those whose messages a commit has stored have their answers, so that what is to be done for
	// all of them can wait until then. May be nil.
	Answered func()

	// Room returns an error when the disk is too full to store anything. It is asked before a batch, though not more often
	// than every 100 ms; sends are then answered Unavailable, before the database itself would fail. May be nil.
	Room func() error

	// Online returns who is, whom @here calls. May be nil: then it calls nobody.
	Online func() []uuid.UUID

	Logger *slog.Logger // default: discard
}

// Writer stores messages by group commit: sends that arrive while one commit is under way are stored together by the
// next. A send is answered after the commit that made it durable.
//
// When the connection breaks during a commit, whether it was done is unknown. The same sends are then tried again
// until they time out; ClientID keeps them from being stored twice.
type Writer struct {
	store     *Store
	maxBatch  int
	timeout   time.Duration
	committed func(stored, changed []Message)
	answered  func()
	room      func() error
	online    func() []uuid.UUID
	log       *slog.Logger

	queue    chan *pending
	stopping chan struct{} // closed when Run begins to end
	done     chan struct{} // closed when Run has ended

	// Of the goroutine in Run alone.
	conn   *pgxpool.Conn // nil until needed, and after it broke
	doubt  []*pending    // timed out with an unknown outcome: perhaps stored, and then still to be told of
	full   error         // what room said, at roomAt
	roomAt time.Time
}

// NewWriter returns a writer. Sends wait until [Writer.Run] runs.
func NewWriter(cfg WriterConfig) *Writer {
	w := &Writer{
		store: cfg.Store, maxBatch: cfg.MaxBatch, timeout: cfg.Timeout, committed: cfg.Committed,
		answered: cfg.Answered, room: cfg.Room, online: cfg.Online, log: cfg.Logger,
		stopping: make(chan struct{}), done: make(chan struct{}),
	}
	if w.maxBatch == 0 {
		w.maxBatch = 512
	}
	if cfg.MaxQueue == 0 {
		cfg.MaxQueue = 4096
	}
	w.queue = make(chan *pending, cfg.MaxQueue)
	if w.timeout == 0 {
		w.timeout = 2 * time.Second
	}
	if w.committed == nil {
		w.committed = func(_, _ []Message) {}
	}
	if w.answered == nil {
		w.answered = func() {}
	}
	if w.room == nil {
		w.room = func() error { return nil }
	}
	if w.online == nil {
		w.online = func() []uuid.UUID { return nil }
	}
	if w.log == nil {
		w.log = slog.New(slog.DiscardHandler)
	}
	return w
}

// Send stores a message and returns it once that is durable. A send that was stored before returns what is stored,
// even if its body differs; in another channel that is a Conflict. NotFound means that the author is not a member of
// the channel, Forbidden that it is archived, Invalid that nothing can be replied to ParentID, or that one of the files is
// not the author's or is used already. Unavailable means that it is unknown whether the message is or will be
// stored: send it again with the same ClientID.
func (w *Writer) Send(ctx context.Context, send Send) (Stored, error) {
	got := make(chan answer, 1)
	p := w.submit(send, func(stored Stored, err error) { got <- answer{stored, err} })
	select {
	case a := <-got:
		return a.stored, a.err
	case <-ctx.Done():
		p.finish(Stored{}, notNow(context.Cause(ctx)))
	case <-w.done:
		p.finish(Stored{}, notNow(errStopped))
	}
	a := <-got // it may have come at the last moment
	return a.stored, a.err
}

// Submit is [Writer.Send] for who does not wait: answered is called with what Send would return, once, by a goroutine that it
// must not hold up. What one goroutine submits to one channel is stored in that order, apart from what is refused.
func (w *Writer) Submit(send Send, answered func(Stored, error)) { w.submit(send, answered) }

func (w *Writer) submit(send Send, answered func(Stored, error)) *pending {
	p := &pending{Send: send, deadline: time.Now().Add(w.timeout), id: newID(), answered: answered}
	if err := send.check(); err != nil {
		p.finish(Stored{}, err)
		return p
	}
	p.calls = callsOf(send.Body)
	if p.calls.here {
		p.calls.online = w.online()
	}
	select {
	case <-w.stopping:
		p.finish(Stored{}, notNow(errStopped))
		return p
	default:
	}
	p.expiry = time.AfterFunc(w.timeout, p.expire)
	select {
	case w.queue <- p:
	default:
		p.finish(Stored{}, notNow(errQueueFull))
	}
	return p
}

func (s Send) check() error {
	var check checker
	check.body(s.Body, len(s.FileIDs) > 0)
	check.files(s.FileIDs)
	if s.ClientID == uuid.Nil {
		check.wrong("client_id", "must be a UUID of the client's choice")
	}
	if s.AlsoToChannel && s.ParentID == nil {
		check.wrong("also_to_channel", "is for replies: say the parent_id")
	}
	return check.err()
}

var (
	errStopped   = errors.New("the writer has stopped")
	errQueueFull = errors.New("too many messages wait to be stored")
)

func notNow(cause error) error {
	return &Error{Code: Unavailable, Message: "The message could not be stored right now. Send it again in a moment.",
		RetryAfter: retryAfter, Err: cause}
}

// Waiting is how many sends wait for the commit after the one under way.
func (w *Writer) Waiting() int { return len(w.queue) }

// Run stores what is sent, until ctx ends; then it stores what is queued, which takes no longer than the timeout of a
// send, and returns nil. It must run only once.
func (w *Writer) Run(ctx context.Context) error {
	defer close(w.done)
	defer w.release()
	for ctx.Err() == nil {
		w.write(w.gather(ctx))
	}
	close(w.stopping)
	for batch := w.fill(nil); len(batch) > 0; batch = w.fill(nil) {
		w.write(batch)
	}
	return nil
}

// gather waits for sends and takes those that are there. The batch is empty when ctx has ended, and when it is time to
// look again for sends in doubt.
func (w *Writer) gather(ctx context.Context) []*pending {
	var again <-chan time.Time
	if len(w.doubt) > 0 {
		again = time.After(longestPause)
	}
	select {
	case p := <-w.queue:
		return w.fill([]*pending{p})
	case <-again:
	case <-ctx.Done():
	}
	return nil
}

// fill adds what is queued to the batch, without waiting.
func (w *Writer) fill(batch []*pending) []*pending {
	for len(batch) < w.maxBatch {
		select {
		case p := <-w.queue:
			batch = append(batch, p)
		default:
			return batch
		}
	}
	return batch
}

// Between tries of a batch that could not be stored is a pause of an eighth of the time that the database has been away:
// whoever waits does so for at most that much longer than need be, and a database that is long away is left in peace.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = 100 * time.Millisecond
)

func pauseAfter(away time.Duration) time.Duration {
	return min(max(away/8, shortestPause), longestPause)
}

// write stores the batch and answers its senders, trying again while the database is away and somebody still waits.
func (w *Writer) write(batch []*pending) {
	if len(batch) == 0 {
		w.resolve()
		return
	}
	batch = pairTwins(batch)
	if err := w.roomLeft(); err != nil {
		for _, p := range batch {
			p.settle(Stored{}, diskFull(err))
		}
		return
	}
	var away time.Time // since when
	for {
		batch = w.waiting(batch)
		if len(batch) == 0 {
			return
		}
		err := w.try(batch)
		switch {
		case err == nil:
			return
		case w.store.stale(err), unavailable(err):
			if !away.IsZero() {
				time.Sleep(pauseAfter(time.Since(away)))
				continue
			}
			w.log.Warn("messages wait for the database", "messages", len(batch), "error", err)
			away = time.Now()
		case violates(err, "messages_author_client_key"):
			// Another node stored one of these sends in another channel just now; next time it is seen.
		case len(batch) == 1:
			batch[0].settle(Stored{}, wrap("store message", err))
			return
		default: // one of them is at fault: each for itself, so that the others are stored
			for _, p := range batch {
				w.write([]*pending{p})
			}
			return
		}
	}
}

// roomAge is how long what room said is good for.
const roomAge = 100 * time.Millisecond

// roomLeft returns an error when the disk is full.
func (w *Writer) roomLeft() error {
	if time.Since(w.roomAt) > roomAge {
		w.full, w.roomAt = w.room(), time.Now()
	}
	return w.full
}

func diskFull(cause error) error {
	return &Error{Code: Unavailable, Message: "The disk of this server is full. Send your message again once there is room.",
		RetryAfter: retryAfter, Err: cause}
}

// resolve finds out about sends in doubt when there is nothing else to do.
func (w *Writer) resolve() {
	if len(w.doubt) == 0 {
		return
	}
	if err := w.try(nil); err != nil && !w.store.stale(err) && !unavailable(err) {
		w.log.Error("cannot find out whether messages were stored", "messages", len(w.doubt), "error", err)
		w.doubt = nil
	}
}

// waiting returns those of the batch that somebody still waits for. Of the others, those that may be stored are kept
// in doubt, to be told of when they turn out to be.
func (w *Writer) waiting(batch []*pending) []*pending {
	var left []*pending
	for _, p := range batch {
		switch {
		case p.awaited():
			left = append(left, p)
		case p.tried:
			w.doubt = append(w.doubt, p)
		}
	}
	if over := len(w.doubt) - maxDoubt; over > 0 {
		w.log.Warn("gave up finding out whether messages were stored", "messages", over)
		w.doubt = slices.Clone(w.doubt[over:])
	}
	return left
}

// maxDoubt bounds what is remembered of sends that timed out. Who is not told of one sees the gap in seq.
const maxDoubt = 1 << 14
