package chat_test

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

// Who may use a route.
const (
	everybody = "everybody"
	loggedIn  = "who is logged in"
	notGuests = "owners, admins and members"
	admins    = "owners and admins"
	owners    = "owners"
)

// mayUse says of every route who may use it. Whoever adds a route adds a row, and thinks.
var mayUse = map[string]string{
	"GET /api/health":        everybody,
	"GET /metrics":           everybody, // by a token of its own, see metrics_test.go
	"GET /api/openapi.json":  everybody,
	"GET /api/docs":          everybody,
	"GET /api/docs/page.css": everybody,

	"GET /api/setup":               everybody,
	"POST /api/setup":              everybody,
	"POST /api/auth/login":         everybody,
	"POST /api/auth/register":      everybody,
	"GET /api/auth/invites/{code}": everybody,
	"POST /api/auth/reset":         everybody,
	"POST /api/auth/logout":        loggedIn,

	"GET /api/me":                                 loggedIn,
	"PATCH /api/me":                               loggedIn,
	"POST /api/me/password":                       loggedIn,
	"GET /api/me/sessions":                        loggedIn,
	"DELETE /api/me/sessions/{id}":                loggedIn,
	"GET /api/users":                              loggedIn,
	"GET /api/users/{id}":                         loggedIn,
	"PATCH /api/users/{id}":                       admins,
	"POST /api/users/{id}/password-reset":         admins,
	"GET /api/invites":                            admins,
	"POST /api/invites":                           admins,
	"DELETE /api/invites/{id}":                    admins,
	"GET /api/channels":                           loggedIn,
	"GET /api/channels/{id}":                      loggedIn,
	"POST /api/channels/{id}/read":                loggedIn,
	"GET /api/channels/{id}/messages":             loggedIn,
	"POST /api/channels/{id}/messages":            loggedIn,
	"POST /api/channels":                          notGuests,
	"PATCH /api/channels/{id}":                    loggedIn,
	"DELETE /api/channels/{id}":                   loggedIn,
	"PUT /api/channels/{id}/notify":               loggedIn,
	"POST /api/channels/{id}/join":                loggedIn,
	"POST /api/channels/{id}/leave":               loggedIn,
	"GET /api/channels/{id}/members":              loggedIn,
	"POST /api/channels/{id}/members":             loggedIn,
	"DELETE /api/channels/{id}/members":           loggedIn,
	"DELETE /api/channels/{id}/members/{user_id}": loggedIn,
	"POST /api/dms":                               loggedIn,
	"GET /api/channels/{id}/pins":                 loggedIn,
	"GET /api/messages/{id}":                      loggedIn,
	"PATCH /api/messages/{id}":                    loggedIn,
	"DELETE /api/messages/{id}":                   loggedIn,
	"GET /api/messages/{id}/history":              loggedIn,
	"GET /api/messages/{id}/thread":               loggedIn,
	"POST /api/messages/{id}/thread/read":         loggedIn,
	"PUT /api/messages/{id}/reactions/{emoji}":    loggedIn,
	"DELETE /api/messages/{id}/reactions/{emoji}": loggedIn,
	"PUT /api/messages/{id}/pin":                  loggedIn,
	"DELETE /api/messages/{id}/pin":               loggedIn,
	"PUT /api/messages/{id}/save":                 loggedIn,
	"DELETE /api/messages/{id}/save":              loggedIn,
	"GET /api/saved":                              loggedIn,
	"GET /api/threads":                            loggedIn,
	"GET /api/ws":                                 loggedIn,
	"GET /api/admin/audit":                        owners,
	"GET /api/admin/audit.csv":                    owners,
	"GET /api/admin/status":                       admins,
	"POST /api/admin/services/{name}/restart":     admins,
}

// may is mayUse for somebody with a login.
var may = map[string][]store.Role{
	everybody: {store.Owner, store.Admin, store.Member, store.Guest},
	loggedIn:  {store.Owner, store.Admin, store.Member, store.Guest},
	notGuests: {store.Owner, store.Admin, store.Member},
	admins:    {store.Owner, store.Admin},
	owners:    {store.Owner},
}

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

// at is the address of a route, with something in the place of its parameters.
func at(path string) string {
	return strings.NewReplacer("{id}", uuid.NewString(), "{name}", "none", "{code}", "none", "{emoji}", "tada", "{user_id}", uuid.NewString(), "{token}", "none").Replace(path)
}

// Every route is refused to everybody who may not use it, and to nobody else.
func TestWhoMayUseEachRoute(t *testing.T) {
	c := newCast(t)
	nobodies := c.nobodies()
	var known []string
	for _, r := range chat.Routes() {
		name := r.Method + " " + r.Path
		known = append(known, name)
		class, ok := mayUse[name]
		if !ok {
			t.Errorf("nothing says who may use %s: add a row to mayUse", name)
			continue
		}
		for who, headers := range nobodies {
			a := call(t, r.Method, c.server.URL+at(r.Path), nil, headers...)
			c.check(a, name+" as "+who, class == everybody, http.StatusUnauthorized)
		}
		for role, u := range c.roles {
			a := c.login(u).call(r.Method, at(r.Path), nil)
			c.check(a, name+" as "+string(role), slices.Contains(may[class], role), http.StatusForbidden)
		}
	}
	for name := range mayUse {
		if !slices.Contains(known, name) {
			t.Errorf("mayUse has %s, which is no route", name)
		}
	}
}

// check fails the test unless the answer is the refusal, or none of both when it is allowed.
func (c *cast) check(a answer, what string, allowed bool, refusal int) {
	c.t.Helper()
	switch refused := a.status == http.StatusUnauthorized || a.status == http.StatusForbidden; {
	case allowed && refused:
		c.t.Errorf("%s: refused: %d %s", what, a.status, a.body)
	case !allowed && a.status != refusal:
		c.t.Errorf("%s: %d, want %d: %s", what, a.status, refusal, a.body)
	case allowed && a.status == http.StatusInternalServerError:
		c.t.Errorf("%s: %s", what, a.body)
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

// What one may not see answers as if it did not exist, also to owners.
func TestWhatOneMayNotSeeIsNotThere(t *testing.T) {
	c := newCast(t)
	hidden := c.channel(store.Private, c.out)
	sessions, err := c.server.Store.Sessions(t.Context(), c.owner.ID)
	if err != nil || len(sessions) == 0 {
		t.Fatal(sessions, err)
	}
	all := []store.Role{store.Owner, store.Admin, store.Member, store.Guest}
	for _, test := range []struct {
		method, path string
		body         any
		id           uuid.UUID
		hiddenFrom   []store.Role
	}{
		{"GET", "/api/channels/{id}", nil, hidden, all},
		{"GET", "/api/channels/{id}/messages", nil, hidden, all},
		{"POST", "/api/channels/{id}/read", object{"seq": 1}, hidden, all},
		{"POST", "/api/channels/{id}/messages", object{"client_id": uuid.New(), "body": "hello"}, hidden, all},
		{"GET", "/api/users/{id}", nil, c.owner.ID, []store.Role{store.Guest}},
		{"DELETE", "/api/me/sessions/{id}", nil, sessions[0].ID, []store.Role{store.Admin, store.Member, store.Guest}},
	} {
		for _, role := range test.hiddenFrom {
			u := c.roles[role]
			at := func(id uuid.UUID) string { return strings.ReplaceAll(test.path, "{id}", id.String()) }
			there, nowhere := u.call(test.method, at(test.id), test.body), u.call(test.method, at(uuid.New()), test.body)
			there.refused(http.StatusNotFound, "not_found")
			if string(there.body) != string(nowhere.body) {
				t.Errorf("%s %s as %s tells what is there from what is not: %s, %s", test.method, test.path, role, there.body, nowhere.body)
			}
		}
	}
}

// Every kind of frame does nothing for who has no login, and nothing in a channel that one is not in.
func TestWhoMaySendEachFrame(t *testing.T) {
	c := newCast(t)
	for who, headers := range c.nobodies() {
		if code := (user{t: t, server: c.server}).dial(headers...).closed(); code != 4401 {
			t.Errorf("the socket of %s was closed with %d", who, code)
		}
	}
	hidden := c.channel(store.Private, c.out)
	for role, u := range c.roles {
		socket, _ := u.open(map[uuid.UUID]int64{hidden: 0})
		for _, channel := range []uuid.UUID{hidden, uuid.New()} {
			socket.send(object{"type": "typing", "channel_id": channel})
			socket.send(object{"type": "send", "channel_id": channel, "client_id": uuid.New(), "body": "hello"})
			socket.send(object{"type": "read", "channel_id": channel, "seq": 1})
			for range 2 {
				f := socket.next("error", "ack", "read", "gap", "message")
				if f.Type != "error" || f.Code != "not_found" {
					t.Errorf("%s in a channel of others: %+v", role, f)
				}
			}
			socket.alive()
		}
	}
	count := 0
	if err := connect(t, c.server.DatabaseURL).QueryRow(t.Context(), "SELECT count(*) FROM messages").Scan(&count); err != nil || count != 0 {
		t.Errorf("%d messages are stored, %v", count, err)
	}
}

// Who may change whom, and to what.
func TestNobodyChangesUpwards(t *testing.T) {
	c := newCast(t)
	second := c.join("second", store.InviteParams{Role: store.Admin})
	for _, test := range []struct {
		who    store.Role
		whom   user
		change any
		status int
	}{
		{store.Admin, c.owner, object{"role": "member"}, 403},
		{store.Admin, c.owner, object{"active": false}, 403},
		{store.Admin, second, object{"active": false}, 403},
		{store.Admin, c.roles[store.Admin], object{"role": "owner"}, 403},
		{store.Admin, c.roles[store.Member], object{"role": "owner"}, 403},
		{store.Admin, c.roles[store.Member], object{"role": "admin"}, 403},
		{store.Admin, c.roles[store.Member], object{"role": "guest"}, 200},
		{store.Admin, c.roles[store.Member], object{"role": "member", "active": false}, 200},
		{store.Admin, c.roles[store.Member], object{"active": true}, 200},
		{store.Owner, c.roles[store.Member], object{"role": "admin"}, 200},
		{store.Owner, c.roles[store.Member], object{"role": "king"}, 422},
		{store.Owner, c.owner, object{"role": "member"}, 409},
		{store.Owner, c.owner, object{"active": false}, 409},
		{store.Owner, second, object{"role": "owner"}, 200},
		{store.Owner, c.owner, object{"role": "owner"}, 200},
	} {
		c.roles[test.who].call("PATCH", "/api/users/"+test.whom.ID.String(), test.change).want(test.status)
	}
	for _, whom := range []user{c.owner, second} {
		c.roles[store.Admin].call("POST", "/api/users/"+whom.ID.String()+"/password-reset", nil).refused(403, "forbidden")
	}
	for role := range map[string]bool{"owner": true, "admin": true} {
		c.roles[store.Admin].call("POST", "/api/invites", object{"role": role}).want(map[string]int{"owner": 422, "admin": 403}[role])
	}
	c.owner.call("PATCH", "/api/users/"+uuid.NewString(), object{"role": "member"}).refused(404, "not_found")
}
