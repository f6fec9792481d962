package chat_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

// cast is somebody of every kind.
type cast struct {
	t      *testing.T
	server *chattest.Server
	owner  user
	roles  map[store.Role]user
	out    user // not active any more
}

func newCast(t *testing.T) *cast {
	t.Helper()
	s := chattest.Start(t, chattest.Options{})
	return castOf(t, s)
}

func castOf(t *testing.T, s *chattest.Server) *cast {
	t.Helper()
	c := &cast{t: t, server: s, owner: setUp(t, s), roles: map[store.Role]user{}}
	c.roles[store.Owner] = c.owner
	for _, role := range []store.Role{store.Admin, store.Member, store.Guest} {
		c.roles[role] = c.join(string(role), store.InviteParams{Role: role})
	}
	c.out = c.join("gone", store.InviteParams{})
	c.owner.call("PATCH", "/api/users/"+c.out.ID.String(), map[string]bool{"active": false}).want(200)
	return c
}

// join makes a user by an invite of the owner, without the cost of a password.
func (c *cast) join(name string, p store.InviteParams) user {
	c.t.Helper()
	p.CreatedBy = c.owner.ID
	invite, err := c.server.Store.CreateInvite(c.t.Context(), p)
	if err != nil {
		c.t.Fatal(err)
	}
	u, err := c.server.Store.Register(c.t.Context(), store.RegisterParams{InviteCode: invite.Code, Username: name, PasswordHash: "none"})
	if err != nil {
		c.t.Fatal(err)
	}
	return c.login(user{t: c.t, server: c.server, User: u})
}

// login is the user with a login of its own, again without the cost of a password.
func (c *cast) login(u user) user {
	c.t.Helper()
	u.token = uuid.NewString() + uuid.NewString()
	hash := sha256.Sum256([]byte(u.token))
	_, err := c.server.Store.CreateSession(c.t.Context(), store.SessionParams{UserID: u.ID, TokenHash: hash[:], ExpiresAt: time.Now().Add(time.Hour)})
	if err != nil {
		c.t.Fatal(err)
	}
	return u
}

// nobodies are headers of who has no login, or not any more.
func (c *cast) nobodies() map[string][]string {
	c.t.Helper()
	revoked := c.login(c.owner)
	revoked.call("POST", "/api/auth/logout", nil).want(204)
	return map[string][]string{
		"nobody":               nil,
		"a stranger":           {"Authorization", "Bearer " + uuid.NewString()},
		"another scheme":       {"Authorization", "Basic YTpi"},
		"a stranger's cookie":  {"Cookie", "snug_session=" + uuid.NewString(), "Origin", c.server.URL},
		"a revoked session":    {"Authorization", "Bearer " + revoked.token},
		"a revoked cookie":     {"Cookie", "snug_session=" + revoked.token, "Origin", c.server.URL},
		"a deactivated member": {"Authorization", "Bearer " + c.out.token},
	}
}

// channel makes a channel with these members.
func (c *cast) channel(kind store.ChannelKind, members ...user) uuid.UUID {
	c.t.Helper()
	db, id := connect(c.t, c.server.DatabaseURL), uuid.New()
	_, err := db.Exec(c.t.Context(), "INSERT INTO channels (id, kind, name) VALUES ($1, $2, $3)", id, kind, "c"+id.String()[:8])
	for _, m := range members {
		if err == nil {
			_, err = db.Exec(c.t.Context(), "INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2)", id, m.ID)
		}
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}
