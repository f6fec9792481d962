package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestVersionsAreOrderedByTheirNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.IntRange(0, 1000)
		a, b := [2]int{part.Draw(t, "a"), part.Draw(t, "a")}, [2]int{part.Draw(t, "b"), part.Draw(t, "b")}
		suffix := rapid.SampledFrom([]string{"", "beta1", "rc2", "devel", ".7"})
		text := func(v [2]int, name string) string { return fmt.Sprintf("%d.%d%s", v[0], v[1], suffix.Draw(t, name)) }
		want := 0
		for i := range a {
			if a[i] != b[i] {
				want = map[bool]int{true: -1, false: 1}[a[i] < b[i]]
				break
			}
		}
		x, y := text(a, "suffix of a"), text(b, "suffix of b")
		if got := compareVersions(x, y); want != 0 && got != want {
			t.Errorf("compareVersions(%q, %q) = %d, want %d", x, y, got, want)
		}
		if compareVersions(x, y) != -compareVersions(y, x) {
			t.Errorf("the order of %q and %q depends on who is first", x, y)
		}
	})
}

func FuzzClusterMajor(f *testing.F) {
	for _, seed := range []string{"15\n", "9.6", "", "\x00", "99999999999999999999", "-15", "15\r\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "PG_VERSION"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		major, exists, err := clusterMajor(dir)
		if exists != (err == nil) || exists != (major > 0) {
			t.Errorf("clusterMajor of %q: %d %v %v", text, major, exists, err)
		}
		if exists && !strings.HasPrefix(strings.TrimLeft(strings.TrimSpace(text), "0"), fmt.Sprint(major)) {
			t.Errorf("clusterMajor of %q is %d", text, major)
		}
	})
}

func FuzzParseLock(f *testing.F) {
	for _, seed := range []string{"123\n/data/postgres\n1700000000\n5432\n", "-123\n/data\n", "", "\n\n", "12x\n/d", "123", "--5\n/", "99999999999999999999\n/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pid, dir := parseLock(text)
		// A negative number would be a process group, for kill(2).
		if pid < 0 || pid > 0 && !strings.Contains(text, "\n"+dir) || pid == 0 && dir != "" && !strings.Contains(text, "0") {
			t.Errorf("parseLock(%q) = %d %q", text, pid, dir)
		}
	})
}

func FuzzReasonIn(f *testing.F) {
	f.Add("creating directory ... ok\ninitdb: error: no space\ninitdb: removing data directory\n")
	f.Add("\n\n \t\n")
	f.Fuzz(func(t *testing.T, output string) {
		reason := reasonIn(output)
		if strings.Contains(reason, "\n") || !strings.Contains(output, reason) {
			t.Errorf("reasonIn(%q) = %q, want one of its lines", output, reason)
		}
		if reason == "" && strings.TrimSpace(output) != "" {
			t.Errorf("reasonIn(%q) is empty", output)
		}
	})
}

func TestListItemsAreQuoted(t *testing.T) {
	for item, want := range map[string]string{`/run/snug`: `"/run/snug"`, `/a "b", c`: `"/a ""b"", c"`} {
		if got := quoteListItem(item); got != want {
			t.Errorf("quoteListItem(%q) = %q, want %q", item, got, want)
		}
	}
}

func TestKernelSince58(t *testing.T) {
	for release, want := range map[string]bool{
		"4.4.0": false, "5.7.19-generic": false, "5.8": true, "5.10.0-28-amd64": true, "6.1.0": true, "10.0": true, "": false, "rolling": false,
	} {
		if got := kernelSince58(release); got != want {
			t.Errorf("kernelSince58(%q) = %v", release, got)
		}
	}
}
