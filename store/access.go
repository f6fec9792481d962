package store

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Who may do what, and see what, is said in this file and nowhere else: of routes by [Access], of users by [Permit], in
// channels by [Standing], and of what is read by conditions in SQL. What somebody may not see is answered with NotFound, as
// if it were not there.

// Access says who may do something, whatever it is done to.
type Access int

// The kinds of access, from most people to fewest.
const (
	ForEverybody Access = iota // also who is not logged in
	ForUsers                   // who is logged in
	ForMembers                 // members, admins and owners; not guests
	ForAdmins                  // admins and owners
	ForOwners
)

// Refuse returns why the user may not; nil when they may.
func (a Access) Refuse(u User) error {
	switch {
	case a == ForMembers && u.Role == Guest:
		return forbidden("Guests may not do this.")
	case a == ForAdmins && !u.Role.runs():
		return forbidden("Only owners and admins may do this.")
	case a == ForOwners && u.Role != Owner:
		return forbidden("Only owners may do this.")
	}
	return nil
}

// runs reports whether users of the role run the workspace.
func (r Role) runs() bool { return r == Owner || r == Admin }

// SeesEverybody reports whether users of the role see all others; if not, they see those of their channels.
func (r Role) SeesEverybody() bool { return r != Guest }

// Permit decides whether something may be done to a user as they are now; its error is the answer if not.
type Permit func(User) error

// Manages permits what is done to users below who: owners are above everybody, admins above members and guests.
func Manages(who User) Permit {
	return func(u User) error {
		if who.Role == Owner || who.Role == Admin && !u.Role.runs() {
			return nil
		}
		return forbidden("Only owners may do this to owners and admins.")
	}
}

// Appoints returns why who may not give somebody the role; nil when they may.
func Appoints(who User, role Role) error {
	if role.runs() && who.Role != Owner {
		return forbidden("Only owners make owners and admins.")
	}
	return nil
}

// The conditions of what is read and made: of a user u, and a channel c.
const (
	// mayBrowse is whether u sees c without being in it.
	mayBrowse = `(c.kind = 'public' AND u.role <> 'guest')`

	// mayRead is whether u sees c, and what is said there.
	mayRead = `(` + mayBrowse + ` OR EXISTS (SELECT FROM channel_members cm WHERE cm.channel_id = c.id AND cm.user_id = u.id))`

	// mayInviteTo is whether an invite of u may bring people into c.
	mayInviteTo = `(c.kind <> 'direct' AND NOT c.archived AND ` + mayRead + `)`

	// mayCallAll is whether the author a of a message calls others by @channel and @here.
	mayCallAll = `(a.role <> 'guest')`

	// mayMakeChannels is whether u may make channels.
	mayMakeChannels = `(u.active AND u.role <> 'guest')`

	// mayInvite is whether u may have made the invite i.
	mayInvite = `(u.active AND u.role IN ('owner', 'admin') AND (i.role <> 'admin' OR u.role = 'owner'))`

	// seenBy is whether the user $1 sees u: guests see the people of the channels that they are in, everybody else sees all.
	// Nobody sees bots, but in what they write.
	seenBy = `(NOT u.bot AND (u.id = $1 OR EXISTS (SELECT FROM users viewer WHERE viewer.id = $1 AND viewer.role <> 'guest') OR EXISTS (
		SELECT FROM channel_members mine JOIN channel_members theirs USING (channel_id)
		WHERE mine.user_id = $1 AND theirs.user_id = u.id)))`

	// maySeeHook is whether u sees the hook h of c, mayDeleteHook whether u may delete it then.
	maySeeHook = `(u.active AND u.role <> 'guest' AND (u.role IN ('owner', 'admin') OR EXISTS (
		SELECT FROM channel_members cm WHERE cm.channel_id = c.id AND cm.user_id = u.id)))`
	mayDeleteHook = `(u.role IN ('owner', 'admin') OR h.created_by = u.id OR coalesce(c.created_by = u.id, false))`
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

const standingColumns = `c.kind, c.archived, w.general_channel_id IS NOT NULL, u.role, m.user_id IS NOT NULL, coalesce(c.created_by = u.id, false)`

// fromStanding gives no row when the user $1 may not see the channel.
const fromStanding = `
	FROM channels c JOIN users u ON u.id = $1 AND u.active AND ` + mayRead + `
	LEFT JOIN channel_members m ON m.channel_id = c.id AND m.user_id = u.id
	LEFT JOIN workspace w ON w.general_channel_id = c.id`

const selectStanding = `SELECT ` + standingColumns + fromStanding + ` WHERE c.id = $2`

// fields are where to scan standingColumns.
func (s *Standing) fields() []any {
	return []any{&s.Kind, &s.Archived, &s.General, &s.Role, &s.Member, &s.Creator}
}

func scanStanding(row pgx.Row) (s Standing, err error) {
	err = row.Scan(s.fields()...)
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

// botRole is the role of bots: they call everybody as members do. Where they may write is a matter of their hook.
const botRole = Member

// errOthersHook is what they are told who are not as mayDeleteHook wants.
var errOthersHook = forbidden("Only who made the webhook, who made the channel, admins and owners may delete it.")

// errGuestsMakeNone is what they are told who are not as mayMakeChannels wants.
var errGuestsMakeNone = forbidden("Guests cannot make channels.")

func forbidden(message string) error { return &Error{Code: Forbidden, Message: message} }

// open wants a channel that still changes.
func (s Standing) open() error {
	if s.Archived {
		return forbidden("This channel is archived: it can be read, and must be brought back before anything in it is changed.")
	}
	return nil
}

// joined wants somebody who is in the channel.
func (s Standing) joined() error {
	if !s.Member {
		return forbidden("You are not in this channel. Join it first.")
	}
	return nil
}

// Writes wants somebody who may send to the channel, and put something under what is there.
func (s Standing) Writes() error {
	if err := s.joined(); err != nil {
		return err
	}
	return s.open()
}

// edits wants the author of a message.
func (s Standing) edits(isAuthor bool) error {
	if !isAuthor {
		return forbidden("Only who wrote a message may edit it.")
	}
	return nil
}

// deletes wants the author of a message, or somebody who may delete everybody's.
func (s Standing) deletes(isAuthor bool) error {
	if !isAuthor && !s.Role.runs() {
		return forbidden("Only who wrote a message may delete it, and owners and admins.")
	}
	return nil
}

// manages wants somebody who may rename, archive and delete the channel, and take people out of it.
func (s Standing) manages() error {
	switch {
	case s.Kind == Direct:
		return forbidden("A direct conversation stays as it is.")
	case s.Role.runs(), s.Creator && s.Role != Guest:
		return nil
	}
	return forbidden("Only who made the channel, admins and owners may do that.")
}

// describes wants somebody who may say what the channel is about.
func (s Standing) describes() error {
	switch {
	case s.Kind == Direct:
		return forbidden("A direct conversation stays as it is.")
	}
	return s.joined()
}

// changes wants somebody who may change what p names.
func (s Standing) changes(p ChannelParams) error {
	if p.Topic != nil || p.Description != nil {
		if err := s.describes(); err != nil {
			return err
		}
	}
	if p.Name != nil || p.Archived != nil {
		if err := s.manages(); err != nil {
			return err
		}
	}
	switch {
	case p.Archived == nil:
		return s.open()
	case *p.Archived && s.General:
		return forbidden("Everybody is in this channel: it cannot be archived.")
	}
	return nil
}

// ends wants somebody who may delete the channel.
func (s Standing) ends() error {
	if err := s.manages(); err != nil {
		return err
	}
	if s.General {
		return forbidden("Everybody is in this channel: it cannot be deleted.")
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
	}
	return s.Writes()
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

// hooks wants somebody who may let programs send to the channel.
func (s Standing) hooks() error {
	switch {
	case s.Kind == Direct:
		return forbidden("A direct conversation has no webhooks: choose a channel.")
	case s.Role == Guest:
		return forbidden("Guests cannot make webhooks.")
	case !s.Member:
		return forbidden("Join the channel first.")
	}
	return s.open()
}
