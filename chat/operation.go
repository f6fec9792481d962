package chat

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"
)

// newAPI makes the typed API, which describes itself in OpenAPI 3.1.
func newAPI(app *fiber.App, version, base string) huma.API {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	var servers []*huma.Server // none is the root of wherever the description is
	if base != "" {
		servers = append(servers, &huma.Server{URL: base})
	}
	return humafiber.New(app, huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Servers: servers,
			Info: &huma.Info{Title: "Snug", Version: version, Description: "The API of a Snug chat server. " +
				"Log in for a token and send it as \"Authorization: Bearer TOKEN\"; browsers get it as a cookie too."},
			Components: &huma.Components{
				Schemas: registry,
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"bearer": {Type: "http", Scheme: "bearer"},
					"cookie": {Type: "apiKey", In: "cookie", Name: cookieName},
				},
			},
		},
		Formats: map[string]huma.Format{
			"application/json": huma.DefaultJSONFormat,
			"json":             huma.DefaultJSONFormat,
		},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{validationErrors},
	})
}

// validationErrors gives huma's own errors the form of all others.
func validationErrors(ctx huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		p := validationProblem(m)
		ctx.SetHeader(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		humafiber.Unwrap(ctx).Locals(validationStatus{}, p.GetStatus())
		return p, nil
	}
	return v, nil
}

// validationStatus is the key in a request's locals of the status that goes with the code of a validation error. huma
// sets the one it has in mind only after it has let the body be translated.
type validationStatus struct{}

func correctStatus(c *fiber.Ctx) {
	if status, ok := c.Locals(validationStatus{}).(int); ok {
		c.Status(status)
	}
}

// operation registers a typed handler, with the login that the route's access class wants.
func operation[I, O any](summary string, status int, handle func(*Server, context.Context, *I) (*O, error)) registration {
	return func(s *Server, _ *fiber.App, r route) {
		op := s.describe(r, summary, status)
		op.Middlewares = huma.Middlewares{s.guard(r.access)}
		huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
			out, err := handle(s, ctx, in)
			if err != nil {
				return nil, s.problem(err)
			}
			return out, nil
		})
		s.refuse(r.described(s.api), http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
	}
}

// described is a registration with more to say than its summary.
func described(description string, register registration) registration {
	return func(s *Server, app *fiber.App, r route) {
		register(s, app, r)
		r.described(s.api).Description = description
	}
}

// alsoAnswers is a registration with one more status than its usual one, for the same body.
func alsoAnswers(status int, register registration) registration {
	return func(s *Server, app *fiber.App, r route) {
		register(s, app, r)
		op := r.described(s.api)
		usual := op.Responses[strconv.Itoa(op.DefaultStatus)]
		op.Responses[strconv.Itoa(status)] = &huma.Response{Description: http.StatusText(status), Content: usual.Content}
	}
}

// refuses is a registration with more statuses of errors than those that follow from the route itself.
func refuses(register registration, statuses ...int) registration {
	return func(s *Server, app *fiber.App, r route) {
		register(s, app, r)
		s.refuse(r.described(s.api), statuses...)
	}
}

// described is the registered route as OpenAPI has it.
func (r route) described(api huma.API) *huma.Operation {
	item := api.OpenAPI().Paths[r.path]
	return map[string]*huma.Operation{
		"GET": item.Get, "POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete,
	}[r.method]
}

// raw registers a handler that is not of JSON in and JSON out.
func raw(summary string, status int, handle func(*Server, *fiber.Ctx) error) registration {
	return func(s *Server, app *fiber.App, r route) {
		op := s.describe(r, summary, status)
		s.api.OpenAPI().AddOperation(&op)
		answer := func(c *fiber.Ctx) error { return handle(s, c) }
		app.Add(r.method, r.pattern(), answer)
		if r.method == fiber.MethodGet { // some that watch over servers ask in this way
			app.Add(fiber.MethodHead, r.pattern(), answer)
		}
	}
}

// guarded registers a handler whose answer is not JSON, with the login that the route's access class wants. The handler
// finds who asks in the request's user context.
func guarded(summary string, status int, handle func(*Server, *fiber.Ctx) error) registration {
	return func(s *Server, app *fiber.App, r route) {
		raw(summary, status, func(s *Server, c *fiber.Ctx) error {
			ctx, err := s.admit(c, r.access)
			if err != nil {
				return err
			}
			c.SetUserContext(ctx)
			return handle(s, c)
		})(s, app, r)
	}
}

// describe is the route as OpenAPI has it.
func (s *Server) describe(r route, summary string, status int) huma.Operation {
	op := huma.Operation{
		OperationID:   operationID(r),
		Method:        r.method,
		Path:          r.path,
		Summary:       summary,
		MaxBodyBytes:  bodyLimit + 1, // the limit itself is fiber's
		DefaultStatus: status,
		Responses: map[string]*huma.Response{
			strconv.Itoa(status): {Description: http.StatusText(status)},
			"default":            s.problemResponse(0, "Anything else that went wrong"),
		},
	}
	if r.access != public {
		op.Security = []map[string][]string{{"bearer": {}}, {"cookie": {}}}
		s.refuse(&op, http.StatusUnauthorized, http.StatusServiceUnavailable)
	}
	if r.access > member {
		s.refuse(&op, http.StatusForbidden)
	}
	if strings.Contains(r.path, "{") {
		s.refuse(&op, http.StatusNotFound)
	}
	if !safeMethod(r.method) {
		s.refuse(&op, http.StatusForbidden, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
	}
	return op
}

// refuse describes errors of an operation.
func (s *Server) refuse(op *huma.Operation, statuses ...int) {
	for _, status := range statuses {
		op.Responses[strconv.Itoa(status)] = s.problemResponse(status, http.StatusText(status))
	}
}

// problemResponse is one for all operations: it says the same of each.
func (s *Server) problemResponse(status int, description string) *huma.Response {
	if known := s.problems[status]; known != nil {
		return known
	}
	problem := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	response := &huma.Response{Description: description, Content: map[string]*huma.MediaType{fiber.MIMEApplicationJSON: {Schema: problem}}}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		response.Headers = map[string]*huma.Param{fiber.HeaderRetryAfter: {
			Description: "In how many seconds to try again", Required: true, Schema: &huma.Schema{Type: huma.TypeInteger},
		}}
	}
	s.problems[status] = response
	return response
}

// operationID is the route's name in generated clients: "get-channels-by-id".
func operationID(r route) string {
	name := strings.ToLower(r.method) + strings.TrimPrefix(r.path, "/api")
	return strings.NewReplacer("/{", "-by-", "/", "-", "}", "", ".", "-").Replace(name)
}

// pattern is the route's path as fiber has it.
func (r route) pattern() string { return strings.NewReplacer("{", ":", "}", "").Replace(r.path) }

// answering describes the JSON that a raw handler answers.
func answering[O any](register registration) registration {
	return func(s *Server, app *fiber.App, r route) {
		register(s, app, r)
		op := r.described(s.api)
		schema := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[O](), true, "")
		op.Responses[strconv.Itoa(op.DefaultStatus)].Content = map[string]*huma.MediaType{fiber.MIMEApplicationJSON: {Schema: schema}}
	}
}

// answers describes the usual answer of a raw handler, which is of that media type or range of types.
func answers(mediaType string, register registration) registration {
	return func(s *Server, app *fiber.App, r route) {
		register(s, app, r)
		op := r.described(s.api)
		op.Responses[strconv.Itoa(op.DefaultStatus)].Content = map[string]*huma.MediaType{mediaType: {}}
	}
}

// servesContent is answers for what browsers ask for in ranges, and keep: RFC 9110, sections 14 and 13.
func servesContent(mediaType string, register registration) registration {
	register = alsoAnswers(http.StatusPartialContent, answers(mediaType, register))
	return func(s *Server, app *fiber.App, r route) {
		register(s, app, r)
		r.described(s.api).Responses[strconv.Itoa(http.StatusNotModified)] = &huma.Response{Description: http.StatusText(http.StatusNotModified)}
	}
}

// openAPIType is the media type of the description: https://spec.openapis.org/oas/v3.1.0.
const openAPIType = "application/openapi+json"

// takingFile registers a handler that takes a form with a file in it.
func takingFile(register registration) registration {
	return streaming(func(s *Server, app *fiber.App, r route) {
		register(s, app, r)
		s.refuse(r.described(s.api), http.StatusTooManyRequests)
		r.described(s.api).RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			fiber.MIMEMultipartForm: {Schema: &huma.Schema{Type: huma.TypeObject, Required: []string{"file"}, Properties: map[string]*huma.Schema{
				"file": {Type: huma.TypeString, Format: "binary"},
			}}},
		}}
	})
}

// describeAPI is the OpenAPI document of all routes.
func (s *Server) describeAPI(c *fiber.Ctx) error {
	document, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, openAPIType)
	return c.Send(document)
}

// optional is a number in the query that may be left out, which huma's parameters otherwise cannot tell from zero.
type optional struct {
	parsed int64
	value  *int64 // nil when left out
}

// Schema is that of the number.
func (optional) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[int64]())
}

// Receiver is where huma puts the number.
func (o *optional) Receiver() reflect.Value { return reflect.ValueOf(&o.parsed).Elem() }

// OnParamSet is told whether there was one.
func (o *optional) OnParamSet(isSet bool, _ any) {
	if isSet {
		o.value = &o.parsed
	}
}
