package supervisor

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDiagramIsTheTable compares the state diagram in the documentation with the transitions in the code.
func TestDiagramIsTheTable(t *testing.T) {
	page, err := os.ReadFile("../docs/supervisor.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[State][]State{}
	for _, edge := range regexp.MustCompile(`(?m)^ +(\w+) --> (\w+)$`).FindAllSubmatch(page, -1) {
		from := State(edge[1])
		drawn[from] = append(drawn[from], State(edge[2]))
	}
	sorted := map[State][]State{}
	for from, to := range transitions {
		sorted[from] = slices.Sorted(slices.Values(to))
	}
	for from := range drawn {
		slices.Sort(drawn[from])
	}
	if diff := cmp.Diff(sorted, drawn); diff != "" {
		t.Errorf("in the code (-) and in the diagram (+):\n%s", diff)
	}
}

// TestFilesOfTheDocumentationExist follows the table of files.
func TestFilesOfTheDocumentationExist(t *testing.T) {
	page, err := os.ReadFile("../docs/supervisor.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(\\w+(?:\\.go|/))`").FindAllSubmatch(page, -1) {
		if _, err := os.Stat(string(name[1])); err != nil && string(name[1]) != "supervisor/" {
			t.Error(err)
		}
	}
}
