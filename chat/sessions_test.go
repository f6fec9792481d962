package chat_test

import (
	"net/http"
	"testing"

	"snug/chat/chattest"
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
