package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// MaxDirect is how many people a direct conversation has at most.
const MaxDirect = 9

// OpenDirect returns the direct conversation of the user with others, or alone with oneself. The same people have one: it
// is made when they first want it, and created says whether that was now. Guests find only people they share a channel
// with.
func (s *Store) OpenDirect(ctx context.Context, userID uuid.UUID, with []uuid.UUID) (m Membership, created bool, err error) {
	if _, err := distinct(with, MaxUsers); err != nil {
		return m, false, err
	}
	people, err := distinct(append([]uuid.UUID{userID}, with...), MaxDirect)
	if err != nil {
		return m, false, err
	}
	var id uuid.UUID
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT id FROM channels WHERE direct_of = $1`, people).Scan(&id)
		if !noRows(err) {
			return err
		}
		if err := wantReachable(ctx, tx, userID, people); err != nil {
			return err
		}
		id, created = newID(), true
		made, err := tx.Exec(ctx, `
			INSERT INTO channels (id, kind, direct_of, created_by) VALUES ($1, 'direct', $2, $3)
			ON CONFLICT (direct_of) DO NOTHING`, id, people, userID)
		if err != nil {
			return err
		}
		if made.RowsAffected() == 0 { // another of them was a moment earlier
			created = false
			return tx.QueryRow(ctx, `SELECT id FROM channels WHERE direct_of = $1`, people).Scan(&id)
		}
		_, err = tx.Exec(ctx, `INSERT INTO channel_members (channel_id, user_id) SELECT $1, unnest($2::uuid[])`, id, people)
		return err
	})
	if err != nil {
		return m, false, wrap("open direct conversation", err)
	}
	m, err = s.Channel(ctx, userID, id)
	return m, created, err
}

// wantReachable wants people who are active, and whom the user may know of.
func wantReachable(ctx context.Context, tx pgx.Tx, userID uuid.UUID, people []uuid.UUID) error {
	var n int
	err := tx.QueryRow(ctx, `
SELECT count(*) FROM users u WHERE u.id = ANY ($2) AND u.active AND `+seenBy, userID, people).Scan(&n)
	if err != nil {
		return err
	}
	if n < len(people) {
		return errNoSuchUsers
	}
	return nil
}
