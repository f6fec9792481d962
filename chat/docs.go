package chat

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
)

// The page that shows the API to people. It is made here, of the same description that programs get: it needs no script,
// and nothing from elsewhere.
var (
	//go:embed docs/page.html
	docsPage string
	//go:embed docs/page.css
	docsStyle []byte
)

// docsOperation is one call as the page shows it.
type docsOperation struct {
	ID, Method, Path, Summary, Description, Access string
	Parameters                                     []docsParameter
	RequestType, ResponseType                      string // media types; empty for none, and for JSON
	Request, Response                              string // JSON with types in the place of values; empty when there is none
	Status                                         string
	Also, Errors                                   []docsStatus // further answers, and what may be wrong
}

type docsStatus struct{ Status, Text string }

type docsParameter struct{ Name, In, Type, Description string }

// renderDocs makes the page of all routes.
func renderDocs(api *huma.OpenAPI, base string) ([]byte, error) {
	page, err := template.New("docs").Parse(docsPage)
	if err != nil {
		return nil, fmt.Errorf("parse the page of the API: %w", err)
	}
	data := struct {
		Version, Base string
		Operations    []docsOperation
	}{Version: api.Info.Version, Base: base}
	for _, r := range routes() {
		data.Operations = append(data.Operations, documented(api, r))
	}
	var out bytes.Buffer
	if err := page.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("make the page of the API: %w", err)
	}
	return out.Bytes(), nil
}

// documented finds what the API's description says of a route.
func documented(api *huma.OpenAPI, r route) docsOperation {
	item := api.Paths[r.path]
	op := map[string]*huma.Operation{
		"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "PUT": item.Put, "DELETE": item.Delete,
	}[r.method]
	d := docsOperation{
		ID: op.OperationID, Method: r.method, Path: r.path, Summary: op.Summary, Description: op.Description,
		Access: accessNames[r.access],
	}
	for _, p := range op.Parameters {
		d.Parameters = append(d.Parameters, docsParameter{Name: p.Name, In: p.In, Type: p.Schema.Type, Description: p.Description})
	}
	schemas := api.Components.Schemas
	if op.RequestBody != nil {
		d.Request, d.RequestType = outlineContent(schemas, op.RequestBody.Content)
	}
	d.Status = strconv.Itoa(op.DefaultStatus)
	d.Response, d.ResponseType = outlineContent(schemas, op.Responses[d.Status].Content)
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		switch described := (docsStatus{status, op.Responses[status].Description}); {
		case status == "default", status == d.Status:
		case status < "400":
			d.Also = append(d.Also, described)
		default:
			d.Errors = append(d.Errors, described)
		}
	}
	return d
}

// accessNames say who may use a route.
var accessNames = map[access]string{
	public: "For everybody.", member: "For those who are logged in.", notGuest: "For all but guests.",
	admin: "For owners and admins.", owner: "For owners.",
}

// outlineContent is the form of JSON, or else the media type of what it is.
func outlineContent(schemas huma.Registry, content map[string]*huma.MediaType) (form, mediaType string) {
	for mediaType, media := range content {
		if media.Schema != nil {
			form = outline(schemas, media.Schema, "")
		}
		if mediaType != fiber.MIMEApplicationJSON {
			return form, mediaType
		}
	}
	return form, ""
}

// outline is a schema in the form of what it describes.
func outline(schemas huma.Registry, s *huma.Schema, indent string) string {
	if s == nil {
		return ""
	}
	if s.Ref != "" {
		s = schemas.SchemaFromRef(s.Ref)
	}
	switch {
	case s.Type == huma.TypeArray:
		return "[" + outline(schemas, s.Items, indent) + ", …]"
	case s.Type == huma.TypeObject && len(s.Properties) > 0:
		return outlineFields(schemas, s, indent)
	case s.Type == huma.TypeObject:
		return "{…}"
	case len(s.Enum) > 0:
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprintf("%q", v)
		}
		return strings.Join(values, " or ")
	case s.Format != "" && s.Type == huma.TypeString:
		return s.Format
	}
	return s.Type
}

func outlineFields(schemas huma.Registry, s *huma.Schema, indent string) string {
	required := map[string]bool{}
	for _, name := range s.Required {
		required[name] = true
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return names[i] < names[j] })
	var out strings.Builder
	out.WriteString("{\n")
	for _, name := range names {
		field := s.Properties[name]
		fmt.Fprintf(&out, "%s  %q: %s", indent, name, outline(schemas, field, indent+"  "))
		if !required[name] {
			out.WriteString(" (optional)")
		}
		if field.Description != "" {
			out.WriteString("  — " + field.Description)
		}
		out.WriteString("\n")
	}
	out.WriteString(indent + "}")
	return out.String()
}

func (s *Server) showDocs(c *fiber.Ctx) error {
	page, err := s.docs()
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, contentTypes[".html"])
	return c.Send(page)
}

func (s *Server) styleDocs(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, contentTypes[".css"])
	return c.Send(docsStyle)
}
