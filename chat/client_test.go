package chat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"snug/chat/chattest"
	"snug/store"
)

// waitLimit is how long anything may take that is waited for. It is long: tests share their machine.
const waitLimit = 30 * time.Second

const password = "correct horse battery"

// user is a client of the server with a login.
type user struct {
	t      testing.TB
	server *chattest.Server
	token  string
	store.User
}

// answer is a response of the API.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
	sent   []byte // with the request, if it was JSON
}

// call sends a request with a JSON body, unless that is nil. Headers are name, value, name, value, …
func call(t testing.TB, method, url string, body any, headers ...string) answer {
	t.Helper()
	var reader io.Reader
	var sent []byte
	contentType := "application/json"
	switch b := body.(type) {
	case nil:
	case multipartForm:
		reader, contentType = strings.NewReader(b.body), b.contentType
	case string:
		sent = []byte(b)
		reader = bytes.NewReader(sent)
	default:
		var err error
		if sent, err = json.Marshal(b); err != nil {
			t.Fatal(err)
		}
		reader = bytes.NewReader(sent)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, reader)
	if err != nil {
		t.Fatal(err)
	}
	if body != nil {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	client := http.Client{Timeout: waitLimit, Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	a := answer{t: t, what: method + " " + url, status: response.StatusCode, header: response.Header, body: content, sent: sent}
	a.isDescribed(method, url)
	return a
}

// want fails the test unless the answer has the status.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: status %d, want %d: %s", a.what, a.status, status, a.body)
	}
	return a
}

// into decodes the body.
func (a answer) into(v any) answer {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.what, err, a.body)
	}
	return a
}

// problem is the body of an error.
type problem struct {
	Error struct {
		Code    string            `json:"code"`
		Message string            `json:"message"`
		Fields  map[string]string `json:"fields"`
	} `json:"error"`
}

// refused fails the test unless the answer is an error of that status and code, in the one form of all errors.
func (a answer) refused(status int, code string, fields ...string) problem {
	a.t.Helper()
	a.want(status)
	if got := a.header.Get("Content-Type"); got != "application/json" {
		a.t.Errorf("%s: Content-Type %q of an error", a.what, got)
	}
	var p problem
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		a.t.Fatalf("%s: the error is not of the documented form: %v: %s", a.what, err, a.body)
	}
	if p.Error.Code != code || p.Error.Message == "" {
		a.t.Fatalf("%s: error %s, want code %q and a message", a.what, a.body, code)
	}
	for _, field := range fields {
		if p.Error.Fields[field] == "" {
			a.t.Errorf("%s: error %s does not name the field %q", a.what, a.body, field)
		}
	}
	if (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) && a.header.Get("Retry-After") == "" {
		a.t.Errorf("%s: status %d without Retry-After", a.what, status)
	}
	return p
}

type login struct {
	Token string     `json:"token"`
	User  store.User `json:"user"`
}

// setUp begins the instance and returns its owner.
func setUp(t testing.TB, s *chattest.Server) user {
	t.Helper()
	var in login
	call(t, "POST", s.URL+"/api/setup", map[string]string{
		"workspace": "Snug", "username": "ada", "display_name": "Ada", "password": password,
	}).want(http.StatusCreated).into(&in)
	return user{t: t, server: s, token: in.Token, User: in.User}
}

// call sends a request as the user.
func (u user) call(method, path string, body any, headers ...string) answer {
	u.t.Helper()
	return call(u.t, method, u.server.URL+path, body, append(headers, "Authorization", "Bearer "+u.token)...)
}

// on returns the same user on another server.
func (u user) on(s *chattest.Server) user {
	u.server = s
	return u
}

// invite brings a new user in, who is then a member of #general.
func (u user) invite(name string) user {
	u.t.Helper()
	var invite store.Invite
	u.call("POST", "/api/invites", map[string]any{}).want(http.StatusCreated).into(&invite)
	var in login
	call(u.t, "POST", u.server.URL+"/api/auth/register", map[string]string{
		"invite": invite.Code, "username": name, "password": password,
	}).want(http.StatusCreated).into(&in)
	return user{t: u.t, server: u.server, token: in.Token, User: in.User}
}

// general is the channel that everybody is in.
func (u user) general() uuid.UUID {
	u.t.Helper()
	var list struct{ Channels []store.Membership }
	u.call("GET", "/api/channels", nil).want(http.StatusOK).into(&list)
	for _, c := range list.Channels {
		if c.Name == "general" {
			return c.ID
		}
	}
	u.t.Fatal("there is no #general")
	return uuid.Nil
}

// send sends a message over HTTP.
func (u user) send(channel uuid.UUID, body string) store.Message {
	u.t.Helper()
	var m store.Message
	u.call("POST", fmt.Sprintf("/api/channels/%s/messages", channel), map[string]any{"client_id": uuid.New(), "body": body}).
		want(http.StatusCreated).into(&m)
	return m
}

// socket is a WebSocket client.
type socket struct {
	t  testing.TB
	ws *websocket.Conn
}

// frame is any frame of the server.
type frame struct {
	Type       string             `json:"type"`
	User       json.RawMessage    `json:"user"`
	Channels   []store.Membership `json:"channels"`
	Channel    store.Membership   `json:"channel"`
	Removed    bool               `json:"removed"`
	Left       bool               `json:"left"`
	Session    store.Session      `json:"session"`
	Online     json.RawMessage    `json:"online"`
	Message    json.RawMessage    `json:"message"`
	Code       string             `json:"code"`
	ClientID   string             `json:"client_id"`
	RetryAfter int                `json:"retry_after"`
	Fields     map[string]string  `json:"fields"`
	ChannelID  uuid.UUID          `json:"channel_id"`
	UserID     uuid.UUID          `json:"user_id"`
	From       int64              `json:"from"`
	To         int64              `json:"to"`
	Seq        int64              `json:"seq"`
	Unread     int64              `json:"unread"`
	Mentions   int64              `json:"mentions"`
	MessageID  uuid.UUID          `json:"message_id"`
	Emoji      string             `json:"emoji"`
	Added      bool               `json:"added"`
	Reactions  []store.Reaction   `json:"reactions"`
	Reason     string             `json:"reason"`
}

// message decodes the message of a message or ack frame.
func (f frame) message(t testing.TB) store.Message {
	t.Helper()
	var m store.Message
	if err := json.Unmarshal(f.Message, &m); err != nil {
		t.Fatalf("message in %s frame: %v: %s", f.Type, err, f.Message)
	}
	return m
}

// dial opens a socket without a word.
func (u user) dial(headers ...string) *socket {
	u.t.Helper()
	s, response, err := u.tryDial(headers...)
	if err != nil {
		u.t.Fatalf("dial: %v (%v)", err, response)
	}
	return s
}

func (u user) tryDial(headers ...string) (*socket, *http.Response, error) {
	return u.tryDialAt("/api/ws", headers...)
}

func (u user) tryDialAt(path string, headers ...string) (*socket, *http.Response, error) {
	header := http.Header{}
	if u.token != "" {
		header.Set("Authorization", "Bearer "+u.token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		header.Set(headers[i], headers[i+1])
	}
	dialer := websocket.Dialer{HandshakeTimeout: waitLimit}
	ws, response, err := dialer.Dial("ws://"+u.server.Addr+path, header)
	if err != nil {
		return nil, response, err
	}
	s := &socket{t: u.t, ws: ws}
	u.t.Cleanup(func() { _ = ws.Close() })
	return s, response, nil
}

// open opens a socket and says hello.
func (u user) open(resume map[uuid.UUID]int64) (*socket, frame) {
	u.t.Helper()
	s := u.dial()
	s.send(map[string]any{"type": "hello", "resume": resume})
	return s, s.next("welcome")
}

func (s *socket) send(v any) {
	s.t.Helper()
	if err := s.ws.WriteJSON(v); err != nil {
		s.t.Fatalf("write to socket: %v", err)
	}
}

// read returns the next frame.
func (s *socket) read() (frame, error) {
	if err := s.ws.SetReadDeadline(time.Now().Add(waitLimit)); err != nil {
		return frame{}, err
	}
	_, raw, err := s.ws.ReadMessage()
	if err != nil {
		return frame{}, err
	}
	var f frame
	if err := json.Unmarshal(raw, &f); err != nil {
		return f, fmt.Errorf("frame %s: %w", raw, err)
	}
	return f, nil
}

// next returns the next frame of one of the types, and passes over others.
func (s *socket) next(types ...string) frame {
	s.t.Helper()
	for {
		f, err := s.read()
		if err != nil {
			s.t.Fatalf("waiting for %v: %v", types, err)
		}
		for _, want := range types {
			if f.Type == want {
				return f
			}
		}
	}
}

// closed reads to the end and returns the close code.
func (s *socket) closed() int {
	s.t.Helper()
	for {
		_, err := s.read()
		var e *websocket.CloseError
		switch {
		case err == nil:
		case errors.As(err, &e):
			return e.Code
		default:
			s.t.Fatalf("waiting for a close frame: %v", err)
		}
	}
}

// connect opens a connection to a database until the test ends. The database may just be starting anew.
func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(20 * time.Millisecond) {
		conn, err := pgx.Connect(t.Context(), url)
		if err == nil {
			t.Cleanup(func() { _ = conn.Close(context.Background()) })
			return conn
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}
