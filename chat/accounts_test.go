package chat_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

func TestSetupMakesTheOwnerOnce(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	var state struct {
		Needed    bool
		Workspace string
	}
	call(t, "GET", s.URL+"/api/setup", nil).want(200).into(&state)
	if !state.Needed || state.Workspace != "" {
		t.Errorf("of a new instance it says %+v", state)
	}
	var done atomic.Int32
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			a := call(t, "POST", s.URL+"/api/setup", map[string]string{
				"workspace": "Snug", "username": fmt.Sprintf("ada%d", i), "password": password,
			})
			if a.status == http.StatusConflict {
				a.refused(409, "conflict")
				return
			}
			var in login
			a.want(201).into(&in)
			if in.User.Role != store.Owner || in.User.DisplayName != in.User.Username || in.Token == "" {
				t.Errorf("the owner is %s", a.body)
			}
			done.Add(1)
		})
	}
	wait.Wait()
	if done.Load() != 1 {
		t.Errorf("%d owners were made", done.Load())
	}
	call(t, "GET", s.URL+"/api/setup", nil).want(200).into(&state)
	if state.Needed || state.Workspace != "Snug" {
		t.Errorf("after the setup it says %+v", state)
	}
}

func TestAccountsAreChecked(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	valid := map[string]string{"workspace": "Snug", "username": "ada", "display_name": "Ada", "password": password}
	for _, test := range []struct{ field, value string }{
		{"username", ""}, {"username", "Ada"}, {"username", "-ada"}, {"username", "ada."}, {"username", "a b"},
		{"username", "é"}, {"username", strings.Repeat("a", 33)},
		{"password", "1234567"}, {"password", strings.Repeat("é", 201)},
		{"display_name", strings.Repeat("é", 81)}, {"display_name", "a\nb"},
		{"workspace", " "}, {"workspace", strings.Repeat("w", 81)},
	} {
		form := map[string]string{}
		for k, v := range valid {
			form[k] = v
		}
		form[test.field] = test.value
		call(t, "POST", s.URL+"/api/setup", form).refused(422, "invalid", test.field)
	}
	var in login
	valid["display_name"], valid["password"] = "  Ada Lovelace ", strings.Repeat("é", 200)
	call(t, "POST", s.URL+"/api/setup", valid).want(201).into(&in)
	if in.User.DisplayName != "Ada Lovelace" {
		t.Errorf("display name %q", in.User.DisplayName)
	}
	call(t, "POST", s.URL+"/api/auth/login", map[string]string{"username": " ADA ", "password": valid["password"]}).want(200)
}

func TestLogin(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	setUp(t, s)
	try := func(username, password string) answer {
		return call(t, "POST", s.URL+"/api/auth/login", map[string]string{"username": username, "password": password})
	}
	wrong, unknown := try("ada", "wrong password"), try("nobody", password)
	wrong.refused(401, "unauthenticated")
	unknown.refused(401, "unauthenticated")
	if string(wrong.body) != string(unknown.body) {
		t.Errorf("the answers tell accounts from others: %s, %s", wrong.body, unknown.body)
	}

	a := try("ada", password).want(200)
	var in login
	a.into(&in)
	cookie := a.header.Get("Set-Cookie")
	for _, want := range []string{"snug_session=" + in.Token, "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=5184000"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("cookie %q lacks %s", cookie, want)
		}
	}
	if strings.Contains(cookie, "Secure") {
		t.Errorf("cookie %q is for HTTPS alone", cookie)
	}
	call(t, "GET", s.URL+"/api/me", nil, "Cookie", "snug_session="+in.Token).want(200)
	call(t, "GET", s.URL+"/api/me", nil, "Authorization", "bearer "+in.Token).want(200)

	out := call(t, "POST", s.URL+"/api/auth/logout", nil, "Cookie", "snug_session="+in.Token, "Origin", s.URL).want(204)
	if cookie := out.header.Get("Set-Cookie"); !strings.Contains(cookie, "snug_session=;") || !strings.Contains(cookie, "Max-Age=0") {
		t.Errorf("logout sets the cookie %q", cookie)
	}
	call(t, "GET", s.URL+"/api/me", nil, "Cookie", "snug_session="+in.Token).refused(401, "unauthenticated")
}

func TestTheCookieIsForHTTPSWhereThePublicURLIs(t *testing.T) {
	s := chattest.Start(t, chattest.Options{PublicURL: "https://chat.example.org/"})
	setUp(t, s)
	form := map[string]string{"username": "ada", "password": password}
	if cookie := call(t, "POST", s.URL+"/api/auth/login", form, "Host", "chat.example.org").want(200).header.Get("Set-Cookie"); !strings.Contains(cookie, "Secure") {
		t.Errorf("cookie %q of the public address", cookie)
	}
	if cookie := call(t, "POST", s.URL+"/api/auth/login", form).want(200).header.Get("Set-Cookie"); strings.Contains(cookie, "Secure") {
		t.Errorf("cookie %q of the address in the house", cookie)
	}
}

func TestGuessingIsSlowedDownWithAndWithoutTheCache(t *testing.T) {
	for _, cached := range []bool{true, false} {
		t.Run(fmt.Sprintf("cache=%t", cached), func(t *testing.T) {
			s := chattest.Start(t, chattest.Options{})
			setUp(t, s)
			if !cached {
				s.Cache.Stop(t)
				defer s.Cache.Start(t)
			}
			guess := func(username string) answer {
				return call(t, "POST", s.URL+"/api/auth/login", map[string]string{"username": username, "password": "guess guess"})
			}
			for range chat.LoginLimit {
				guess("ada").refused(401, "unauthenticated")
			}
			guess("ada").refused(429, "rate_limited")
			guess("ADA").refused(429, "rate_limited")
			guess("bob").refused(401, "unauthenticated")
			call(t, "POST", s.URL+"/api/auth/login", map[string]string{"username": "ada", "password": password}).
				refused(429, "rate_limited")
		})
	}
}

func TestInvites(t *testing.T) {
	s := chattest.Start(t, chattest.Options{PublicURL: "https://chat.example.org"})
	ada := setUp(t, s)
	var invite store.Invite
	ada.call("POST", "/api/invites", map[string]any{"role": "admin", "max_uses": 1, "expires_in": 3600}).want(201).into(&invite)
	if invite.URL != "https://chat.example.org/invite/"+invite.Code || len(invite.Code) < 22 || invite.ExpiresAt == nil {
		t.Errorf("invite %+v", invite)
	}
	register := func(code, username string) answer {
		return call(t, "POST", s.URL+"/api/auth/register", map[string]string{"invite": code, "username": username, "password": password})
	}
	register(invite.Code, "ada").refused(409, "conflict", "username")
	var in login
	register(invite.Code, "eve").want(201).into(&in)
	if in.User.Role != store.Admin {
		t.Errorf("role %q", in.User.Role)
	}
	register(invite.Code, "mallory").refused(404, "not_found")
	register("unknown", "mallory").refused(404, "not_found")

	eve := user{t: t, server: s, token: in.Token, User: in.User}
	eve.call("POST", "/api/invites", map[string]any{"role": "admin"}).refused(403, "forbidden")
	for field, value := range map[string]any{"role": "owner", "max_uses": 0, "expires_in": 1, "channels": []uuid.UUID{uuid.New()}} {
		ada.call("POST", "/api/invites", map[string]any{field: value}).refused(422, "invalid", field)
	}
	var list struct{ Invites []store.Invite }
	eve.call("GET", "/api/invites", nil).want(200).into(&list)
	if len(list.Invites) != 1 || list.Invites[0].Uses != 1 || list.Invites[0].URL != invite.URL {
		t.Errorf("invites %+v", list.Invites)
	}
	ada.call("DELETE", "/api/invites/"+invite.ID.String(), nil).want(204)
	ada.call("DELETE", "/api/invites/"+invite.ID.String(), nil).refused(404, "not_found")
	ada.call("DELETE", "/api/invites/"+uuid.NewString(), nil).refused(404, "not_found")
}

func TestUsersAndProfile(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	var me store.User
	bob.call("PATCH", "/api/me", map[string]string{"display_name": " Bob B. "}).want(200).into(&me)
	if me.DisplayName != "Bob B." || me.ID != bob.ID {
		t.Errorf("me %+v", me)
	}
	for _, name := range []string{"", " ", "a\tb", strings.Repeat("x", 81)} {
		bob.call("PATCH", "/api/me", map[string]string{"display_name": name}).refused(422, "invalid", "display_name")
	}
	bob.call("PATCH", "/api/me", map[string]string{"role": "owner"}).refused(422, "invalid", "role")
	bob.call("PATCH", "/api/me", map[string]string{}).want(200).into(&me)
	var list struct{ Users []store.User }
	bob.call("GET", "/api/users", nil).want(200).into(&list)
	if len(list.Users) != 2 || list.Users[1] != me {
		t.Errorf("users %+v", list.Users)
	}
	bob.call("GET", "/api/me", nil).want(200).into(&me)
	if me.DisplayName != "Bob B." {
		t.Errorf("me %+v", me)
	}
}

// What is secret is in no log line, at whatever level.
func TestLogsKeepSecrets(t *testing.T) {
	var log logBuffer
	s := chattest.Start(t, chattest.Options{Logger: log.logger()})
	ada := setUp(t, s)
	general := ada.general()
	adas, _ := ada.open(nil)
	adas.next("resumed")
	const text = "the text of a message"
	ada.send(general, text)
	adas.send(map[string]any{"type": "send", "client_id": uuid.New(), "channel_id": general, "body": text})
	adas.next("ack")
	adas.send(map[string]any{"type": "send", "client_id": uuid.New(), "channel_id": uuid.New(), "body": text})
	adas.next("error")
	s.Cache.Stop(t)
	call(t, "POST", s.URL+"/api/auth/login", map[string]string{"username": "ada", "password": password + "!"}).want(401)
	call(t, "POST", s.URL+"/api/auth/login", `{"username":"ada","password":["`+password+`"]}`).want(422)
	s.Cache.Start(t)
	ada.call("POST", "/api/channels/"+general.String()+"/messages", `{"body":"`+text+`"`).want(422)
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	for _, secret := range []string{password, ada.token, text} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q in it:\n%s", secret, log.String())
		}
	}
	if !strings.Contains(log.String(), "chat is ready") {
		t.Error("the log was not looked at")
	}
}
