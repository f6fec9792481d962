package chat

import (
	"cmp"
	"context"
	"net/http"
	"strings"
	"time"

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
	if err := s.logins.allow(ctx, username, requestOf(ctx).ip); err != nil {
		return nil, err
	}
	user, hash, err := s.store.UserByUsername(ctx, username)
	if err != nil && store.CodeOf(err) != store.NotFound {
		return nil, err
	}
	match, err := s.passwords.matches(ctx, hash, in.Body.Password)
	if err != nil {
		return nil, err
	}
	if !match || !user.Active {
		return nil, newProblem(store.Unauthenticated, "Username or password is wrong.")
	}
	return s.beginSession(ctx, user)
}

// beginSession logs the user in.
func (s *Server) beginSession(ctx context.Context, user store.User) (*loginOutput, error) {
	token, r := newToken(), requestOf(ctx)
	_, err := s.store.CreateSession(ctx, store.SessionParams{
		UserID: user.ID, TokenHash: hashToken(token), Device: r.userAgent, IP: r.ip, ExpiresAt: time.Now().Add(sessionLifetime),
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

type logoutOutput struct {
	SetCookie string `header:"Set-Cookie"`
}

func (s *Server) logout(ctx context.Context, _ *struct{}) (*logoutOutput, error) {
	session := identityOf(ctx).Session
	if err := s.store.DeleteSession(ctx, session.ID); err != nil {
		return nil, err
	}
	s.hub.endSession(session.ID)
	return &logoutOutput{SetCookie: s.sessionCookie(requestOf(ctx), "", 0)}, nil
}
