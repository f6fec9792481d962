package chat_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"snug/chat"
	"snug/store"
	"snug/store/cache"
)

// description is what the server says of its API, and what the tests have seen of it: each answer of any test must be one
// that is described.
type description struct {
	compiler   *jsonschema.Compiler
	operations map[string]map[string]*describedOperation // by path and lower-case method

	mu       sync.Mutex
	answered map[*describedOperation]bool
}

// anywhere are the statuses that any address may answer with: of what is no request of the API's at all, and of our faults.
var anywhere = []int{
	http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusRequestTimeout, http.StatusUpgradeRequired,
	http.StatusRequestHeaderFieldsTooLarge, http.StatusInternalServerError,
}

type describedResponse struct {
	Headers map[string]any
	Content map[string]struct{ Schema json.RawMessage }
}

// has reports whether answers of the type, which may have parameters, are described.
func (r describedResponse) has(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	for described := range r.Content {
		group, any := strings.CutSuffix(strings.TrimPrefix(described, "*/"), "*")
		if described == kind || any && strings.HasPrefix(kind, group) {
			return true
		}
	}
	return false
}

type describedOperation struct {
	Responses map[string]describedResponse

	RequestBody struct {
		Content map[string]struct{ Schema json.RawMessage }
	}
	method, path string
	schemas      map[string]*jsonschema.Schema // by name of the response
	request      *jsonschema.Schema            // of JSON; nil when none is described
}

const descriptionURL = "https://snug.invalid/openapi.json"

// described reads the description once.
var described = sync.OnceValues(func() (*description, error) {
	raw, err := describeAPI()
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	d := &description{compiler: jsonschema.NewCompiler(), answered: map[*describedOperation]bool{}}
	var parsed struct {
		Paths map[string]map[string]*describedOperation
	}
	if err := json.Unmarshal(raw, &parsed); err != nil {
		return nil, err
	}
	d.operations = parsed.Paths
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(descriptionURL, document); err != nil {
		return nil, err
	}
	for path, operations := range d.operations {
		for method, op := range operations {
			op.method, op.path = method, path
			if op.schemas, err = d.compile(op); err == nil && op.RequestBody.Content["application/json"].Schema != nil {
				op.request, err = d.compiler.Compile(op.at() + "/requestBody/content/application~1json/schema")
			}
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
		}
	}
	return d, nil
})

// describeAPI is the description by a server that never runs.
func describeAPI() ([]byte, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	nowhere, err := cache.Open("redis://127.0.0.1:1")
	if err != nil {
		return nil, err
	}
	defer nowhere.Close()
	folder, err := os.MkdirTemp("", "snug-description")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	s, err := chat.New(chat.Config{Store: &store.Store{}, Cache: nowhere, Listener: listener, Files: chat.Files{Dir: folder}})
	if err != nil {
		return nil, err
	}
	return s.Description()
}

// at is where the operation is described.
func (op *describedOperation) at() string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	return descriptionURL + "#/paths/" + escape.Replace(op.path) + "/" + op.method
}

// compile makes the schemas of an operation's JSON answers.
func (d *description) compile(op *describedOperation) (map[string]*jsonschema.Schema, error) {
	schemas := map[string]*jsonschema.Schema{}
	for name, response := range op.Responses {
		if response.Content["application/json"].Schema == nil {
			continue
		}
		schema, err := d.compiler.Compile(op.at() + "/responses/" + name + "/content/application~1json/schema")
		if err != nil {
			return nil, err
		}
		schemas[name] = schema
	}
	return schemas, nil
}

// validJSON is why the text is not JSON of the schema; nil when it is.
func validJSON(schema *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// operation finds what a request is for; nil when it is for nothing that is described.
func (d *description) operation(method, path string) *describedOperation {
	segments := strings.Split(path, "/")
	var found *describedOperation
	for pattern, operations := range d.operations {
		op, parts := operations[strings.ToLower(method)], strings.Split(pattern, "/")
		if op == nil || len(parts) != len(segments) {
			continue
		}
		fits := true
		for i, part := range parts {
			fits = fits && (part == segments[i] || (strings.HasPrefix(part, "{") && segments[i] != ""))
		}
		if fits && (found == nil || strings.Count(pattern, "{") < strings.Count(found.path, "{")) {
			found = op
		}
	}
	return found
}

// isDescribed fails the test when an answer is not one that the description has.
func (a answer) isDescribed(method, address string) {
	a.t.Helper()
	d, err := described()
	if err != nil {
		a.t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		a.t.Fatal(err)
	}
	op := d.operation(method, u.Path)
	if op == nil {
		return
	}
	name := strconv.Itoa(a.status)
	response, ok := op.Responses[name]
	if !ok {
		name = "default"
		if !slices.Contains(anywhere, a.status) {
			a.t.Errorf("%s: status %d is not described: say so in the table of routes, by alsoAnswers or refuses", a.what, a.status)
		}
	}
	for header := range response.Headers {
		if a.header.Get(header) == "" {
			a.t.Errorf("%s: status %d without the header %s that is described", a.what, a.status, header)
		}
	}
	if a.status < 300 && a.header.Get("Content-Type") != "" && len(a.body) > 0 && !response.has(a.header.Get("Content-Type")) {
		a.t.Errorf("%s: the answer is %s, which is not described", a.what, a.header.Get("Content-Type"))
	}
	if schema := op.schemas[name]; schema != nil && a.header.Get("Content-Type") == "application/json" {
		if err := validJSON(schema, a.body); err != nil {
			a.t.Errorf("%s: the answer is not as described: %v\n%s", a.what, err, a.body)
		}
	}
	if op.request != nil && a.status < 300 && len(a.sent) > 0 {
		if err := validJSON(op.request, a.sent); err != nil {
			a.t.Errorf("%s: what was taken is not as described: %v\n%s", a.what, err, a.sent)
		}
	}
	if a.status < http.StatusBadRequest {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.answered[op] = true
	}
}

// wholeDescriptionSeen is an error when all tests have run, and some operation was never done.
func wholeDescriptionSeen() error {
	if cmp.Or(flag.Lookup("test.run").Value.String(), flag.Lookup("test.skip").Value.String(), flag.Lookup("test.list").Value.String()) != "" ||
		flag.Lookup("test.bench").Value.String() != "" || flag.Lookup("test.fuzz").Value.String() != "" {
		return nil
	}
	d, err := described()
	if err != nil {
		return err
	}
	var missing []string
	for _, operations := range d.operations {
		for _, op := range operations {
			if _, upgrade := op.Responses["101"]; !d.answered[op] && !upgrade { // a socket has tests of its own
				missing = append(missing, strings.ToUpper(op.method)+" "+op.path)
			}
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		return fmt.Errorf("no test has had an answer of %s", strings.Join(missing, ", "))
	}
	return nil
}
