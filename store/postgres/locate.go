package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// MinimumMajor is the oldest PostgreSQL that Snug runs: the first with client_connection_check_interval.
const MinimumMajor = 14

// ErrNotFound means that no usable PostgreSQL is on this machine, neither installed nor fetched earlier.
var ErrNotFound = errors.New("no PostgreSQL found: install it with your package manager, " +
	"or set SNUG_POSTGRES_BIN to the folder of its programs")

// Binaries are the programs of one installed PostgreSQL.
type Binaries struct {
	Dir     string // the folder that holds postgres, initdb and pg_ctl
	Version string // what `postgres --version` says, such as "15.18" or "18beta1"
	Major   int
}

func (b Binaries) program(name string) string { return filepath.Join(b.Dir, name) }

func (b Binaries) String() string { return fmt.Sprintf("PostgreSQL %s in %s", b.Version, b.Dir) }

// SystemDirs are the folders where a package manager puts PostgreSQL: Debian's /usr/lib/postgresql/*/bin, the
// newest first, then wherever PATH finds the program.
func SystemDirs() []string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed: no error is possible
	slices.SortStableFunc(dirs, func(a, b string) int {
		return cmp.Compare(leadingNumber(filepath.Base(filepath.Dir(b))), leadingNumber(filepath.Base(filepath.Dir(a))))
	})
	if program, err := exec.LookPath("postgres"); err == nil {
		// PATH often has a link: initdb and pg_ctl lie beside what it points to.
		if target, err := filepath.EvalSymlinks(program); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	return dirs
}

// Locate finds the programs to run the cluster with, and downloads nothing. For a cluster that exists they are
// the newest of its major version, since PostgreSQL opens no other's files; for a new one, in this order: those
// of Config.BinDir, installed ones, those fetched earlier. An error wraps ErrNotFound when there are none at all.
func Locate(cfg Config) (Binaries, error) {
	found, err := cfg.candidates()
	if err != nil {
		return Binaries{}, err
	}
	major, exists, err := clusterMajor(cfg.Dir)
	if err != nil {
		return Binaries{}, err
	}
	if len(found) == 0 {
		return Binaries{}, ErrNotFound
	}
	if !exists {
		return found[0], nil
	}
	fitting := slices.DeleteFunc(slices.Clone(found), func(b Binaries) bool { return b.Major != major })
	if len(fitting) == 0 {
		return Binaries{}, wrongMajorError(cfg.Dir, major, found)
	}
	// MaxFunc returns the first of equals: the order of preference decides between them.
	return slices.MaxFunc(fitting, func(a, b Binaries) int { return compareVersions(a.Version, b.Version) }), nil
}

func wrongMajorError(dir string, major int, found []Binaries) error {
	names := make([]string, len(found))
	for i, b := range found {
		names[i] = b.String()
	}
	return fmt.Errorf("the cluster %s was made by PostgreSQL %d, but only this was found: %s. "+
		"Nothing was changed. Install PostgreSQL %d again (Debian: postgresql-%d) or set SNUG_POSTGRES_BIN to its programs; "+
		"to upgrade the cluster to a newer one, use pg_upgrade: https://www.postgresql.org/docs/current/pgupgrade.html",
		dir, major, strings.Join(slices.Compact(names), "; "), major, major)
}

// candidates returns the usable programs on this machine, in order of preference.
func (c Config) candidates() ([]Binaries, error) {
	var found []Binaries
	if c.BinDir != "" {
		b, err := inspect(c.BinDir)
		if err != nil {
			return nil, fmt.Errorf("SNUG_POSTGRES_BIN=%s: %w", c.BinDir, err)
		}
		found = append(found, b)
	}
	dirs := c.SearchDirs
	if dirs == nil {
		dirs = SystemDirs()
	}
	for _, dir := range append(slices.Clone(dirs), c.fetchedDirs()...) {
		b, err := inspect(dir)
		if err != nil {
			c.logger().Debug("skipped a PostgreSQL", "dir", dir, "reason", err)
			continue
		}
		found = append(found, b)
	}
	return found, nil
}

// fetchedDirs returns the program folders that earlier starts fetched, the newest first.
func (c Config) fetchedDirs() []string {
	entries, err := os.ReadDir(c.FetchedDir)
	if err != nil {
		return nil
	}
	var versions []string
	for _, entry := range entries {
		if leadingNumber(entry.Name()) > 0 {
			versions = append(versions, entry.Name())
		}
	}
	slices.SortFunc(versions, func(a, b string) int { return compareVersions(b, a) })
	for i, version := range versions {
		versions[i] = filepath.Join(c.FetchedDir, version, "bin")
	}
	return versions
}

var versionLine = regexp.MustCompile(`^postgres \(PostgreSQL\) (([0-9]+)\S*)`)

// inspect asks the programs in dir what they are.
func inspect(dir string) (Binaries, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Binaries{}, err
	}
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return Binaries{}, fmt.Errorf("the folder must hold the programs postgres, initdb and pg_ctl: %w", err)
		}
	}
	out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("run postgres --version: %w%s", err, lastLineOf(err))
	}
	match := versionLine.FindStringSubmatch(string(out))
	if match == nil {
		return Binaries{}, fmt.Errorf("postgres --version answers %q, not a version of PostgreSQL", strings.TrimSpace(string(out)))
	}
	major, err := strconv.Atoi(match[2])
	if err != nil || major < MinimumMajor {
		return Binaries{}, fmt.Errorf("PostgreSQL %s is too old: %d or later is needed", match[1], MinimumMajor)
	}
	return Binaries{Dir: dir, Version: match[1], Major: major}, nil
}

// lastLineOf returns ": " and the last line that a failed program wrote to standard error, or "".
func lastLineOf(err error) string {
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(exit.Stderr)), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return ": " + last
	}
	return ""
}

// clusterMajor reads which major version of PostgreSQL made the cluster dir; exists is false when there is none.
func clusterMajor(dir string) (major int, exists bool, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("read the cluster's version: %w", err)
	}
	// Until version 9.6 the file had two numbers, such as "9.6".
	version := strings.TrimSpace(string(text))
	major = leadingNumber(version)
	if major == 0 {
		return 0, false, fmt.Errorf("%s holds %q, which is no version of PostgreSQL: the cluster is damaged; "+
			"restore it from a backup", filepath.Join(dir, "PG_VERSION"), version)
	}
	return major, true, nil
}

// compareVersions orders versions such as "9.6.24", "15.2", "15.10" and "18beta1" by their numbers.
func compareVersions(a, b string) int {
	numbers := func(s string) []int {
		var ns []int
		for _, part := range strings.Split(s, ".") {
			ns = append(ns, leadingNumber(part))
		}
		return ns
	}
	return slices.Compare(numbers(a), numbers(b))
}

// leadingNumber returns the decimal number that s begins with, or 0.
func leadingNumber(s string) int {
	end := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(s)
	}
	n, err := strconv.Atoi(s[:end])
	if err != nil {
		return 0
	}
	return n
}
