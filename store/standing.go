package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Standing is what a user is to a channel. It decides what the user may do there.
type Standing struct {
	Kind     ChannelKind
	Archived bool
	General  bool // it is the channel that everybody is in
	Role     Role // of the user
	Member   bool
	Creator  bool
}

// selectStanding gives no row when the user may not see the channel.
const selectStanding = `
	SELECT c.kind, c.archived, w.general_channel_id IS NOT NULL, u.role, m.user_id IS NOT NULL, coalesce(c.created_by = u.id, false)
	FROM channels c JOIN users u ON u.id = $1
	LEFT JOIN channel_members m ON m.channel_id = c.id AND m.user_id = u.id
	LEFT JOIN workspace w ON w.general_channel_id = c.id
	WHERE c.id = $2 AND u.active AND (m.user_id IS NOT NULL OR c.kind = 'public' AND u.role <> 'guest')`

func scanStanding(row pgx.Row) (s Standing, err error) {
	err = row.Scan(&s.Kind, &s.Archived, &s.General, &s.Role, &s.Member, &s.Creator)
	return s, err
}

// Standing returns what the user is to the channel, NotFound unless the user may see it: members see their channels, and
// all but guests the public ones.
func (s *Store) Standing(ctx context.Context, userID, channelID uuid.UUID) (Standing, error) {
	standing, err := one(ctx, s, scanStanding, selectStanding, userID, channelID)
	if noRows(err) {
		return standing, notFound("channel")
	}
	return standing, wrap("look who may", err)
}

// inChannelAs is [Store.inChannel] for a user who may see the channel.
func (s *Store) inChannelAs(ctx context.Context, userID, channelID uuid.UUID, do func(tx pgx.Tx, rev int64, as Standing) error) (Change, error) {
	return s.inChannel(ctx, channelID, func(tx pgx.Tx, rev int64) error {
		// A statement of its own: it begins with the lock held, and so sees every change before this one.
		as, err := scanStanding(tx.QueryRow(ctx, selectStanding, userID, channelID))
		if noRows(err) {
			return notFound("channel")
		}
		if err != nil {
			return err
		}
		return do(tx, rev, as)
	})
}

func forbidden(message string) error { return &Error{Code: Forbidden, Message: message} }

// open wants a channel that still changes.
func (s Standing) open() error {
	if s.Archived {
		return forbidden("This channel is archived: it can be read, and must be brought back before anything in it is changed.")
	}
	return nil
}

// manages wants somebody who may rename, archive and delete the channel, and take people out of it.
func (s Standing) manages() error {
	switch {
	case s.Kind == Direct:
		return forbidden("A direct conversation stays as it is.")
	case s.Role == Owner, s.Role == Admin, s.Creator && s.Role != Guest:
		return nil
	}
	return forbidden("Only who made the channel, admins and owners may do that.")
}

// describes wants somebody who may say what the channel is about.
func (s Standing) describes() error {
	switch {
	case s.Kind == Direct:
		return forbidden("A direct conversation stays as it is.")
	case !s.Member:
		return forbidden("Join the channel first.")
	}
	return nil
}

// joins wants somebody who may come in without being asked.
func (s Standing) joins() error {
	if s.Member {
		return errUnchanged
	}
	return s.open()
}

// brings wants somebody who may bring others in.
func (s Standing) brings() error {
	switch {
	case s.Kind == Direct:
		return forbidden("A direct conversation stays among its people. Begin another one with all of them.")
	case s.Role == Guest:
		return forbidden("Guests cannot bring others in.")
	case !s.Member:
		return forbidden("Join the channel first.")
	}
	return s.open()
}

// leaves wants somebody who can go, or be taken out. Guests are in the channel of everybody only if it was given to them.
func (s Standing) leaves(role Role) error {
	switch {
	case s.Kind == Direct:
		return forbidden("A direct conversation cannot be left.")
	case s.General && role != Guest:
		return forbidden("Everybody is in this channel: it cannot be left.")
	}
	return nil
}
