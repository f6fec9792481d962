package store

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ruled are the signs of a rule about who may what, and notRules what looks like one: checks of input, how accounts are
// made, and the refusal of requests of other sites.
var (
	ruled    = regexp.MustCompile(`\bforbidden\(|\bForbidden,|'guest'|[!=]= (store\.)?(Guest|Admin|Owner)\b`)
	notRules = []string{
		`if r := change.Role; r != nil && *r != Owner && *r != Admin && *r != Member && *r != Guest {`,
		`if p.Role != Admin && p.Role != Member && p.Role != Guest {`,
		`if err != nil || a.Role == Guest {`,
		`return newProblem(store.Forbidden, "This request came from another site.")`,
		`return identity{}, newProblem(store.Forbidden, "This request came from another site.")`,
	}
)

// Who may what is said in access.go alone: a rule elsewhere could say something else.
func TestRulesOfAccessAreInOnePlace(t *testing.T) {
	for _, folder := range []string{".", "../chat"} {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(files, err)
		}
		for _, file := range files {
			if file == "access.go" || strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i, line := range strings.Split(string(source), "\n") {
				code, _, _ := strings.Cut(line, "//")
				if ruled.MatchString(code) && !slices.Contains(notRules, strings.TrimSpace(line)) {
					t.Errorf("%s:%d: a rule about who may what: it belongs in store/access.go\n%s", file, i+1, line)
				}
			}
		}
	}
}
