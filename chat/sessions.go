package chat

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"snug/store"
)

// sessionLifetime is how long a login lasts.
const sessionLifetime = 60 * 24 * time.Hour

// loginBody is the answer to whoever has logged in.
type loginBody struct {
	Token string     `json:"token" doc:"For the header Authorization: Bearer TOKEN"`
	User  store.User `json:"user"`
}

type loginOutput struct {
	SetCookie string `header:"Set-Cookie"`
	Body      loginBody
}

type loginInput struct {
	Body struct {
		Username string `json:"username" maxLength:"64"`
		Password string `json:"password" maxLength:"200"`
	}
}

func (s *Server) login(ctx context.Context, in *loginInput) (*loginOutput, error) {
	username := strings.ToLower(strings.TrimSpace(in.Body.Username))
	user, hash, err := s.store.UserByUsername(ctx, username)
	if err != nil && store.CodeOf(err) != store.NotFound {
		return nil, err
	}
	g := guess{account: username, userID: user.ID, address: requestOf(ctx).ip}
	if err := s.allowGuess(ctx, g); err != nil {
		return nil, err
	}
	match, err := s.passwords.matches(ctx, hash, in.Body.Password)
	if err != nil {
		return nil, err
	}
	if !match || !user.Active {
		s.recordFailure(ctx, user, match)
		return nil, newProblem(store.Unauthenticated, "Username or password is wrong.")
	}
	s.limits.guessedRight(ctx, g)
	out, err := s.beginSession(ctx, user, hash)
	if store.CodeOf(err) == store.NotFound { // it was changed, or the user deactivated, at this moment
		return nil, newProblem(store.Unauthenticated, "Username or password is wrong.")
	}
	return out, err
}

// recordFailure tells the audit log of a login that was refused. What was typed as a username is told only if it is one:
// people type their passwords there.
func (s *Server) recordFailure(ctx context.Context, user store.User, match bool) {
	event := store.Event{
		Action: store.LoginFailed, Target: store.Target{Kind: "user", ID: user.ID, Name: user.Username},
		Details: map[string]string{"reason": "wrong password", "device": requestOf(ctx).userAgent},
	}
	switch {
	case user.ID == uuid.Nil:
		event.Target, event.Details["reason"] = store.Target{}, "unknown username"
	case match:
		event.Details["reason"] = "not active"
	}
	if err := s.store.Record(ctx, event); err != nil {
		s.log.Warn("a failed login is not in the audit log", "error", err)
	}
}

// beginSession logs the user in, as long as the password's hash is still this one; empty is any.
func (s *Server) beginSession(ctx context.Context, user store.User, passwordHash string) (*loginOutput, error) {
	token, r := newToken(), requestOf(ctx)
	_, err := s.store.CreateSession(ctx, store.SessionParams{
		UserID: user.ID, TokenHash: hashToken(token), Device: r.userAgent, IP: r.ip, ExpiresAt: time.Now().Add(sessionLifetime),
		PasswordHash: passwordHash,
	})
	if err != nil {
		return nil, err
	}
	return &loginOutput{SetCookie: s.sessionCookie(r, token, sessionLifetime), Body: loginBody{Token: token, User: user}}, nil
}

// sessionCookie is the header that makes the browser keep the token for so long; at 0 it forgets it.
func (s *Server) sessionCookie(r request, token string, lifetime time.Duration) string {
	cookie := http.Cookie{
		Name: cookieName, Value: token, Path: cmp.Or(s.publicURL.Path, "/"), MaxAge: int(lifetime.Seconds()),
		HttpOnly: true, Secure: r.secure, SameSite: http.SameSiteLaxMode,
	}
	if lifetime == 0 {
		cookie.MaxAge = -1
	}
	return cookie.String()
}

type logoutInput struct {
	Body *struct {
		Everywhere bool `json:"everywhere,omitempty" doc:"End all logins of the user, not only this one"`
	}
}

type logoutOutput struct {
	SetCookie string `header:"Set-Cookie"`
}

func (s *Server) logout(ctx context.Context, in *logoutInput) (*logoutOutput, error) {
	who := identityOf(ctx)
	ended := []uuid.UUID{who.Session.ID}
	var err error
	if in.Body != nil && in.Body.Everywhere {
		ended, err = s.store.EndSessions(ctx, who.User)
	} else {
		err = s.store.DeleteSession(ctx, who.Session.ID)
	}
	if err != nil {
		return nil, err
	}
	s.endSessions(ended)
	return &logoutOutput{SetCookie: s.sessionCookie(requestOf(ctx), "", 0)}, nil
}

// endSessions closes the sockets of logins that have ended, on all nodes.
func (s *Server) endSessions(ended []uuid.UUID) {
	for _, id := range ended {
		s.hub.endSession(id)
	}
}

// mySession is a login as its user sees it.
type mySession struct {
	store.Session
	Current bool `json:"current" doc:"Whether it is the one that asks"`
}

type sessionsOutput struct {
	Body struct {
		Sessions []mySession `json:"sessions"`
	}
}

func (s *Server) listSessions(ctx context.Context, _ *struct{}) (*sessionsOutput, error) {
	who := identityOf(ctx)
	list, err := s.store.Sessions(ctx, who.User.ID)
	if err != nil {
		return nil, err
	}
	out := &sessionsOutput{}
	out.Body.Sessions = make([]mySession, len(list))
	for i, session := range list {
		out.Body.Sessions[i] = mySession{Session: session, Current: session.ID == who.Session.ID}
	}
	return out, nil
}

func (s *Server) deleteSession(ctx context.Context, in *idInput) (*struct{}, error) {
	if err := s.store.EndSession(ctx, identityOf(ctx).User.ID, in.ID); err != nil {
		return nil, err
	}
	s.hub.endSession(in.ID)
	return nil, nil
}
