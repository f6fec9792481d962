package chat

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/gofiber/fiber/v2"

	"snug/store"
)

// The codes that only HTTP itself can cause; the others are the store's, and the supervisor's notUp.
const (
	badRequest       store.Code = "bad_request"
	methodNotAllowed store.Code = "method_not_allowed"
	requestTimeout   store.Code = "request_timeout"
	upgradeRequired  store.Code = "upgrade_required"
	headersTooLarge  store.Code = "headers_too_large"

	rangeNotSatisfiable store.Code = "range_not_satisfiable"
)

// statusOf is the one table of error codes and their HTTP status (RFC 9110, section 15, and RFC 6585).
var statusOf = map[store.Code]int{
	badRequest:            http.StatusBadRequest,
	store.Unauthenticated: http.StatusUnauthorized,
	store.Forbidden:       http.StatusForbidden,
	store.NotFound:        http.StatusNotFound,
	methodNotAllowed:      http.StatusMethodNotAllowed,
	requestTimeout:        http.StatusRequestTimeout,
	store.Conflict:        http.StatusConflict,
	store.TooLarge:        http.StatusRequestEntityTooLarge,
	rangeNotSatisfiable:   http.StatusRequestedRangeNotSatisfiable,
	store.Invalid:         http.StatusUnprocessableEntity,
	upgradeRequired:       http.StatusUpgradeRequired,
	store.RateLimited:     http.StatusTooManyRequests,
	headersTooLarge:       http.StatusRequestHeaderFieldsTooLarge,
	store.Internal:        http.StatusInternalServerError,
	notUp:                 http.StatusBadGateway,
	store.Unavailable:     http.StatusServiceUnavailable,
}

// internalMessage is all that a client is told of a fault of ours; the log has the rest.
const internalMessage = "Something went wrong on our side. Try again; if it stays, ask whoever runs this server to look at its log."

// Problem is the body of every error response.
type Problem struct {
	Detail     ProblemDetail `json:"error"`
	retryAfter time.Duration
}

// ProblemDetail says what is wrong: to programs by Code, to people by Message, of a form by Fields.
type ProblemDetail struct {
	Code    store.Code        `json:"code" doc:"What kind of error this is, for programs"`
	Message string            `json:"message" doc:"What is wrong, for people"`
	Fields  map[string]string `json:"fields,omitempty" doc:"What is wrong with which input"`
}

// GetStatus returns the HTTP status; huma asks for it.
func (p *Problem) GetStatus() int { return statusOf[p.Detail.Code] }

// GetHeaders returns the headers that go with the error; huma asks for them.
func (p *Problem) GetHeaders() http.Header {
	if p.retryAfter <= 0 {
		return nil
	}
	return http.Header{fiber.HeaderRetryAfter: {strconv.Itoa(p.retrySeconds())}}
}

// retrySeconds is when to try again, in whole seconds and at least 1; 0 is unknown.
func (p *Problem) retrySeconds() int { return int(math.Ceil(p.retryAfter.Seconds())) }

// Error returns the message.
func (p *Problem) Error() string { return p.Detail.Message }

func newProblem(code store.Code, message string) *Problem {
	p := &Problem{Detail: ProblemDetail{Code: code, Message: message}}
	if code == store.Unavailable || code == store.RateLimited {
		p.retryAfter = time.Second
	}
	return p
}

// invalidField is the error of one input that breaks a rule.
func invalidField(field, why string) *Problem {
	p := newProblem(store.Invalid, "Some of the input is not right.")
	p.Detail.Fields = map[string]string{field: why}
	return p
}

// problem turns any error into what the client is told, and logs what is a fault of ours.
func (s *Server) problem(err error) *Problem {
	var known *Problem
	var stored *store.Error
	var web *fiber.Error
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &stored) && stored.Code != store.Internal:
		if stored.Code == store.Unavailable {
			s.log.Warn("database is away", "error", err)
		}
		p := newProblem(stored.Code, stored.Message)
		p.Detail.Fields = stored.Fields
		p.retryAfter = max(p.retryAfter, stored.RetryAfter)
		return p
	case errors.As(err, &web):
		return webProblem(web)
	}
	s.log.Error("request failed", "error", err)
	return newProblem(store.Internal, internalMessage)
}

// webProblem translates fiber's and fasthttp's own errors.
func webProblem(err *fiber.Error) *Problem {
	switch err.Code {
	case http.StatusNotFound:
		return newProblem(store.NotFound, "There is nothing at this address.")
	case http.StatusMethodNotAllowed:
		return newProblem(methodNotAllowed, "This address does not take that method; the Allow header lists those it takes.")
	case http.StatusRequestTimeout:
		return newProblem(requestTimeout, "The request did not arrive in time.")
	case http.StatusRequestEntityTooLarge:
		return newProblem(store.TooLarge, fmt.Sprintf("The request is larger than the %d bytes allowed.", bodyLimit))
	case http.StatusUpgradeRequired:
		return newProblem(upgradeRequired, "This address speaks WebSocket: connect with a WebSocket client.")
	case http.StatusRequestHeaderFieldsTooLarge:
		return newProblem(headersTooLarge, fmt.Sprintf("The request's headers are larger than the %d bytes allowed.", headerLimit))
	}
	if err.Code >= http.StatusInternalServerError {
		return newProblem(store.Internal, internalMessage)
	}
	return newProblem(badRequest, "The request is not valid HTTP.")
}

// writeError is the one place where error responses are written outside of huma's operations, which use the same Problem.
func (s *Server) writeError(c *fiber.Ctx, err error) error {
	p := s.problem(err)
	secureHeaders(c) // also where the request did not get as far as the routes
	for name, values := range p.GetHeaders() {
		c.Set(name, values[0])
	}
	if conn, ok := c.Context().Conn().(*clientConn); ok && (p.Detail.Code == store.TooLarge || p.Detail.Code == headersTooLarge) {
		conn.unread.Store(true)
	}
	return c.Status(p.GetStatus()).JSON(p)
}

// validationProblem translates what huma found wrong with a request.
func validationProblem(m *huma.ErrorModel) *Problem {
	switch m.Status {
	case http.StatusRequestEntityTooLarge:
		return newProblem(store.TooLarge, "The request body is too large.")
	case http.StatusRequestTimeout:
		return newProblem(requestTimeout, "The request body did not arrive in time.")
	case http.StatusInternalServerError:
		return newProblem(store.Internal, internalMessage)
	}
	p := newProblem(store.Invalid, "Some of the input is not right.")
	p.Detail.Fields = map[string]string{}
	for _, d := range m.Errors {
		if strings.HasPrefix(d.Location, "path.") { // what is not an id is the id of nothing
			return newProblem(store.NotFound, "There is nothing at this address.")
		}
		field, why := fieldOf(d)
		p.Detail.Fields[field] = why
	}
	if len(m.Errors) == 0 {
		p.Detail.Fields["body"] = m.Detail
	}
	return p
}

// fieldOf names the input that d is about, without the part of the request it came in.
func fieldOf(d *huma.ErrorDetail) (field, why string) {
	_, field, found := strings.Cut(d.Location, ".")
	if !found {
		field = d.Location
	}
	var missing string
	if n, _ := fmt.Sscanf(d.Message, validation.MsgExpectedRequiredProperty, &missing); n == 1 {
		return strings.TrimPrefix(field+"."+missing, "body."), "is required"
	}
	if field == "body" {
		return field, "must be valid JSON of the documented form"
	}
	return field, d.Message
}
