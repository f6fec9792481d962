package store

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The log of a channel: every change of it has a rev, which is 1, 2, 3, … in the channel without a gap, in the order of
// commits. A message's seq counts messages alone.

// Change is a committed change of a channel.
type Change struct {
	ChannelID uuid.UUID
	Rev       int64
}

// errUnchanged is what a change returns that finds nothing to do: no rev is used up.
var errUnchanged = errors.New("nothing to change")

// inChannel runs do in a transaction that holds the lock of the channel's row, under the channel's next rev. When do
// fails, nothing has happened; errUnchanged is no failure, and gives no rev. Without such a channel it answers NotFound:
// whether the asker may see it is for do to find out.
func (s *Store) inChannel(ctx context.Context, channelID uuid.UUID, do func(tx pgx.Tx, rev int64) error) (Change, error) {
	change := Change{ChannelID: channelID}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `UPDATE channels SET last_rev = last_rev + 1 WHERE id = $1 RETURNING last_rev`, channelID).Scan(&change.Rev)
		if noRows(err) {
			return notFound("channel")
		}
		if err != nil {
			return err
		}
		return do(tx, change.Rev)
	})
	if errors.Is(err, errUnchanged) {
		return Change{ChannelID: channelID}, nil
	}
	return change, err
}

// Span is the changes of a channel from one rev to another, both included, for somebody who has its messages up to a seq.
type Span struct {
	ChannelID uuid.UUID
	From, To  int64
	AfterSeq  int64
}

// Missed is what is to be told of a [Span]. Messages are as they are now, which may be later than the span.
type Missed struct {
	LastSeq  int64     // of the newest message of the span; at least AfterSeq
	Messages []Message // new ones after AfterSeq, the oldest of them if there are many
	Changed  []Message // older ones, which were changed, in rising seq; the oldest of them if there are many
	State    *Channel  // the channel, if anything was changed of itself
	Joined   []User    // users who have come and are still there; the first of them if there are many
	Left     []User    // users who have left
}

const missedLastSeq = `
	SELECT greatest($3, coalesce((SELECT seq FROM messages WHERE channel_id = $1 AND created_rev <= $2 ORDER BY seq DESC LIMIT 1), 0))`

const missedMessages = `
	SELECT ` + messageColumns + ` FROM messages m JOIN users u ON u.id = m.author_id
	WHERE m.channel_id = $1 AND m.seq > $3 AND m.created_rev <= $2 ORDER BY m.seq LIMIT $4`

const missedChanges = `
	SELECT ` + messageColumns + ` FROM messages m JOIN users u ON u.id = m.author_id
	WHERE m.channel_id = $1 AND m.rev > m.created_rev AND m.rev >= $2 AND m.seq <= $3 ORDER BY m.seq LIMIT $4`

const missedState = `SELECT ` + channelColumns + ` FROM channels c WHERE c.id = $1 AND c.state_rev BETWEEN $2 AND $3`

const missedArrivals = `
	SELECT ` + userColumns + ` FROM channel_members m JOIN users u ON u.id = m.user_id
	WHERE m.channel_id = $1 AND m.joined_rev BETWEEN $2 AND $3 ORDER BY m.joined_rev LIMIT $4`

const missedDepartures = `
	SELECT ` + userColumns + ` FROM channel_departures d JOIN users u ON u.id = d.user_id
	WHERE d.channel_id = $1 AND d.rev BETWEEN $2 AND $3 ORDER BY d.rev`

// Missed reads a span, at most so many messages of each sort.
func (s *Store) Missed(ctx context.Context, span Span, most int) (missed Missed, err error) {
	err = s.retry(ctx, func() error {
		batch := &pgx.Batch{}
		batch.Queue(missedLastSeq, span.ChannelID, span.To, span.AfterSeq)
		batch.Queue(missedMessages, span.ChannelID, span.To, span.AfterSeq, most)
		batch.Queue(missedChanges, span.ChannelID, span.From, span.AfterSeq, most)
		batch.Queue(missedState, span.ChannelID, span.From, span.To)
		batch.Queue(missedArrivals, span.ChannelID, span.From, span.To, most)
		batch.Queue(missedDepartures, span.ChannelID, span.From, span.To)
		results := s.pool.SendBatch(ctx, batch)
		missed, err = readMissed(results)
		return errors.Join(err, results.Close())
	})
	return missed, wrap("read what was missed", err)
}

func readMissed(results pgx.BatchResults) (missed Missed, err error) {
	if err := results.QueryRow().Scan(&missed.LastSeq); err != nil {
		return missed, err
	}
	if missed.Messages, err = nextRows(results, scanMessage); err != nil {
		return missed, err
	}
	if missed.Changed, err = nextRows(results, scanMessage); err != nil {
		return missed, err
	}
	states, err := nextRows(results, scanChannel)
	if err != nil {
		return missed, err
	}
	if len(states) > 0 {
		missed.State = &states[0]
	}
	if missed.Joined, err = nextRows(results, scanUser); err != nil {
		return missed, err
	}
	missed.Left, err = nextRows(results, scanUser)
	return missed, err
}

// nextRows reads the rows of a batch's next statement.
func nextRows[T any](results pgx.BatchResults, scan func(pgx.Row) (T, error)) ([]T, error) {
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (T, error) { return scan(row) })
}

// RevsAt returns at which rev each message was stored, by its channel: seqs has one seq of each. What is not there is left out.
func (s *Store) RevsAt(ctx context.Context, seqs map[uuid.UUID]int64) (map[uuid.UUID]int64, error) {
	revs := map[uuid.UUID]int64{}
	if len(seqs) == 0 {
		return revs, nil
	}
	channels, numbers := make([]uuid.UUID, 0, len(seqs)), make([]int64, 0, len(seqs))
	for channel, seq := range seqs {
		channels, numbers = append(channels, channel), append(numbers, seq)
	}
	_, err := all(ctx, s, func(row pgx.Row) (struct{}, error) {
		var channel uuid.UUID
		var rev int64
		err := row.Scan(&channel, &rev)
		revs[channel] = rev
		return struct{}{}, err
	}, `
		SELECT m.channel_id, m.created_rev FROM unnest($1::uuid[], $2::bigint[]) seen (channel_id, seq)
		JOIN messages m ON m.channel_id = seen.channel_id AND m.seq = seen.seq`, channels, numbers)
	return revs, wrap("read how far was seen", err)
}
