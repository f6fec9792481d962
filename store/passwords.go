package store

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// PasswordChange replaces a password by another.
type PasswordChange struct {
	User    User
	Old     string    // hash that the old password was found to match
	New     string    // hash
	Session uuid.UUID // the login that stays; all others end
}

// ChangePassword gives the user another password, and returns the ids of the logins that end by it. It answers Conflict
// when the password was changed since the old one was looked at.
func (s *Store) ChangePassword(ctx context.Context, p PasswordChange) (ended []uuid.UUID, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		done, err := tx.Exec(ctx, `UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2 AND active`, p.User.ID, p.Old, p.New)
		if err != nil {
			return err
		}
		if done.RowsAffected() == 0 {
			return &Error{Code: Conflict, Message: "The password was changed by somebody else at this moment. Log in again."}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM password_resets WHERE user_id = $1`, p.User.ID); err != nil {
			return err
		}
		if ended, err = endSessions(ctx, tx, p.User.ID, p.Session); err != nil {
			return err
		}
		return record(ctx, tx, Event{Action: PasswordChanged, Target: p.User.target()})
	})
	if err != nil {
		return nil, wrap("change password", err)
	}
	return ended, nil
}

// Reset lets whoever knows its code choose a new password for a user, once.
type Reset struct {
	User      User
	Code      string
	ExpiresAt time.Time
}

// hashCode is what the database knows of a code. It is random enough for a plain hash.
func hashCode(code string) []byte {
	sum := sha256.Sum256([]byte(code))
	return sum[:]
}

// BeginReset makes a code of 130 bits by which the user can choose a new password for so long. One from before is void.
// It answers Conflict when the user is not active.
func (s *Store) BeginReset(ctx context.Context, userID uuid.UUID, lifetime time.Duration, may Permit) (Reset, error) {
	reset := Reset{Code: rand.Text()}
	err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
		if reset.User, err = lockUser(ctx, tx, userID, may); err != nil {
			return err
		}
		if !reset.User.Active {
			return &Error{Code: Conflict, Message: "This user is not active. Activate them first."}
		}
		err = tx.QueryRow(ctx, `
			INSERT INTO password_resets (user_id, code_hash, expires_at) VALUES ($1, $2, now() + $3)
			ON CONFLICT (user_id) DO UPDATE SET code_hash = excluded.code_hash, expires_at = excluded.expires_at
			RETURNING expires_at`, userID, hashCode(reset.Code), lifetime).Scan(&reset.ExpiresAt)
		if err != nil {
			return err
		}
		return record(ctx, tx, Event{Action: ResetCreated, Target: reset.User.target()})
	})
	if err != nil {
		return Reset{}, wrap("begin a password's reset", err)
	}
	return reset, nil
}

func invalidReset() error {
	return &Error{Code: NotFound, Message: "This link is not valid any more. Ask for a new one."}
}

// ResetUser returns whose password the code resets. A code that is unknown, used or expired answers NotFound.
func (s *Store) ResetUser(ctx context.Context, code string) (User, error) {
	u, err := one(ctx, s, scanUser, `SELECT `+userColumns+` FROM password_resets r JOIN users u ON u.id = r.user_id
		WHERE r.code_hash = $1 AND r.expires_at > now() AND u.active`, hashCode(code))
	if noRows(err) {
		return u, invalidReset()
	}
	return u, wrap("find a password's reset", err)
}

// ResetPassword gives the user of the code another password, ends all logins, and returns their ids. The code is void
// after it.
func (s *Store) ResetPassword(ctx context.Context, code, newHash string) (user User, ended []uuid.UUID, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var err error
		if user, err = spendReset(ctx, tx, code); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE users SET password_hash = $2 WHERE id = $1`, user.ID, newHash); err != nil {
			return err
		}
		if ended, err = endSessions(ctx, tx, user.ID, uuid.Nil); err != nil {
			return err
		}
		return record(user.as(ctx), tx, Event{Action: PasswordReset, Target: user.target()})
	})
	if err != nil {
		return User{}, nil, wrap("reset password", err)
	}
	return user, ended, nil
}

// spendReset locks the user whose password the code resets, and makes it void. The lock comes first, as everywhere else.
func spendReset(ctx context.Context, tx pgx.Tx, code string) (User, error) {
	user, err := scanUser(tx.QueryRow(ctx, `SELECT `+userColumns+` FROM password_resets r JOIN users u ON u.id = r.user_id
		WHERE r.code_hash = $1 AND r.expires_at > now() AND u.active FOR NO KEY UPDATE OF u`, hashCode(code)))
	if noRows(err) {
		return user, invalidReset()
	}
	if err != nil {
		return user, err
	}
	done, err := tx.Exec(ctx, `DELETE FROM password_resets WHERE code_hash = $1`, hashCode(code))
	if err == nil && done.RowsAffected() == 0 {
		return user, invalidReset() // somebody was quicker
	}
	return user, err
}
