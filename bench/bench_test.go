package main

import (
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain lets this program be its own peers, as the program bench is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "peer" {
		main()
		return
	}
	os.Exit(m.Run())
}

// Each load runs for a moment on each side, so that what `make bench` measures does not rot. Times are not looked at.
func TestEachSideTakesEachLoad(t *testing.T) {
	program := filepath.Join(t.TempDir(), "snug")
	if out, err := exec.Command("go", "build", "-o", program, "snug/cmd/snug").CombinedOutput(); err != nil {
		t.Fatalf("build snug: %v\n%s", err, out)
	}
	p := plan{program: program, part: allParts, rounds: 1, lasting: 200 * time.Millisecond, settle: time.Millisecond, readers: 40, writers: 32}
	found, err := p.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range found.Loads {
		if r := m.Rounds[0]; r.Deliveries == 0 || r.Messages == 0 {
			t.Errorf("%s, %s: %v", m.Load, m.Side, r)
		}
	}
	for _, h := range found.Memory {
		if h.PSS == 0 || h.RSS < h.PSS {
			t.Errorf("%s, %s: %+v", h.When, h.Side, h)
		}
	}
	docs := t.TempDir()
	page, err := os.ReadFile("../docs/performance.md")
	if err == nil {
		err = os.WriteFile(filepath.Join(docs, "performance.md"), page, 0o644)
	}
	if err == nil {
		err = write(docs, found.sections())
	}
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, docs)
	written, err := os.ReadFile(filepath.Join(docs, "performance.md"))
	for _, want := range []string{"| Snug |", "| fasthttp/websocket |", "| 16 | an insert each |"} {
		if err != nil || strings.Count(string(written), want) == 0 {
			t.Errorf("the page has no row %q: %v", want, err)
		}
	}
}

// wellFormed wants the plots of a folder to be XML.
func wellFormed(t *testing.T, dir string) {
	t.Helper()
	plots, _ := filepath.Glob(filepath.Join(dir, "*.svg"))
	if len(plots) == 0 {
		t.Error("there are no plots")
	}
	for _, path := range plots {
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		for decoder := xml.NewDecoder(file); err == nil; {
			_, err = decoder.Token()
		}
		if err != io.EOF {
			t.Errorf("%s: %v", filepath.Base(path), err)
		}
	}
}

func TestTheTableOfAMillion(t *testing.T) {
	s, err := millionTable("goos: linux\nBenchmarkMillion/history_newest-2 \t 500\t 2000 ns/op\t 0.41 p50-ms\t 1.90 p99-ms\nPASS\n")
	if err != nil || !strings.Contains(s.text, "| history newest | 0.41 | 1.90 |") {
		t.Errorf("%v: %s", err, s.text)
	}
	if _, err := millionTable("PASS"); err == nil {
		t.Error("a file without such lines is taken")
	}
}
