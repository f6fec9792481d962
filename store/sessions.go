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
	IP        string    `json:"ip"` // when it began
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used_at"` // to a minute
	ExpiresAt time.Time `json:"expires_at"`
}

// SessionParams describes a new login.
type SessionParams struct {
	UserID    uuid.UUID
	TokenHash []byte // at least 16 bytes, of a random token
	Device    string // shown to the user; cut at 400 characters
	IP        string
	ExpiresAt time.Time

	PasswordHash string // that the password was found to match; empty: however the user came in
}

const sessionColumns = `s.id, s.user_id, s.device, s.ip, s.created_at, s.last_used_at, s.expires_at`

func (s *Session) fields() []any {
	return []any{&s.ID, &s.UserID, &s.Device, &s.IP, &s.CreatedAt, &s.LastUsed, &s.ExpiresAt}
}

func scanSession(row pgx.Row) (s Session, err error) {
	err = row.Scan(s.fields()...)
	return s, err
}

// CreateSession stores a login. It answers NotFound when the user is gone or no longer active, or has another password
// by now.
func (s *Store) CreateSession(ctx context.Context, p SessionParams) (created Session, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		// The lock is against a change of the password at the same time, which ends the logins that there are.
		user, err := scanUser(tx.QueryRow(ctx, `SELECT `+userColumns+` FROM users u
			WHERE u.id = $1 AND u.active AND ($2 = '' OR u.password_hash = $2) FOR SHARE`, p.UserID, p.PasswordHash))
		if noRows(err) {
			return notFound("user")
		}
		if err != nil {
			return err
		}
		created, err = scanSession(tx.QueryRow(ctx, `
			INSERT INTO sessions AS s (id, user_id, token_hash, device, ip, expires_at)
			VALUES ($1, $2, $3, left($4, 400), left($5, 64), $6) RETURNING `+sessionColumns,
			newID(), p.UserID, p.TokenHash, printable(p.Device), printable(p.IP), p.ExpiresAt))
		if err != nil {
			return err
		}
		return record(user.as(ctx), tx, Event{Action: LoggedIn, Target: user.target(), Details: map[string]string{"device": created.Device}})
	})
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

// MaxSessions is the most logins of a user that are listed.
const MaxSessions = 200

// Sessions returns the logins of a user that have not ended, those used last first.
func (s *Store) Sessions(ctx context.Context, userID uuid.UUID) ([]Session, error) {
	list, err := all(ctx, s, scanSession, `SELECT `+sessionColumns+` FROM sessions s
		WHERE s.user_id = $1 AND s.expires_at > now() ORDER BY s.last_used_at DESC, s.id DESC LIMIT $2`, userID, MaxSessions)
	return list, wrap("list sessions", err)
}

// EndSession ends a login of the user. It answers NotFound when the user has none with that id.
func (s *Store) EndSession(ctx context.Context, userID, id uuid.UUID) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var device string
		err := tx.QueryRow(ctx, `DELETE FROM sessions WHERE id = $1 AND user_id = $2 RETURNING device`, id, userID).Scan(&device)
		if noRows(err) {
			return notFound("session")
		}
		if err != nil {
			return err
		}
		return record(ctx, tx, Event{Action: LoginEnded, Target: Target{Kind: "login", ID: id}, Details: map[string]string{"device": device}})
	})
	return wrap("end session", err)
}

// EndSessions ends all logins of a user and returns their ids.
func (s *Store) EndSessions(ctx context.Context, user User) (ended []uuid.UUID, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) (err error) {
		if ended, err = endSessions(ctx, tx, user.ID, uuid.Nil); err != nil {
			return err
		}
		return record(ctx, tx, Event{Action: LoginsEnded, Target: user.target()})
	})
	if err != nil {
		return nil, wrap("end sessions", err)
	}
	return ended, nil
}

// endSessions ends the logins of a user but one.
func endSessions(ctx context.Context, tx pgx.Tx, userID, but uuid.UUID) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `DELETE FROM sessions WHERE user_id = $1 AND id <> $2 RETURNING id`, userID, but)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// TouchSessions says that these logins were used now. How often it is said does not matter: it is written down once a minute.
func (s *Store) TouchSessions(ctx context.Context, ids []uuid.UUID) error {
	return wrap("note the use of sessions", s.exec(ctx, `
		UPDATE sessions SET last_used_at = now() WHERE id = ANY ($1) AND last_used_at < now() - interval '1 minute'`, ids))
}

// LiveSession is a login that has not ended, with what its user may do by now.
type LiveSession struct {
	ID   uuid.UUID
	Role Role
}

// LiveSessions returns those of the logins that have not ended, and whose users are active.
func (s *Store) LiveSessions(ctx context.Context, ids []uuid.UUID) ([]LiveSession, error) {
	list, err := all(ctx, s, func(row pgx.Row) (l LiveSession, err error) {
		err = row.Scan(&l.ID, &l.Role)
		return l, err
	}, `SELECT s.id, u.role FROM sessions s JOIN users u ON u.id = s.user_id
		WHERE s.id = ANY ($1) AND s.expires_at > now() AND u.active`, ids)
	return list, wrap("look for sessions that have ended", err)
}

// HasLoggedInFrom reports whether the user has a login that began at that address.
func (s *Store) HasLoggedInFrom(ctx context.Context, userID uuid.UUID, ip string) (bool, error) {
	known, err := one(ctx, s, value[bool], `
		SELECT EXISTS (SELECT FROM sessions WHERE user_id = $1 AND ip = $2 AND expires_at > now())`, userID, printable(ip))
	return known, wrap("look for a session from an address", err)
}
