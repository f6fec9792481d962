package chat_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"snug/chat"
)

// sentTypes finds the types of the server's frames in its source.
var sentTypes = regexp.MustCompile(`(?:Frame\{\s*Type: *|"type":)"([a-z_]+)"`)

// The protocol's description, and the page of the API, tell of every frame there is.
func TestEveryFrameIsDocumented(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]bool{}
	for _, name := range chat.ClientFrames() {
		types[name] = true
	}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range sentTypes.FindAllStringSubmatch(string(source), -1) {
			types[m[1]] = true
		}
	}
	if len(types) < 20 {
		t.Fatalf("found only %v", types)
	}
	for file, form := range map[string]string{"../docs/protocol.md": "`%`", "docs/page.html": `{"type": "%"`} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for name := range types {
			if !strings.Contains(string(text), strings.ReplaceAll(form, "%", name)) {
				t.Errorf("%s does not tell of the frame %s", file, name)
			}
		}
	}
}
