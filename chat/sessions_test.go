package chat_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

func TestWhoMayOpenASocket(t *testing.T) {
	s := chattest.Start(t, chattest.Options{PublicURL: "https://chat.example.org"})
	ada := setUp(t, s)
	nobody := user{t: t, server: s}
	for _, headers := range [][]string{nil, {"Authorization", "Bearer wrong"}, {"Cookie", "snug_session=wrong"}} {
		if code := nobody.dial(headers...).closed(); code != 4401 {
			t.Errorf("a socket with %v was closed with %d", headers, code)
		}
	}
	cookie := "snug_session=" + ada.token
	for origin, welcome := range map[string]bool{
		"": true, s.URL: true, "https://chat.example.org": true, "https://evil.example": false, "null": false,
		"http://chat.example.org": false, s.URL + ".evil.example": false,
	} {
		headers := []string{"Cookie", cookie}
		if origin != "" {
			headers = append(headers, "Origin", origin)
		}
		socket, response, err := nobody.tryDial(headers...)
		switch {
		case welcome && err != nil:
			t.Errorf("origin %q: %v", origin, err)
		case welcome:
			socket.send(object{"type": "hello"})
			socket.next("welcome")
		case err == nil || response.StatusCode != http.StatusForbidden:
			t.Errorf("origin %q is let in: %v", origin, response)
		}
	}
	// A program elsewhere with a token of its own may.
	if _, response, err := ada.tryDial("Origin", "https://evil.example"); err != nil {
		t.Errorf("with a bearer token: %v %v", err, response)
	}
}

func TestALogoutEndsItsSocketsAndNoOthers(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	var second login
	call(t, "POST", s.URL+"/api/auth/login", object{"username": "ada", "password": password}).want(200).into(&second)
	other := user{t: t, server: s, token: second.Token, User: second.User}
	first, _ := ada.open(nil)
	same := ada.dial() // has not said hello
	stays, _ := other.open(nil)
	ada.call("POST", "/api/auth/logout", nil).want(204)
	for _, socket := range []*socket{first, same} {
		if code := socket.closed(); code != 4401 {
			t.Errorf("closed with %d", code)
		}
	}
	stays.alive()
}

func TestASocketEndsWithItsLogin(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	short := ada.crowd(1)[0]
	if _, err := connect(t, s.DatabaseURL).Exec(t.Context(),
		"UPDATE sessions SET expires_at = now() + interval '1 second' WHERE user_id = $1", short.ID); err != nil {
		t.Fatal(err)
	}
	socket, _ := short.open(nil)
	if code := socket.closed(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
	if code := short.dial().closed(); code != 4401 {
		t.Errorf("then closed with %d", code)
	}
}

// login logs in again with the password.
func (u user) login(password string, headers ...string) user {
	u.t.Helper()
	var in login
	call(u.t, "POST", u.server.URL+"/api/auth/login", object{"username": u.Username, "password": password}, headers...).want(200).into(&in)
	u.token = in.Token
	return u
}

type loginsList struct {
	Sessions []struct {
		store.Session
		Current bool
	}
}

func (u user) logins() (list loginsList) {
	u.t.Helper()
	u.call("GET", "/api/me/sessions", nil).want(200).into(&list)
	return list
}

func TestLoginsAreListedAndCanBeEnded(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	phone := ada.login(password, "User-Agent", "Snug for a phone")
	list := ada.logins()
	if len(list.Sessions) != 2 || list.Sessions[0].Device != "Snug for a phone" || list.Sessions[0].Current || !list.Sessions[1].Current ||
		list.Sessions[0].IP != "127.0.0.1" || time.Since(list.Sessions[0].LastUsed) > time.Minute {
		t.Errorf("logins %+v", list.Sessions)
	}
	id := list.Sessions[0].ID.String()
	socket, _ := phone.open(nil)
	stays, _ := ada.open(nil)
	bob.call("DELETE", "/api/me/sessions/"+id, nil).refused(404, "not_found")
	ada.call("DELETE", "/api/me/sessions/"+id, nil).want(204)
	ada.call("DELETE", "/api/me/sessions/"+id, nil).refused(404, "not_found")
	if code := socket.closed(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
	phone.call("GET", "/api/me", nil).refused(401, "unauthenticated")
	stays.alive()
}

func TestLogoutEverywhere(t *testing.T) {
	servers := nodes(t, 2, chattest.Options{New: chat.With(chat.Tuning{Poll: time.Hour, Sessions: time.Hour})})
	ada := setUp(t, servers[0])
	bob := ada.invite("bob").on(servers[1])
	acquainted(t, ada, bob)
	phone := ada.login(password).on(servers[1])
	here, _ := ada.open(nil)
	there, _ := phone.open(nil)
	bobs, _ := bob.open(nil)
	ada.call("POST", "/api/auth/logout", object{"everywhere": true}).want(204)
	for _, socket := range []*socket{here, there} {
		if code := socket.closed(); code != 4401 {
			t.Errorf("closed with %d", code)
		}
	}
	for _, u := range []user{ada, phone} {
		u.call("GET", "/api/me", nil).refused(401, "unauthenticated")
	}
	bobs.alive()
	ada.login(password)
}

// A login that ends where no node is told of it, as by the command line, ends its sockets too.
func TestSocketsEndWithLoginsThatEndInTheDatabase(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Sessions: 10 * time.Millisecond})})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	s.Cache.Stop(t)
	defer s.Cache.Start(t)
	bobs, _ := bob.open(nil)
	adas, _ := ada.open(nil)
	if _, err := s.Store.EndSessions(t.Context(), bob.User); err != nil {
		t.Fatal(err)
	}
	if code := bobs.closed(); code != 4401 {
		t.Errorf("closed with %d", code)
	}
	adas.alive()
	bob = bob.login(password)
	bobs, _ = bob.open(nil)
	if _, err := connect(t, s.DatabaseURL).Exec(t.Context(), "UPDATE users SET active = false WHERE id = $1", bob.ID); err != nil {
		t.Fatal(err)
	}
	if code := bobs.closed(); code != 4401 {
		t.Errorf("of who is not active any more, closed with %d", code)
	}
}

// The use of a login shows when the server ends at the latest.
func TestTheLastUseOfALoginIsKept(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	db := connect(t, s.DatabaseURL)
	if _, err := db.Exec(t.Context(), "UPDATE sessions SET last_used_at = now() - interval '1 day'"); err != nil {
		t.Fatal(err)
	}
	ada.call("GET", "/api/me", nil).want(200)
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	for u, used := range map[uuid.UUID]bool{ada.ID: true, bob.ID: false} {
		var recently bool
		err := db.QueryRow(t.Context(), "SELECT last_used_at > now() - interval '1 hour' FROM sessions WHERE user_id = $1", u).Scan(&recently)
		if err != nil || recently != used {
			t.Errorf("used: %v, want %v, %v", recently, used, err)
		}
	}
}
