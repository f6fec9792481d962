package store

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// MaxUsers is how many users one call may name.
const MaxUsers = 100

// Moved is who has come to a channel or left it by a change; nobody when the change has no rev.
type Moved struct {
	Change
	Users []User
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

// Join makes the user a member of a public channel.
func (s *Store) Join(ctx context.Context, userID, channelID uuid.UUID) (Moved, error) {
	var moved Moved
	change, err := s.inChannelAs(ctx, userID, channelID, func(tx pgx.Tx, rev int64, as Standing) (err error) {
		if err := as.joins(); err != nil {
			return err
		}
		moved.Users, err = bringIn(ctx, tx, channelID, rev, []uuid.UUID{userID})
		return err
	})
	moved.Change = change
	return moved, wrap("join channel", err)
}

// AddMembers brings users into a channel, if the asker may. Who is in it already stays. Somebody who is not there or not
// active makes the whole call Invalid.
func (s *Store) AddMembers(ctx context.Context, by, channelID uuid.UUID, userIDs []uuid.UUID) (Moved, error) {
	userIDs, err := distinct(userIDs, MaxUsers)
	if err != nil {
		return Moved{}, err
	}
	var moved Moved
	moved.Change, err = s.inChannelAs(ctx, by, channelID, func(tx pgx.Tx, rev int64, as Standing) error {
		if err := as.brings(); err != nil {
			return err
		}
		if err := wantActive(ctx, tx, userIDs); err != nil {
			return err
		}
		moved.Users, err = bringIn(ctx, tx, channelID, rev, userIDs)
		if err == nil && len(moved.Users) == 0 {
			return errUnchanged
		}
		return err
	})
	return moved, wrap("add members", err)
}

// Leave ends the user's membership. Who may see the channel and is no member stays so.
func (s *Store) Leave(ctx context.Context, userID, channelID uuid.UUID) (Moved, error) {
	moved, err := s.takeOut(ctx, userID, channelID, []uuid.UUID{userID}, func(as Standing) error { return as.leaves(as.Role) })
	return moved, wrap("leave channel", err)
}

// RemoveMembers ends the membership of users, if the asker may. Who is no member stays so.
func (s *Store) RemoveMembers(ctx context.Context, by, channelID uuid.UUID, userIDs []uuid.UUID) (Moved, error) {
	userIDs, err := distinct(userIDs, MaxUsers)
	if err != nil {
		return Moved{}, err
	}
	if slices.Equal(userIDs, []uuid.UUID{by}) {
		return s.Leave(ctx, by, channelID)
	}
	moved, err := s.takeOut(ctx, by, channelID, userIDs, Standing.manages)
	return moved, wrap("remove members", err)
}

// takeOut ends the membership of users in a channel from which the asker may take them.
func (s *Store) takeOut(ctx context.Context, by, channelID uuid.UUID, userIDs []uuid.UUID, may func(Standing) error) (moved Moved, err error) {
	moved.Change, err = s.inChannelAs(ctx, by, channelID, func(tx pgx.Tx, rev int64, as Standing) error {
		if err := may(as); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, `
			WITH gone AS (
				DELETE FROM channel_members WHERE channel_id = $1 AND user_id = ANY ($2) RETURNING user_id
			), noted AS (
				INSERT INTO channel_departures (channel_id, user_id, rev) SELECT $1, user_id, $3 FROM gone
				ON CONFLICT (channel_id, user_id) DO UPDATE SET rev = excluded.rev
			)
			SELECT `+userColumns+` FROM gone JOIN users u ON u.id = gone.user_id`, channelID, userIDs, rev)
		moved.Users, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (User, error) { return scanUser(row) })
		if err == nil && len(moved.Users) == 0 {
			return errUnchanged
		}
		for _, u := range moved.Users {
			if err := as.leaves(u.Role); err != nil {
				return err
			}
		}
		return err
	})
	return moved, err
}

// bringIn makes users members of a channel, whose lock is held, and returns those who were none. What was said before
// counts as read.
func bringIn(ctx context.Context, tx pgx.Tx, channelID uuid.UUID, rev int64, userIDs []uuid.UUID) ([]User, error) {
	rows, _ := tx.Query(ctx, `
		WITH come AS (
			INSERT INTO channel_members (channel_id, user_id, read_seq, joined_at, joined_rev)
			SELECT c.id, u.id, c.last_seq, statement_timestamp(), $3 FROM channels c, unnest($2::uuid[]) u (id) WHERE c.id = $1
			ON CONFLICT (channel_id, user_id) DO NOTHING RETURNING user_id
		), back AS (
			DELETE FROM channel_departures WHERE channel_id = $1 AND user_id IN (SELECT user_id FROM come)
		)
		SELECT `+userColumns+` FROM come JOIN users u ON u.id = come.user_id`, channelID, userIDs, rev)
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (User, error) { return scanUser(row) })
}

// wantActive wants users who are there and active.
func wantActive(ctx context.Context, tx pgx.Tx, userIDs []uuid.UUID) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM users WHERE id = ANY ($1) AND active`, userIDs).Scan(&n); err != nil {
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

// Joined is a membership that has begun.
type Joined struct{ UserID, ChannelID uuid.UUID }

// JoinedSince returns who has become a member of what in so many of the last seconds.
func (s *Store) JoinedSince(ctx context.Context, seconds float64) ([]Joined, error) {
	list, err := all(ctx, s, func(row pgx.Row) (j Joined, err error) {
		err = row.Scan(&j.UserID, &j.ChannelID)
		return j, err
	}, `SELECT user_id, channel_id FROM channel_members WHERE joined_at > now() - make_interval(secs => $1)`, seconds)
	return list, wrap("look who has joined", err)
}
