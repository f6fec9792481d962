package chat_test

import (
	"bytes"
	_ "embed"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// openAPISchema is what the specification says documents look like: https://spec.openapis.org/oas/3.1/schema/2022-10-07.
//
//go:embed testdata/openapi-3.1.schema.json
var openAPISchema []byte

// The description is a valid OpenAPI 3.1 document.
func TestTheDescriptionIsValidOpenAPI(t *testing.T) {
	raw, err := describeAPI()
	if err != nil {
		t.Fatal(err)
	}
	check := func(document []byte) error {
		rules, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPISchema))
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		const address = "https://snug.invalid/openapi-3.1.schema.json"
		if err := compiler.AddResource(address, rules); err != nil {
			t.Fatal(err)
		}
		schema, err := compiler.Compile(address)
		if err != nil {
			t.Fatal(err)
		}
		return schema.Validate(value)
	}
	if err := check(raw); err != nil {
		t.Error(err)
	}
	for _, wrong := range [][2]string{{`"openapi":"3.1.0"`, `"openapi":"3.0.0"`}, {`"operationId"`, `"operation"`}, {`"in":"path"`, `"in":"trail"`}} {
		if broken := bytes.ReplaceAll(raw, []byte(wrong[0]), []byte(wrong[1])); check(broken) == nil {
			t.Errorf("a document with %s is taken for a good one", wrong[1])
		}
	}
}
