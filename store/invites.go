package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Invite lets whoever knows its code make an account.
type Invite struct {
	ID        uuid.UUID   `json:"id"`
	Code      string      `json:"code"`
	Role      Role        `json:"role"`
	MaxUses   *int        `json:"max_uses"` // nil: any number
	Uses      int         `json:"uses"`
	ExpiresAt *time.Time  `json:"expires_at"` // nil: never
	CreatedBy uuid.UUID   `json:"created_by"`
	CreatedAt time.Time   `json:"created_at"`
	Channels  []uuid.UUID `json:"channels"` // that come with it, besides #general, in which guests are not
	URL       string      `json:"url"`      // filled in by whoever knows the public address
}

// InviteParams describes a new invite. Its code is made here.
type InviteParams struct {
	Role      Role       // Member when empty; never Owner
	MaxUses   *int       // nil: any number
	ExpiresAt *time.Time // nil: never
	CreatedBy uuid.UUID
	Channels  []uuid.UUID // at most MaxInviteChannels, which the inviter is in or everybody may join
}

// MaxInviteChannels is the most channels that come with an invite.
const MaxInviteChannels = 50

// RegisterParams is what somebody with an invite says to become a user.
type RegisterParams struct {
	InviteCode   string
	Username     string
	DisplayName  string // the username when empty
	PasswordHash string
}

const inviteColumns = `i.id, i.code, i.role, i.max_uses, i.uses, i.expires_at, i.created_by, i.created_at,
	ARRAY(SELECT channel_id FROM invite_channels WHERE invite_id = i.id ORDER BY channel_id)`

func scanInvite(row pgx.Row) (i Invite, err error) {
	err = row.Scan(&i.ID, &i.Code, &i.Role, &i.MaxUses, &i.Uses, &i.ExpiresAt, &i.CreatedBy, &i.CreatedAt, &i.Channels)
	return i, err
}

func (p InviteParams) check() error {
	var check checker
	if p.Role != Admin && p.Role != Member && p.Role != Guest {
		check.wrong("role", "must be admin, member or guest")
	}
	if p.MaxUses != nil && (*p.MaxUses < 1 || *p.MaxUses > 1_000_000) {
		check.wrong("max_uses", "must be 1 to 1000000")
	}
	if p.ExpiresAt != nil && !p.ExpiresAt.After(time.Now()) {
		check.wrong("expires_in", "must be in the future")
	}
	if len(p.Channels) > MaxInviteChannels {
		check.wrong("channels", fmt.Sprintf("must be at most %d", MaxInviteChannels))
	}
	return check.err()
}

// CreateInvite makes an invite with a random code of 130 bits.
func (s *Store) CreateInvite(ctx context.Context, p InviteParams) (invite Invite, err error) {
	if p.Role == "" {
		p.Role = Member
	}
	if err := p.check(); err != nil {
		return invite, err
	}
	id := newID()
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO invites (id, code, role, max_uses, expires_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)`,
			id, rand.Text(), p.Role, p.MaxUses, p.ExpiresAt, p.CreatedBy)
		if err != nil {
			return err
		}
		if err := addInviteChannels(ctx, tx, id, p); err != nil {
			return err
		}
		if invite, err = scanInvite(tx.QueryRow(ctx, `SELECT `+inviteColumns+` FROM invites i WHERE i.id = $1`, id)); err != nil {
			return err
		}
		return record(ctx, tx, Event{Action: InviteCreated, Target: Target{Kind: "invite", ID: id}, Details: map[string]string{"role": string(p.Role)}})
	})
	if violates(err, "invites_created_by_fkey") {
		return Invite{}, notFound("user")
	}
	return invite, wrap("create invite", err)
}

// addInviteChannels gives the invite its channels, each of which the inviter could bring somebody into.
func addInviteChannels(ctx context.Context, tx pgx.Tx, invite uuid.UUID, p InviteParams) error {
	if len(p.Channels) == 0 {
		return nil
	}
	var given, found int
	err := tx.QueryRow(ctx, `
		WITH added AS (
			INSERT INTO invite_channels (invite_id, channel_id)
			SELECT $1, c.id FROM channels c JOIN users u ON u.id = $3 WHERE c.id = ANY ($2) AND `+mayInviteTo+`
			RETURNING channel_id
		) SELECT (SELECT count(DISTINCT id) FROM unnest($2::uuid[]) id), (SELECT count(*) FROM added)`,
		invite, p.Channels, p.CreatedBy).Scan(&given, &found)
	if err == nil && found != given {
		return invalid("channels", "must be channels that are open to everybody or that you are in, and not archived")
	}
	return err
}

// ChannelsByName returns the ids of the channels of these names. It answers Invalid when there is none of a name.
func (s *Store) ChannelsByName(ctx context.Context, names []string) ([]uuid.UUID, error) {
	type named struct {
		name string
		id   uuid.NullUUID
	}
	list, err := all(ctx, s, func(row pgx.Row) (n named, err error) {
		err = row.Scan(&n.name, &n.id)
		return n, err
	}, `SELECT wanted.name, c.id FROM unnest($1::text[]) AS wanted (name)
		LEFT JOIN channels c ON lower(c.name) = lower(wanted.name) AND c.kind <> 'direct'`, names)
	if err != nil {
		return nil, wrap("find channels by name", err)
	}
	ids := make([]uuid.UUID, len(list))
	for i, n := range list {
		if !n.id.Valid {
			return nil, invalid("channels", fmt.Sprintf("has %q, which there is not", n.name))
		}
		ids[i] = n.id.UUID
	}
	return ids, nil
}

// MaxInvites is the most invites that are listed.
const MaxInvites = 1000

// Invites returns the invites, the newest first, used up and expired ones too.
func (s *Store) Invites(ctx context.Context) ([]Invite, error) {
	list, err := all(ctx, s, scanInvite, `SELECT `+inviteColumns+` FROM invites i ORDER BY i.created_at DESC, i.id DESC LIMIT $1`, MaxInvites)
	return list, wrap("list invites", err)
}

// usable is the rule of which invites i let somebody in.
const usable = `(i.max_uses IS NULL OR i.uses < i.max_uses) AND (i.expires_at IS NULL OR i.expires_at > now())`

func invalidInvite() error {
	return &Error{Code: NotFound, Message: "This invite is not valid any more. Ask for a new one."}
}

// Invitation is what an invite tells whoever has its code.
type Invitation struct {
	Workspace string     `json:"workspace"`
	Role      Role       `json:"role"`
	InvitedBy string     `json:"invited_by"` // display name
	ExpiresAt *time.Time `json:"expires_at"` // nil: never
}

// Invitation returns what the invite with that code tells. One that is unknown, used up or expired answers NotFound.
func (s *Store) Invitation(ctx context.Context, code string) (Invitation, error) {
	found, err := one(ctx, s, func(row pgx.Row) (i Invitation, err error) {
		err = row.Scan(&i.Workspace, &i.Role, &i.InvitedBy, &i.ExpiresAt)
		return i, err
	}, `SELECT w.name, i.role, u.display_name, i.expires_at FROM invites i JOIN users u ON u.id = i.created_by, workspace w
		WHERE i.code = $1 AND `+usable, printable(code))
	if noRows(err) {
		return found, invalidInvite()
	}
	return found, wrap("read invitation", err)
}

// DeleteInvite takes an invite back. It answers NotFound when there is none with that id.
func (s *Store) DeleteInvite(ctx context.Context, id uuid.UUID) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `DELETE FROM invites WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return notFound("invite")
		}
		return record(ctx, tx, Event{Action: InviteDeleted, Target: Target{Kind: "invite", ID: id}})
	})
	return wrap("delete invite", err)
}

// Register makes the account of somebody who has an invite, and counts the invite's use. An invite that is unknown,
// used up or expired answers NotFound; a username that is taken answers Conflict, and the invite is not used.
func (s *Store) Register(ctx context.Context, p RegisterParams) (User, error) {
	var check checker
	user := newUser(&check, p.Username, p.DisplayName, p.PasswordHash, Member)
	if err := check.err(); err != nil {
		return User{}, err
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var invite uuid.UUID
		// The update locks the row: of two who want the last use, one waits and then finds it used up.
		err := tx.QueryRow(ctx, `UPDATE invites i SET uses = uses + 1 WHERE i.code = $1 AND `+usable+` RETURNING i.id, i.role`,
			printable(p.InviteCode)).Scan(&invite, &user.Role)
		if noRows(err) {
			return invalidInvite()
		}
		if err != nil {
			return err
		}
		if err := insertUser(ctx, tx, &user); err != nil {
			return err
		}
		if err := joinInvited(ctx, tx, user.ID, invite); err != nil {
			return err
		}
		return record(user.as(ctx), tx, Event{Action: UserRegistered, Target: user.target(),
			Details: map[string]string{"invite": invite.String(), "role": string(user.Role)}})
	})
	if err != nil {
		return User{}, wrap("register", err)
	}
	return user.User, nil
}
