package chat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"snug/store"
)

// cookieName is the cookie that carries a browser's token.
const cookieName = "snug_session"

// identity is who asks.
type identity struct {
	User    store.User
	Session store.Session
}

type identityKey struct{}

// identityOf returns who asks; the route's access class has seen to it that somebody does.
func identityOf(ctx context.Context) identity { return ctx.Value(identityKey{}).(identity) }

// newToken makes a session token of 256 random bits.
func newToken() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// hashToken is what the database knows of a token. It is random enough for a plain hash.
func hashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// credentials finds the token of a request. A bearer token can only be sent on purpose; a cookie is sent by the browser
// whoever wrote the page.
func credentials(c *fiber.Ctx) (token string, byCookie bool) {
	if header := c.Get(fiber.HeaderAuthorization); header != "" {
		return bearerToken(header), false
	}
	return c.Cookies(cookieName), true
}

// bearerToken is the token of an Authorization header (RFC 6750), or empty.
func bearerToken(header string) string {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// guard lets requests through to a typed operation as the route's access class says.
func (s *Server) guard(access access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c := humafiber.Unwrap(ctx)
		admitted, err := s.admit(c, access)
		if err != nil {
			if err := s.writeError(c, err); err != nil {
				s.log.Error("write error response", "error", err)
			}
			return
		}
		next(huma.WithContext(ctx, admitted))
		correctStatus(c)
	}
}

// admit returns a context that tells the handler who asks, unless they may not.
func (s *Server) admit(c *fiber.Ctx, access access) (context.Context, error) {
	ctx := c.UserContext()
	who, err := s.authorize(c, access)
	if err != nil || access == public {
		return ctx, err
	}
	ctx = context.WithValue(ctx, identityKey{}, who)
	return store.By(ctx, store.Actor{ID: who.User.ID, Name: who.User.Username, IP: requestOf(ctx).ip}), nil
}

// authorize finds out who sends a request, and whether they may.
func (s *Server) authorize(c *fiber.Ctx, access access) (identity, error) {
	token, byCookie := credentials(c)
	if !safeMethod(c.Method()) && byCookie && !s.sameSite(c) {
		return identity{}, newProblem(store.Forbidden, "This request came from another site.")
	}
	if access == public {
		return identity{}, nil
	}
	who, err := s.identify(c.UserContext(), token)
	if err != nil {
		return identity{}, err
	}
	return who, access.Refuse(who.User)
}

// identify returns who has the token.
func (s *Server) identify(ctx context.Context, token string) (identity, error) {
	if token == "" {
		return identity{}, newProblem(store.Unauthenticated, "Log in first.")
	}
	session, user, err := s.store.SessionByToken(ctx, hashToken(token))
	if store.CodeOf(err) == store.NotFound {
		return identity{}, newProblem(store.Unauthenticated, "This login has ended. Log in again.")
	}
	if err == nil {
		s.sessions.used(session, time.Now())
	}
	return identity{User: user, Session: session}, err
}

// sameSite reports whether a request was sent by a page of this server. Browsers say so by Sec-Fetch-Site, which only
// they can set (https://www.w3.org/TR/fetch-metadata/), and where they do not, by Origin, which they send with every
// request from elsewhere that may change something (https://fetch.spec.whatwg.org/#origin-header). A request with neither
// is a program's, which nobody can trick into sending its cookie.
func (s *Server) sameSite(c *fiber.Ctx) bool {
	if site := c.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin" || site == "none"
	}
	origin := c.Get(fiber.HeaderOrigin)
	return origin == "" || s.ownOrigin(origin, requestOf(c.UserContext()).host)
}

// ownOrigin reports whether an Origin header names this server: by the host that was asked, or by the public URL.
func (s *Server) ownOrigin(origin, host string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	if u.Scheme == s.publicURL.Scheme && strings.EqualFold(u.Host, s.publicURL.Host) {
		return true
	}
	return strings.EqualFold(u.Host, host)
}
