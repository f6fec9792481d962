package servicefile

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

const page = "../../docs/services.md"

func TestExamplesOfThePageLoad(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, match := range regexp.MustCompile("(?s)`services.d/([a-z]+.toml)`[^`].*?```toml\n(.*?)```").FindAllSubmatch(text, -1) {
		files[string(match[1])] = string(match[2])
	}
	services, errs := loadFiles(t, files)
	if len(services) != 2 || len(errs) > 0 {
		t.Errorf("%d services, errors %q, from %v", len(services), errs, files)
	}
}

// TestEveryFieldIsOnThePage walks the fields as the decoder does.
func TestEveryFieldIsOnThePage(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## All fields")
	var walk func(of reflect.Type, prefix string)
	walk = func(of reflect.Type, prefix string) {
		for _, field := range reflect.VisibleFields(of) {
			tag := field.Tag.Get("toml")
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			switch {
			case tag == "" || prefix+tag == "ready.threshold" || prefix+tag == "live.start_timeout": // which are refused
			case inner.Kind() == reflect.Struct:
				walk(inner, prefix+tag+".")
			case !strings.Contains(table, "`"+prefix+tag+"`"):
				t.Errorf("the page does not tell of %s", prefix+tag)
			}
		}
	}
	walk(reflect.TypeFor[file](), "")
}
