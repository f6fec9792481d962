package store

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// MaxUsers is how many users one call may name.
const MaxUsers = 100

// Move is the change by which a user has come to a channel or left it.
type Move struct {
	Change
	User User
}

// Moves is who has come to a channel or left it, and the channel after that. There are none if all was so before.
type Moves struct {
	Channel Channel
	List    []Move
}

// Members returns members of a channel, by username: at most so many of those whose usernames come after one, and whether
// there are more. It answers NotFound unless the asker may see the channel.
func (s *Store) Members(ctx context.Context, userID, channelID uuid.UUID, after string, limit int) ([]User, bool, error) {
	if _, err := s.Standing(ctx, userID, channelID); err != nil {
		return nil, false, err
	}
	list, err := all(ctx, s, scanUser, `
		SELECT `+userColumns+` FROM channel_members m JOIN users u ON u.id = m.user_id
		WHERE m.channel_id = $1 AND lower(u.username) > lower($2) ORDER BY lower(u.username) LIMIT $3`,
		channelID, printable(after), limit+1)
	if err != nil {
		return nil, false, wrap("list members", err)
	}
	n := min(limit, len(list))
	return list[:n], len(list) > n, nil
}

// Join makes the user a member of a public channel. Like the other calls that move people, it returns what has changed:
// nothing if it was so before.
func (s *Store) Join(ctx context.Context, userID, channelID uuid.UUID) (Moves, error) {
	moves, err := s.move(ctx, userID, channelID, func(tx pgx.Tx, rev int64, as Standing) ([]Move, error) {
		if err := as.joins(); err != nil {
			return nil, err
		}
		return bringIn(ctx, tx, channelID, rev, []uuid.UUID{userID})
	})
	return moves, wrap("join channel", err)
}

// AddMembers brings users into a channel, if the asker may. Somebody who is not there or not active makes the whole call
// Invalid.
func (s *Store) AddMembers(ctx context.Context, by, channelID uuid.UUID, userIDs []uuid.UUID) (Moves, error) {
	userIDs, err := distinct(userIDs, MaxUsers)
	if err != nil {
		return Moves{}, err
	}
	moves, err := s.move(ctx, by, channelID, func(tx pgx.Tx, rev int64, as Standing) ([]Move, error) {
		if err := as.brings(); err != nil {
			return nil, err
		}
		if err := wantActive(ctx, tx, userIDs); err != nil {
			return nil, err
		}
		return bringIn(ctx, tx, channelID, rev, userIDs)
	})
	return moves, wrap("add members", err)
}

// Leave ends the user's membership.
func (s *Store) Leave(ctx context.Context, userID, channelID uuid.UUID) (Moves, error) {
	return s.takeOut(ctx, userID, channelID, []uuid.UUID{userID}, func(as Standing) error { return as.leaves(as.Role) })
}

// RemoveMembers ends the membership of users, if the asker may.
func (s *Store) RemoveMembers(ctx context.Context, by, channelID uuid.UUID, userIDs []uuid.UUID) (Moves, error) {
	userIDs, err := distinct(userIDs, MaxUsers)
	if err != nil {
		return Moves{}, err
	}
	if slices.Equal(userIDs, []uuid.UUID{by}) {
		return s.Leave(ctx, by, channelID)
	}
	return s.takeOut(ctx, by, channelID, userIDs, Standing.manages)
}

// takeOut ends the membership of users in a channel from which the asker may take them.
func (s *Store) takeOut(ctx context.Context, by, channelID uuid.UUID, userIDs []uuid.UUID, may func(Standing) error) (Moves, error) {
	moves, err := s.move(ctx, by, channelID, func(tx pgx.Tx, rev int64, as Standing) ([]Move, error) {
		if err := may(as); err != nil {
			return nil, err
		}
		rows, _ := tx.Query(ctx, sendOff, channelID, userIDs, rev)
		moves, err := collectMoves(channelID, rows)
		for _, m := range moves {
			if err := as.leaves(m.User.Role); err != nil {
				return nil, err
			}
		}
		return moves, err
	})
	return moves, wrap("remove members", err)
}

// move runs do, which brings people in or out, under the lock of the channel. Each move has a rev of its own.
func (s *Store) move(ctx context.Context, by, channelID uuid.UUID, do func(pgx.Tx, int64, Standing) ([]Move, error)) (moves Moves, err error) {
	_, err = s.inChannelAs(ctx, by, channelID, func(tx pgx.Tx, rev int64, as Standing) error {
		moves.List, err = do(tx, rev, as)
		if err == nil && len(moves.List) == 0 {
			return errUnchanged
		}
		if err != nil {
			return err
		}
		moves.Channel, err = scanChannel(tx.QueryRow(ctx, `SELECT `+channelColumns+` FROM channels c WHERE c.id = $1`, channelID))
		return err
	})
	if err != nil {
		return Moves{}, err
	}
	return moves, nil
}

// bring makes those users members who are none, with revs from $3 on. What was said before counts as read.
const bring = `
	WITH come AS (
		INSERT INTO channel_members (channel_id, user_id, read_seq, joined_at, joined_rev)
		SELECT c.id, u.id, c.last_seq, statement_timestamp(), $3::bigint - 1 + row_number() OVER (ORDER BY u.id)
		FROM channels c, unnest($2::uuid[]) u (id)
		WHERE c.id = $1 AND NOT EXISTS (SELECT FROM channel_members m WHERE m.channel_id = c.id AND m.user_id = u.id)
		RETURNING user_id, joined_rev
	), back AS (
		DELETE FROM channel_departures WHERE channel_id = $1 AND user_id IN (SELECT user_id FROM come)
	), counted AS (
		UPDATE channels SET last_rev = $3 - 1 + (SELECT count(*) FROM come) WHERE id = $1
	)
	SELECT come.joined_rev, ` + userColumns + ` FROM come JOIN users u ON u.id = come.user_id ORDER BY 1`

// sendOff ends the membership of those users who have one, with revs from $3 on.
const sendOff = `
	WITH gone AS (
		DELETE FROM channel_members WHERE channel_id = $1 AND user_id = ANY ($2) RETURNING user_id
	), numbered AS (
		SELECT user_id, $3::bigint - 1 + row_number() OVER (ORDER BY user_id) AS rev FROM gone
	), noted AS (
		INSERT INTO channel_departures (channel_id, user_id, rev) SELECT $1, user_id, rev FROM numbered
		ON CONFLICT (channel_id, user_id) DO UPDATE SET rev = excluded.rev
	), counted AS (
		UPDATE channels SET last_rev = $3 - 1 + (SELECT count(*) FROM gone) WHERE id = $1
	)
	SELECT numbered.rev, ` + userColumns + ` FROM numbered JOIN users u ON u.id = numbered.user_id ORDER BY 1`

func bringIn(ctx context.Context, tx pgx.Tx, channelID uuid.UUID, rev int64, userIDs []uuid.UUID) ([]Move, error) {
	rows, _ := tx.Query(ctx, bring, channelID, userIDs, rev)
	return collectMoves(channelID, rows)
}

func collectMoves(channelID uuid.UUID, rows pgx.Rows) ([]Move, error) {
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Move, error) {
		m := Move{Change: Change{ChannelID: channelID}}
		err := row.Scan(append([]any{&m.Rev}, m.User.fields()...)...)
		return m, err
	})
}

// wantActive wants users who are there and active.
func wantActive(ctx context.Context, tx pgx.Tx, userIDs []uuid.UUID) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM users WHERE id = ANY ($1) AND active AND NOT bot`, userIDs).Scan(&n); err != nil {
		return err
	}
	if n < len(userIDs) {
		return errNoSuchUsers
	}
	return nil
}

var errNoSuchUsers = &Error{Code: Invalid, Message: "Some of the input is not right.",
	Fields: map[string]string{"user_ids": "must be of active users"}}

// distinct returns the ids in rising order, each once, of which there must be 1 to most.
func distinct(userIDs []uuid.UUID, most int) ([]uuid.UUID, error) {
	userIDs = slices.Clone(userIDs)
	slices.SortFunc(userIDs, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	userIDs = slices.Compact(userIDs)
	var check checker
	switch {
	case len(userIDs) == 0:
		check.wrong("user_ids", "must not be empty")
	case len(userIDs) > most:
		check.wrong("user_ids", "are too many at once")
	}
	return userIDs, check.err()
}

// MemberKey names a membership.
type MemberKey struct{ UserID, ChannelID uuid.UUID }

const selectJoined = `SELECT user_id, channel_id FROM channel_members WHERE joined_at > now() - make_interval(secs => $1)`

// JoinedSince returns who has become a member of what in so many of the last seconds.
func (s *Store) JoinedSince(ctx context.Context, seconds float64) ([]MemberKey, error) {
	list, err := all(ctx, s, func(row pgx.Row) (k MemberKey, err error) {
		err = row.Scan(&k.UserID, &k.ChannelID)
		return k, err
	}, selectJoined, seconds)
	return list, wrap("look who has joined", err)
}
