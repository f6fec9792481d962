package chat

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"snug/store"
)

// request is what handlers may want to know of a request besides its input.
type request struct {
	host      string
	secure    bool   // came over HTTPS, as far as the server, its proxies or the public URL tell
	ip        string // of the client, in one form; empty if it has none
	userAgent string
}

type requestKey struct{}

func requestOf(ctx context.Context) request {
	r, _ := ctx.Value(requestKey{}).(request)
	return r
}

// withRequest bounds the time of a request, and makes what it says of itself known to the handlers.
func (s *Server) withRequest(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(context.Background(), s.tuning.handle)
	defer cancel()
	if s.conns.lastAnswer() {
		c.Context().SetConnectionClose()
	}
	r := s.received(c)
	c.SetUserContext(store.By(context.WithValue(ctx, requestKey{}, r), store.Actor{IP: r.ip}))
	return c.Next()
}

// received finds out where a request came from, and how; where it came through a proxy that is believed, from that.
func (s *Server) received(c *fiber.Ctx) request {
	r := request{host: string(c.Request().Host()), secure: s.cfg.TLS != nil, userAgent: c.Get(fiber.HeaderUserAgent)}
	client, forwarded := peerOf(c), linesOf(c, fiber.HeaderXForwardedFor)
	switch {
	case s.proxies.contain(client):
		client = s.proxies.client(client, forwarded)
		if host := lastOf(linesOf(c, fiber.HeaderXForwardedHost)); isHost(host) {
			r.host = host
		}
		r.secure = r.secure || strings.EqualFold(lastOf(linesOf(c, fiber.HeaderXForwardedProto)), "https")
	case len(forwarded) > 0:
		s.proxyHint.notice(client)
	}
	if client.IsValid() {
		r.ip = client.String()
	}
	r.secure = r.secure || s.publicURL.Scheme == "https" && strings.EqualFold(r.host, s.publicURL.Host)
	return r
}

// peerOf is who the connection is with; the zero Addr if that is no IP address.
func peerOf(c *fiber.Ctx) netip.Addr {
	if addr, ok := c.Context().RemoteAddr().(*net.TCPAddr); ok {
		return plain(addr.AddrPort().Addr())
	}
	return netip.Addr{}
}

func linesOf(c *fiber.Ctx, header string) []string {
	var lines []string
	for _, line := range c.Request().Header.PeekAll(header) {
		lines = append(lines, string(line))
	}
	return lines
}

// origin is where links in the answer lead: the public URL, or else where the request was sent to.
func (s *Server) origin(r request) string {
	switch {
	case s.publicURL.Host != "":
		return s.publicURL.String()
	case r.secure:
		return "https://" + r.host
	}
	return "http://" + r.host
}

// belowPublicPath lets next see paths without that of the public URL.
func (s *Server) belowPublicPath(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	if s.publicURL.Path == "" {
		return next
	}
	return func(ctx *fasthttp.RequestCtx) {
		uri := ctx.URI()
		uri.SetPath(s.publicURL.Local(string(uri.PathOriginal())))
		next(ctx)
	}
}
