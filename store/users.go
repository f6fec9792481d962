package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Role says what a user may do.
type Role string

// The roles, from most to least.
const (
	Owner  Role = "owner"
	Admin  Role = "admin"
	Member Role = "member"
	Guest  Role = "guest"
)

// User is one account.
type User struct {
	ID          uuid.UUID `json:"id"`
	Username    string    `json:"username"`
	DisplayName string    `json:"display_name"`
	Role        Role      `json:"role"`
	Active      bool      `json:"active"`
	AvatarURL   string    `json:"avatar_url"`
	CreatedAt   time.Time `json:"created_at"`
}

// ProfileParams is what users may change of themselves; nil leaves it as it is.
type ProfileParams struct {
	DisplayName *string
}

const userColumns = `u.id, u.username, u.display_name, u.role, u.active, u.avatar_url, u.created_at`

// fields are where to scan userColumns.
func (u *User) fields() []any {
	return []any{&u.ID, &u.Username, &u.DisplayName, &u.Role, &u.Active, &u.AvatarURL, &u.CreatedAt}
}

func scanUser(row pgx.Row) (u User, err error) {
	err = row.Scan(u.fields()...)
	return u, err
}

// UserByUsername returns the user of that name, in whatever case, and the hash of the password.
func (s *Store) UserByUsername(ctx context.Context, username string) (User, string, error) {
	if !usernamePattern.MatchString(username) {
		return User{}, "", notFound("user")
	}
	a, err := one(ctx, s, func(row pgx.Row) (a account, err error) {
		err = row.Scan(append(a.fields(), &a.passwordHash)...)
		return a, err
	}, `SELECT `+userColumns+`, u.password_hash FROM users u WHERE lower(u.username) = lower($1)`, username)
	if noRows(err) {
		return User{}, "", notFound("user")
	}
	return a.User, a.passwordHash, wrap("find user by name", err)
}

// User returns the user with that id.
func (s *Store) User(ctx context.Context, id uuid.UUID) (User, error) {
	u, err := one(ctx, s, scanUser, `SELECT `+userColumns+` FROM users u WHERE u.id = $1`, id)
	if noRows(err) {
		return u, notFound("user")
	}
	return u, wrap("read user", err)
}

// Users returns all users, inactive ones too, by username.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	list, err := all(ctx, s, scanUser, `SELECT `+userColumns+` FROM users u ORDER BY lower(u.username)`)
	return list, wrap("list users", err)
}

// UpdateProfile changes what p names and returns the user as it is then.
func (s *Store) UpdateProfile(ctx context.Context, id uuid.UUID, p ProfileParams) (User, error) {
	if p.DisplayName != nil {
		var check checker
		check.text("display_name", *p.DisplayName, 80)
		if err := check.err(); err != nil {
			return User{}, err
		}
	}
	u, err := one(ctx, s, scanUser, `
		UPDATE users u SET display_name = coalesce($2, u.display_name) WHERE u.id = $1
		RETURNING `+userColumns, id, p.DisplayName)
	if noRows(err) {
		return u, notFound("user")
	}
	return u, wrap("update profile", err)
}

// account is a user with what is never shown.
type account struct {
	User
	passwordHash string
}

func newUser(check *checker, username, displayName, passwordHash string, role Role) account {
	if displayName == "" {
		displayName = username
	}
	check.username(username)
	check.text("display_name", displayName, 80)
	return account{passwordHash: passwordHash, User: User{
		ID: newID(), Username: username, DisplayName: displayName, Role: role, Active: true,
	}}
}

// insertUser stores a new user as a member of #general, and fills in when that was.
func insertUser(ctx context.Context, tx pgx.Tx, a *account) error {
	err := tx.QueryRow(ctx, `
		INSERT INTO users (id, username, display_name, role, password_hash)
		VALUES ($1, $2, $3, $4, $5) RETURNING created_at`,
		a.ID, a.Username, a.DisplayName, a.Role, a.passwordHash).Scan(&a.CreatedAt)
	if violates(err, "users_username_key") {
		return &Error{Code: Conflict, Message: "That username is taken.",
			Fields: map[string]string{"username": "is taken"}}
	}
	if err != nil {
		return err
	}
	return joinGeneral(ctx, tx, a.ID)
}
