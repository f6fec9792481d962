package store

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Invite lets whoever knows its code make an account.
type Invite struct {
	ID        uuid.UUID  `json:"id"`
	Code      string     `json:"code"`
	Role      Role       `json:"role"`
	MaxUses   *int       `json:"max_uses"` // nil: any number
	Uses      int        `json:"uses"`
	ExpiresAt *time.Time `json:"expires_at"` // nil: never
	CreatedBy uuid.UUID  `json:"created_by"`
	CreatedAt time.Time  `json:"created_at"`
	URL       string     `json:"url"` // filled in by whoever knows the public address
}

// InviteParams describes a new invite. Its code is made here.
type InviteParams struct {
	Role      Role       // Member when empty; never Owner
	MaxUses   *int       // nil: any number
	ExpiresAt *time.Time // nil: never
	CreatedBy uuid.UUID
}

// RegisterParams is what somebody with an invite says to become a user.
type RegisterParams struct {
	InviteCode   string
	Username     string
	DisplayName  string // the username when empty
	PasswordHash string
}

const inviteColumns = `i.id, i.code, i.role, i.max_uses, i.uses, i.expires_at, i.created_by, i.created_at`

func scanInvite(row pgx.Row) (i Invite, err error) {
	err = row.Scan(&i.ID, &i.Code, &i.Role, &i.MaxUses, &i.Uses, &i.ExpiresAt, &i.CreatedBy, &i.CreatedAt)
	return i, err
}

// CreateInvite makes an invite with a random code of 130 bits.
func (s *Store) CreateInvite(ctx context.Context, p InviteParams) (Invite, error) {
	if p.Role == "" {
		p.Role = Member
	}
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
	if err := check.err(); err != nil {
		return Invite{}, err
	}
	i, err := scanInvite(s.pool.QueryRow(ctx, `
		INSERT INTO invites AS i (id, code, role, max_uses, expires_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)
		RETURNING `+inviteColumns, newID(), rand.Text(), p.Role, p.MaxUses, p.ExpiresAt, p.CreatedBy))
	if violates(err, "invites_created_by_fkey") {
		return i, notFound("user")
	}
	return i, wrap("create invite", err)
}

// Invites returns all invites, the newest first, used up and expired ones too.
func (s *Store) Invites(ctx context.Context) ([]Invite, error) {
	list, err := all(ctx, s, scanInvite, `SELECT `+inviteColumns+` FROM invites i ORDER BY i.created_at DESC, i.id DESC`)
	return list, wrap("list invites", err)
}

// DeleteInvite takes an invite back. It answers NotFound when there is none with that id.
func (s *Store) DeleteInvite(ctx context.Context, id uuid.UUID) error {
	done, err := s.pool.Exec(ctx, `DELETE FROM invites WHERE id = $1`, id)
	if err == nil && done.RowsAffected() == 0 {
		return notFound("invite")
	}
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
		// The update locks the row: of two who want the last use, one waits and then finds it used up.
		err := tx.QueryRow(ctx, `
			UPDATE invites SET uses = uses + 1
			WHERE code = $1 AND (max_uses IS NULL OR uses < max_uses) AND (expires_at IS NULL OR expires_at > now())
			RETURNING role`, printable(p.InviteCode)).Scan(&user.Role)
		if noRows(err) {
			return &Error{Code: NotFound, Message: "This invite is not valid any more. Ask for a new one."}
		}
		if err != nil {
			return err
		}
		return insertUser(ctx, tx, &user)
	})
	if err != nil {
		return User{}, wrap("register", err)
	}
	return user.User, nil
}
