package web

import (
	"fmt"
	"io/fs"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestModel runs the tests of the modules that know no DOM with node's own test runner. Node tells modules from other
// scripts by itself since 20.19: https://nodejs.org/docs/latest-v20.x/api/packages.html#syntax-detection.
func TestModel(t *testing.T) {
	version, err := exec.CommandContext(t.Context(), "node", "--version").Output()
	var major, minor int
	if err == nil {
		_, err = fmt.Sscanf(string(version), "v%d.%d", &major, &minor)
	}
	if err != nil || major < 20 || (major == 20 && minor < 19) {
		t.Skipf("node 20.19 or newer is not here (%s, %v): the client's model is tested only through the browser", version, err)
	}
	tests, err := filepath.Glob("test/*.test.js")
	if err != nil || len(tests) == 0 {
		t.Fatalf("tests: %v, %v", tests, err)
	}
	if out, err := exec.CommandContext(t.Context(), "node", append([]string{"--test"}, tests...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// files are the embedded files of a folder with that suffix, as the addresses they are served at.
func files(t *testing.T, folder, suffix string) []string {
	t.Helper()
	var found []string
	err := fs.WalkDir(Files, folder, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, suffix) {
			found = append(found, "/"+path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func read(t *testing.T, address string) string {
	t.Helper()
	content, err := fs.ReadFile(Files, strings.TrimPrefix(address, "/"))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// matches are the first groups of all matches, sorted.
func matches(pattern, text string) []string {
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	slices.Sort(found)
	return found
}

// A stylesheet that the page does not name is without effect, and a module that it does not name is fetched late.
func TestPageNamesAllStylesheetsAndModules(t *testing.T) {
	page := read(t, "/index.html")
	if got, want := matches(`rel="stylesheet" href="([^"]+)"`, page), files(t, "css", ".css"); !slices.Equal(got, want) {
		t.Errorf("the page has the stylesheets\n%v\nand there are\n%v", got, want)
	}
	modules := append(matches(`rel="modulepreload" href="([^"]+)"`, page), matches(`script type="module" src="([^"]+)"`, page)...)
	slices.Sort(modules)
	if want := files(t, "js", ".js"); !slices.Equal(modules, want) {
		t.Errorf("the page has the modules\n%v\nand there are\n%v", modules, want)
	}
}

// What the policy that the pages are served with would refuse, a browser without it would run.
func TestPageHasNothingInline(t *testing.T) {
	page := read(t, "/index.html")
	for _, inline := range []string{`<style`, `\sstyle=`, `\son\w+=`, `<script(?:\s+type="\w+")?>`, `javascript:`, `data:`} {
		if found := regexp.MustCompile(inline).FindString(page); found != "" {
			t.Errorf("index.html has %q", found)
		}
	}
}

// addresses are what a source names of the client's files: the page and the modules from the root, the others from where
// they are.
func addresses(t *testing.T, source string) []string {
	t.Helper()
	text := read(t, source)
	found := matches(`["`+"`"+`](/(?:icons|css|js)/[^"#$]+)`, text)
	relative := matches(`url\("([^"]+)"\)`, text)
	if strings.HasSuffix(source, ".webmanifest") {
		relative = matches(`"src": "([^"]+)"`, text)
	}
	for _, address := range relative {
		found = append(found, path.Join(path.Dir(source), address))
	}
	return found
}

func TestAddressesExist(t *testing.T) {
	sources := []string{"/index.html", "/manifest.webmanifest"}
	sources = append(sources, files(t, "css", ".css")...)
	sources = append(sources, files(t, "js", ".js")...)
	count := 0
	for _, source := range sources {
		for _, address := range addresses(t, source) {
			count++
			if _, err := fs.Stat(Files, strings.TrimPrefix(address, "/")); err != nil {
				t.Errorf("%s names %s: %v", source, address, err)
			}
		}
	}
	if count < 60 {
		t.Errorf("only %d addresses were found", count)
	}
	for _, module := range files(t, "js", ".js") {
		for _, name := range matches(`icon\("(\w+)"\)`, read(t, module)) {
			if !strings.Contains(read(t, "/icons/icons.svg"), `id="`+name+`"`) {
				t.Errorf("%s shows the icon %q, which icons.svg does not have", module, name)
			}
		}
	}
}

// The client may be served below a path. Only the page has addresses from the root, where the server puts that before.
func TestNothingButThePageIsAtTheRoot(t *testing.T) {
	rooted := regexp.MustCompile(`(?:href|src)(?:: | = )["` + "`" + `]/|url\(["']?/|"(?:start_url|scope|src)": "/|fetch\(["` + "`" + `]/|State\(.*, ["` + "`" + `]/`)
	sources := append(files(t, "css", ".css"), files(t, "js", ".js")...)
	for _, source := range append(sources, "/manifest.webmanifest") {
		if found := rooted.FindString(read(t, source)); found != "" {
			t.Errorf("%s has %s, an address from the root", source, found)
		}
	}
}

func TestTestsAreNotServed(t *testing.T) {
	if tests := files(t, ".", ".test.js"); len(tests) > 0 {
		t.Errorf("embedded: %v", tests)
	}
}
