package chat_test

import (
	"fmt"
	"strings"
	"testing"

	"snug/chat"
	"snug/chat/chattest"
)

func TestChangeOfPassword(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	phone := ada.login(password)
	phones, _ := phone.open(nil)
	adas, _ := ada.open(nil)
	const better = "a better password"
	ada.call("POST", "/api/me/password", object{"old": "wrong", "new": better}).refused(422, "invalid", "old")
	ada.call("POST", "/api/me/password", object{"old": password, "new": "short"}).refused(422, "invalid", "new")
	ada.call("POST", "/api/me/password", object{"old": password, "new": better}).want(204)
	if code := phones.closed(); code != 4401 {
		t.Errorf("another login: closed with %d", code)
	}
	phone.call("GET", "/api/me", nil).refused(401, "unauthenticated")
	adas.alive()
	call(t, "POST", s.URL+"/api/auth/login", object{"username": "ada", "password": password}).refused(401, "unauthenticated")
	ada.login(better)
	for range chat.LoginLimit - 1 { // and the wrong one above
		ada.call("POST", "/api/me/password", object{"old": "guess", "new": better}).want(422)
	}
	ada.call("POST", "/api/me/password", object{"old": better, "new": password}).refused(429, "rate_limited")
}

func TestResetOfAPassword(t *testing.T) {
	s := chattest.Start(t, chattest.Options{PublicURL: "https://chat.example.org"})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	bobs, _ := bob.open(nil)
	var reset struct{ Code, URL string }
	ada.call("POST", "/api/users/"+bob.ID.String()+"/password-reset", nil).want(201).into(&reset)
	if reset.URL != "https://chat.example.org/reset/"+reset.Code || len(reset.Code) < 22 {
		t.Errorf("%+v", reset)
	}
	bobs.alive() // nothing has happened yet
	try := func(code, password string) answer {
		return call(t, "POST", s.URL+"/api/auth/reset", object{"code": code, "password": password})
	}
	try("wrong", "another password").refused(404, "not_found")
	try(reset.Code, "short").refused(422, "invalid", "password")
	var in login
	try(reset.Code, "another password").want(200).into(&in)
	if in.User.ID != bob.ID {
		t.Errorf("logged in as %+v", in.User)
	}
	if code := bobs.closed(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
	bob.call("GET", "/api/me", nil).refused(401, "unauthenticated")
	try(reset.Code, "a third password").refused(404, "not_found")
	bob.token = in.Token
	bob.call("GET", "/api/me", nil).want(200)
	bob.login("another password")
}

// Who tries codes is slowed down, and who has one gets in all the same.
func TestWrongCodesAreLimited(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	var reset struct{ Code string }
	ada.call("POST", "/api/users/"+bob.ID.String()+"/password-reset", nil).want(201).into(&reset)
	wrong := []func(code string) answer{
		func(code string) answer {
			return call(t, "POST", s.URL+"/api/auth/reset", object{"code": code, "password": password})
		},
		func(code string) answer {
			return call(t, "POST", s.URL+"/api/auth/register", object{"invite": code, "username": "eve", "password": password})
		},
		func(code string) answer { return call(t, "GET", s.URL+"/api/auth/invites/"+code, nil) },
	}
	for i := range chat.WrongCodeLimit {
		wrong[i%len(wrong)](fmt.Sprint("guess", i)).refused(404, "not_found")
	}
	for _, try := range wrong {
		try("guess").refused(429, "rate_limited")
	}
	wrong[0](reset.Code).want(200)
	ada.invite("eve")
}

func TestAnInviteTellsWhatItIsFor(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	var invite struct{ Code string }
	ada.call("POST", "/api/invites", object{"role": "guest", "max_uses": 1, "channels": []any{ada.general()}}).want(201).into(&invite)
	a := call(t, "GET", s.URL+"/api/auth/invites/"+invite.Code, nil).want(200)
	for _, want := range []string{`"workspace":"Snug"`, `"role":"guest"`, `"invited_by":"Ada"`, `"expires_at":null`} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
	call(t, "POST", s.URL+"/api/auth/register", object{"invite": invite.Code, "username": "gus", "password": password}).want(201)
	call(t, "GET", s.URL+"/api/auth/invites/"+invite.Code, nil).refused(404, "not_found")
}
