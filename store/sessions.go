package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Session is one login of one user. The token itself is not kept, only its hash.
type Session struct {
	ID        uuid.UUID `json:"id"`
	UserID    uuid.UUID `json:"user_id"`
	Device    string    `json:"device"`
	IP        string    `json:"ip"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// SessionParams describes a new login.
type SessionParams struct {
	UserID    uuid.UUID
	TokenHash []byte // at least 16 bytes, of a random token
	Device    string // shown to the user; cut at 400 characters
	IP        string
	ExpiresAt time.Time
}

const sessionColumns = `s.id, s.user_id, s.device, s.ip, s.created_at, s.expires_at`

func (s *Session) fields() []any {
	return []any{&s.ID, &s.UserID, &s.Device, &s.IP, &s.CreatedAt, &s.ExpiresAt}
}

func scanSession(row pgx.Row) (s Session, err error) {
	err = row.Scan(s.fields()...)
	return s, err
}

// CreateSession stores a login. It answers NotFound when the user is gone or no longer active.
func (s *Store) CreateSession(ctx context.Context, p SessionParams) (Session, error) {
	created, err := scanSession(s.pool.QueryRow(ctx, `
		INSERT INTO sessions AS s (id, user_id, token_hash, device, ip, expires_at)
		SELECT $1, id, $3, left($4, 400), left($5, 64), $6 FROM users WHERE id = $2 AND active
		RETURNING `+sessionColumns, newID(), p.UserID, p.TokenHash, printable(p.Device), printable(p.IP), p.ExpiresAt))
	if noRows(err) {
		return created, notFound("user")
	}
	return created, wrap("create session", err)
}

// SessionByToken returns the login with that token and its user. It answers NotFound when there is none, when it has
// expired, and when the user is no longer active.
func (s *Store) SessionByToken(ctx context.Context, tokenHash []byte) (Session, User, error) {
	type login struct {
		session Session
		user    User
	}
	found, err := one(ctx, s, func(row pgx.Row) (l login, err error) {
		err = row.Scan(append(l.session.fields(), l.user.fields()...)...)
		return l, err
	}, `
		SELECT `+sessionColumns+`, `+userColumns+` FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.token_hash = $1 AND s.expires_at > now() AND u.active`, tokenHash)
	if noRows(err) {
		return Session{}, User{}, notFound("session")
	}
	return found.session, found.user, wrap("find session", err)
}

// DeleteSession ends a login. Ending one that is gone is no error.
func (s *Store) DeleteSession(ctx context.Context, id uuid.UUID) error {
	return wrap("delete session", s.exec(ctx, `DELETE FROM sessions WHERE id = $1`, id))
}
