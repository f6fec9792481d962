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
	Title       string    `json:"title"`        // what they do
	StatusText  string    `json:"status_text"`  // what they are at
	StatusEmoji string    `json:"status_emoji"` // an emoji, or empty
	CreatedAt   time.Time `json:"created_at"`
}

// ProfileParams is what users may change of themselves; nil leaves it as it is.
type ProfileParams struct {
	DisplayName *string
	Title       *string
	StatusText  *string
	StatusEmoji *string
}

func (p ProfileParams) check() error {
	var check checker
	if p.DisplayName != nil {
		check.text("display_name", *p.DisplayName, 80)
	}
	for field, optional := range map[string]struct {
		text *string
		most int
	}{"title": {p.Title, 80}, "status_text": {p.StatusText, 100}, "status_emoji": {p.StatusEmoji, 64}} {
		if optional.text != nil && *optional.text != "" {
			check.text(field, *optional.text, optional.most)
		}
	}
	return check.err()
}

const userColumns = `u.id, u.username, u.display_name, u.role, u.active, u.avatar_url,
	u.title, u.status_text, u.status_emoji, u.created_at`

// fields are where to scan userColumns.
func (u *User) fields() []any {
	return []any{&u.ID, &u.Username, &u.DisplayName, &u.Role, &u.Active, &u.AvatarURL,
		&u.Title, &u.StatusText, &u.StatusEmoji, &u.CreatedAt}
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
	}, `SELECT `+userColumns+`, u.password_hash FROM users u WHERE lower(u.username) = lower($1) AND NOT u.bot`, username)
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

// UsersPage says which users are wanted.
type UsersPage struct {
	Viewer uuid.UUID // who asks
	After  string    // those whose usernames come after this one
	Limit  int       // at most; 1 to MaxUsersPage
}

// MaxUsersPage is the most users that are read at once.
const MaxUsersPage = 1000

// Users returns the users that the viewer may see, inactive ones too, by username, and whether there are more.
func (s *Store) Users(ctx context.Context, p UsersPage) (list []User, more bool, err error) {
	limit := min(max(p.Limit, 1), MaxUsersPage)
	list, err = all(ctx, s, scanUser, `SELECT `+userColumns+` FROM users u
		WHERE lower(u.username) > lower($2) AND `+seenBy+` ORDER BY lower(u.username) LIMIT $3`, p.Viewer, printable(p.After), limit+1)
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	return list, more, wrap("list users", err)
}

// SeenUser returns a user, NotFound unless the viewer may see them.
func (s *Store) SeenUser(ctx context.Context, viewer, id uuid.UUID) (User, error) {
	u, err := one(ctx, s, scanUser, `SELECT `+userColumns+` FROM users u WHERE u.id = $2 AND `+seenBy, viewer, id)
	if noRows(err) {
		return u, notFound("user")
	}
	return u, wrap("read user", err)
}

// SeenUserIDs returns the ids of whom a user sees.
func (s *Store) SeenUserIDs(ctx context.Context, viewer uuid.UUID) ([]uuid.UUID, error) {
	ids, err := all(ctx, s, value[uuid.UUID], `SELECT u.id FROM users u WHERE `+seenBy, viewer)
	return ids, wrap("list who is seen", err)
}

// canonical is the profile with the emoji in the form in which all are kept.
func (p ProfileParams) canonical() (ProfileParams, error) {
	if err := p.check(); err != nil || p.StatusEmoji == nil || *p.StatusEmoji == "" {
		return p, err
	}
	character, err := CanonicalEmoji(*p.StatusEmoji)
	if err != nil {
		return p, invalid("status_emoji", "must be one emoji, or its name, as :tada:")
	}
	p.StatusEmoji = &character
	return p, nil
}

// UpdateProfile changes what p names and returns the user as it is then.
func (s *Store) UpdateProfile(ctx context.Context, id uuid.UUID, p ProfileParams) (User, error) {
	p, err := p.canonical()
	if err != nil {
		return User{}, err
	}
	u, err := one(ctx, s, scanUser, `
		UPDATE users u SET display_name = coalesce($2, u.display_name), title = coalesce($3, u.title),
			status_text = coalesce($4, u.status_text), status_emoji = coalesce($5, u.status_emoji)
		WHERE u.id = $1 RETURNING `+userColumns, id, p.DisplayName, p.Title, p.StatusText, p.StatusEmoji)
	if noRows(err) {
		return u, notFound("user")
	}
	return u, wrap("update profile", err)
}

// lockUser reads a user who stays as they are until the transaction ends, and asks whether it may go on.
func lockUser(ctx context.Context, tx pgx.Tx, id uuid.UUID, may Permit) (User, error) {
	u, err := scanUser(tx.QueryRow(ctx, `SELECT `+userColumns+` FROM users u WHERE u.id = $1 AND NOT u.bot FOR NO KEY UPDATE`, id))
	if noRows(err) {
		return u, notFound("user")
	}
	if err != nil {
		return u, err
	}
	return u, may(u)
}

// StandingParams is what owners and admins change of a user; nil leaves it as it is.
type StandingParams struct {
	Role   *Role
	Active *bool
}

// ChangeStanding changes the role of a user and whether they are active. Of who is not, all logins end: their ids are
// returned. Invites that the user has made and could not make any more are taken back. The last owner stays: Conflict.
func (s *Store) ChangeStanding(ctx context.Context, id uuid.UUID, change StandingParams, may Permit) (user User, ended []uuid.UUID, err error) {
	if r := change.Role; r != nil && *r != Owner && *r != Admin && *r != Member && *r != Guest {
		return user, nil, invalid("role", "must be owner, admin, member or guest")
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		before, err := lockUser(ctx, tx, id, may)
		if err != nil {
			return err
		}
		user, err = scanUser(tx.QueryRow(ctx, `
			UPDATE users u SET role = coalesce($2, u.role), active = coalesce($3, u.active) WHERE u.id = $1
			RETURNING `+userColumns, id, change.Role, change.Active))
		if err != nil {
			return err
		}
		if user.Active != before.Active || user.Role != before.Role {
			ended, err = afterStanding(ctx, tx, before, user)
		}
		return err
	})
	if violates(err, "users_last_owner_check") {
		return User{}, nil, &Error{Code: Conflict, Message: "This is the last owner. Make somebody else an owner first."}
	}
	if err != nil {
		return User{}, nil, wrap("change role or activity", err)
	}
	return user, ended, nil
}

// afterStanding does what goes with a change of role or activity.
func afterStanding(ctx context.Context, tx pgx.Tx, before, user User) (ended []uuid.UUID, err error) {
	_, err = tx.Exec(ctx, `DELETE FROM invites i USING users u WHERE i.created_by = $1 AND u.id = $1 AND NOT `+mayInvite, user.ID)
	if err != nil {
		return nil, err
	}
	if !user.Active {
		if ended, err = endSessions(ctx, tx, user.ID, uuid.Nil); err != nil {
			return nil, err
		}
	}
	if user.Role != before.Role {
		e := Event{Action: RoleChanged, Target: user.target(), Details: map[string]string{"from": string(before.Role), "to": string(user.Role)}}
		if err := record(ctx, tx, e); err != nil {
			return nil, err
		}
	}
	switch {
	case user.Active && !before.Active:
		err = record(ctx, tx, Event{Action: UserActivated, Target: user.target()})
	case !user.Active && before.Active:
		err = record(ctx, tx, Event{Action: UserDeactivated, Target: user.target()})
	}
	return ended, err
}

// FirstOwner returns the owner who has been there longest. It answers NotFound before [Store.Setup].
func (s *Store) FirstOwner(ctx context.Context) (User, error) {
	u, err := one(ctx, s, scanUser, `SELECT `+userColumns+` FROM users u WHERE u.role = 'owner' AND u.active ORDER BY u.created_at, u.id LIMIT 1`)
	if noRows(err) {
		return u, &Error{Code: NotFound, Message: "This instance is not set up yet. Open it in a browser first."}
	}
	return u, wrap("find an owner", err)
}

// NewUser is an account that is made without an invite.
type NewUser struct {
	Username     string
	DisplayName  string // the username when empty
	Role         Role
	PasswordHash string
}

// CreateUser makes an account. It answers Conflict when the username is taken, and before [Store.Setup].
func (s *Store) CreateUser(ctx context.Context, p NewUser) (User, error) {
	var check checker
	user := newUser(&check, p.Username, p.DisplayName, p.PasswordHash, p.Role)
	if err := check.err(); err != nil {
		return User{}, err
	}
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		var ready bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM workspace)`).Scan(&ready); err != nil {
			return err
		}
		if !ready {
			return &Error{Code: Conflict, Message: "This instance is not set up yet. Open it in a browser first."}
		}
		if err := insertUser(ctx, tx, &user); err != nil {
			return err
		}
		return record(ctx, tx, Event{Action: UserCreated, Target: user.target(), Details: map[string]string{"role": string(user.Role)}})
	})
	if violates(err, "users_role_check") {
		return User{}, invalid("role", "must be owner, admin, member or guest")
	}
	if err != nil {
		return User{}, wrap("create user", err)
	}
	return user.User, nil
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

// insertUser stores a new user, as a member of #general unless that is a guest, and fills in when that was.
func insertUser(ctx context.Context, tx pgx.Tx, a *account) error {
	err := tx.QueryRow(ctx, `
		INSERT INTO users (id, username, display_name, role, password_hash)
		VALUES ($1, $2, $3, $4, $5) RETURNING created_at`,
		a.ID, a.Username, a.DisplayName, a.Role, a.passwordHash).Scan(&a.CreatedAt)
	if violates(err, "users_username_key") {
		return &Error{Code: Conflict, Message: "That username is taken.",
			Fields: map[string]string{"username": "is taken"}}
	}
	if err != nil || a.Role == Guest {
		return err
	}
	return joinGeneral(ctx, tx, a.ID)
}
