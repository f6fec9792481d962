package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

// repository is the folder of the whole project.
var repository = filepath.Join("..", "..")

// published are the files that people read or run, as paths from here: the pages, the compose files, the manifests.
func published(t *testing.T, extensions ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repository, "*"))
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(filepath.Join(repository, "docs"), func(path string, _ fs.DirEntry, err error) error {
		files = append(files, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(path string) bool { return !slices.Contains(extensions, filepath.Ext(path)) })
	if len(files) == 0 {
		t.Fatalf("no file ends in %q", extensions)
	}
	return files
}

func readText(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// link is a link or a picture in Markdown, with its target.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestDocsLinksResolve(t *testing.T) {
	for _, page := range published(t, ".md") {
		for _, found := range link.FindAllStringSubmatch(readText(t, page), -1) {
			if strings.Contains(found[1], "://") || strings.HasPrefix(found[1], "mailto:") {
				continue
			}
			path, heading, _ := strings.Cut(found[1], "#")
			target := page
			if path != "" {
				target = filepath.Join(filepath.Dir(page), path)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page, found[1], err)
			} else if heading != "" && !slices.Contains(headings(readText(t, target)), heading) {
				t.Errorf("%s links to %s, and there is no such heading", page, found[1])
			}
		}
	}
}

// headings are the names by which the headings of a page can be linked to: small letters and digits, a dash for a space.
func headings(page string) []string {
	var names []string
	for _, line := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(page, -1) {
		name := regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(line[1]), "")
		names = append(names, strings.ReplaceAll(name, " ", "-"))
	}
	return names
}

// toldSettings are variables that Snug sets for services of the user's own, see docs/services.md.
var toldSettings = []string{"SNUG_URL"}

func TestDocsNameKnownSettings(t *testing.T) {
	known := append(settingNames(), toldSettings...)
	for _, path := range published(t, ".md", ".yaml", ".conf", ".service", ".container", ".xml") {
		for _, name := range regexp.MustCompile(`\bSNUG_[A-Z0-9_]*[A-Z0-9]`).FindAllString(readText(t, path), -1) {
			if !slices.Contains(known, strings.TrimSuffix(name, "_FILE")) {
				t.Errorf("%s names %s, which is no setting", path, name)
			}
		}
	}
}

// yamlBlock is an example in a page.
var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func TestDocsYAMLParses(t *testing.T) {
	for _, path := range published(t, ".yaml") {
		checkYAML(t, path, readText(t, path))
	}
	for _, path := range published(t, ".md") {
		for _, block := range yamlBlock.FindAllStringSubmatch(readText(t, path), -1) {
			checkYAML(t, path, block[1])
		}
	}
}

func checkYAML(t *testing.T, path, text string) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.SetStrict(true) // no key twice
	for {
		var document map[string]any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil || len(document) == 0 {
			t.Errorf("%s: %v in\n%s", path, err, text)
			return
		}
	}
}
