package chat

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"snug/store"
)

// The bounds of a request, in bytes.
const (
	bodyLimit   = 1 << 20
	headerLimit = 16 << 10
)

// contentSecurityPolicy lets the pages load from this server alone, run no script and no style that stands in the page,
// and be shown in nobody's frame: https://www.w3.org/TR/CSP3/.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// newApp makes the fiber application with every route.
func (s *Server) newApp() *fiber.App {
	app := fiber.New(fiber.Config{
		Immutable:             true, // strings of a request may be kept
		CaseSensitive:         true,
		DisableStartupMessage: true,
		BodyLimit:             bodyLimit,
		StreamRequestBody:     true, // bodies.go reads them

		DisablePreParseMultipartForm: true,
		ReadBufferSize:               headerLimit,
		ReadTimeout:                  s.tuning.readRequest,
		WriteTimeout:                 s.tuning.handle + s.tuning.readRequest,
		IdleTimeout:                  s.tuning.idle,
		ErrorHandler:                 s.writeError,
		// Without it, fiber believes everybody's X-Forwarded-Proto and X-Forwarded-Host. With it and no address, nobody's;
		// whom we believe is in proxies.go.
		EnableTrustedProxyCheck: true,
	})
	app.Server().CloseOnShutdown = true
	app.Server().ConnState = s.conns.changed
	app.Server().KeepHijackedConns = true // they are ours from then on
	app.Server().Handler = s.belowPublicPath(s.onlyKnownMethods(app))
	app.Use(secure, s.wholeBody, s.measure, s.recoverPanic, s.withRequest)
	s.api = newAPI(app, s.cfg.Version, s.publicURL.Path)
	for _, r := range routes() {
		r.register(s, app, r)
	}
	// huma's own form of errors, which it describes for each route and validationErrors turns into ours.
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} {
		delete(s.api.OpenAPI().Components.Schemas.Map(), unused)
	}
	app.Use(s.site.serve)
	return app
}

// onlyKnownMethods refuses methods that fiber does not know, which it would answer by itself in plain text.
func (s *Server) onlyKnownMethods(app *fiber.App) fasthttp.RequestHandler {
	next, known := app.Server().Handler, app.Config().RequestMethods
	return func(ctx *fasthttp.RequestCtx) {
		if slices.Contains(known, string(ctx.Method())) {
			next(ctx)
			return
		}
		c := app.AcquireCtx(ctx)
		defer app.ReleaseCtx(c)
		if err := s.writeError(c, fiber.ErrMethodNotAllowed); err != nil {
			s.log.Error("write error response", "error", err)
		}
	}
}

// secure sets the headers that keep pages and answers to themselves.
func secure(c *fiber.Ctx) error {
	secureHeaders(c)
	return c.Next()
}

func secureHeaders(c *fiber.Ctx) {
	c.Set(fiber.HeaderContentSecurityPolicy, contentSecurityPolicy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
	c.Set("Cross-Origin-Opener-Policy", "same-origin")
	c.Set("Cross-Origin-Resource-Policy", "same-origin")
	if isAPI(c.Path()) {
		c.Set(fiber.HeaderCacheControl, "no-store")
	}
}

func isAPI(path string) bool { return path == "/api" || strings.HasPrefix(path, "/api/") }

// recoverPanic answers for a handler that panicked, and tells the log alone why.
func (s *Server) recoverPanic(c *fiber.Ctx) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("handler panicked", "method", c.Method(), "route", c.Route().Path,
				"panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			c.Response().Reset()
			err = s.writeError(c, newProblem(store.Internal, internalMessage))
		}
	}()
	return c.Next()
}

// safeMethod reports whether the method is one that changes nothing: RFC 9110, section 9.2.1.
func safeMethod(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}
