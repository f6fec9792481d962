package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"snug/store/postgres"
	"snug/store/postgres/postgrestest"
)

// fakePrograms makes a folder of programs that say they are of a version, such as "15.2".
func fakePrograms(t *testing.T, dir, version string) string {
	t.Helper()
	makeFolder(t, dir)
	for _, name := range []string{"initdb", "pg_ctl"} {
		writeFile(t, filepath.Join(dir, name), "#!/bin/sh\n", 0o755)
	}
	writeFile(t, filepath.Join(dir, "postgres"), fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version), 0o755)
	return dir
}

// machine is what is on a machine, by version; "" is nothing.
type machine struct {
	bin       string   // in SNUG_POSTGRES_BIN
	installed []string // best first
	fetched   []string
	cluster   string // its PG_VERSION
}

func (m machine) config(t *testing.T) postgres.Config {
	t.Helper()
	root := postgrestest.TempDir(t)
	cfg := configIn(t, root)
	cfg.BinDir, cfg.SearchDirs = "", []string{filepath.Join(root, "absent")}
	if m.bin != "" {
		cfg.BinDir = fakePrograms(t, filepath.Join(root, "setting"), m.bin)
	}
	for i, version := range m.installed {
		cfg.SearchDirs = append(cfg.SearchDirs, fakePrograms(t, filepath.Join(root, "installed", fmt.Sprint(i)), version))
	}
	for _, version := range m.fetched {
		fakePrograms(t, filepath.Join(cfg.FetchedDir, version, "bin"), version)
	}
	fakePrograms(t, filepath.Join(cfg.FetchedDir, ".fetching", "programs", "bin"), "99.9") // not whole yet
	if m.cluster != "" {
		clusterOf(m.cluster)(t, &cfg)
	}
	return cfg
}

func TestLocate(t *testing.T) {
	for name, tt := range map[string]struct {
		machine
		want string // the version found
	}{
		"nothing":                              {machine{}, ""},
		"the setting before what is installed": {machine{bin: "15.1", installed: []string{"17.2"}, fetched: []string{"18.3"}}, "15.1"},
		"installed before fetched":             {machine{installed: []string{"15.1"}, fetched: []string{"18.3"}}, "15.1"},
		"the first of those installed":         {machine{installed: []string{"17.2", "15.9"}}, "17.2"},
		"the newest of those fetched":          {machine{fetched: []string{"18.3", "18.10", "9.6"}}, "18.10"},
		"too old is passed over":               {machine{installed: []string{"13.20"}, fetched: []string{"18.3"}}, "18.3"},
		"only too old":                         {machine{installed: []string{"13.20", "9.6.24"}}, ""},
		"a beta":                               {machine{installed: []string{"19beta1"}}, "19beta1"},
		"Debian's version line":                {machine{installed: []string{"15.18 (Debian 15.18-0+deb12u1)"}}, "15.18"},
		"the cluster's major before the setting": {
			machine{bin: "17.2", installed: []string{"15.9"}, cluster: "15"}, "15.9"},
		"the cluster's major though fetched": {
			machine{installed: []string{"17.2", "15.9"}, fetched: []string{"18.3"}, cluster: "18"}, "18.3"},
		"the newest of the cluster's major": {
			machine{bin: "15.2", installed: []string{"17.2", "15.9"}, fetched: []string{"15.13"}, cluster: "15"}, "15.13"},
		"the setting when equally new": {machine{bin: "15.2", installed: []string{"15.2"}, cluster: "15"}, "15.2"},
		"none of the cluster's major": {
			machine{bin: "17.2", installed: []string{"16.1"}, fetched: []string{"18.3"}, cluster: "15"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := postgres.Locate(tt.config(t))
			if found.Version != tt.want || (err == nil) != (tt.want != "") {
				t.Fatalf("Locate finds %v, %v; want version %q", found, err, tt.want)
			}
			if none := tt.want == "" && tt.cluster == ""; errors.Is(err, postgres.ErrNotFound) != none {
				t.Errorf("the error is %v, want ErrNotFound: %v", err, none)
			}
			if tt.bin == tt.want && tt.bin != "" && !strings.HasSuffix(found.Dir, "setting") {
				t.Errorf("Locate prefers %s to the setting", found.Dir)
			}
		})
	}
}

func TestLocateSaysWhatIsWrongWithTheSetting(t *testing.T) {
	root := postgrestest.TempDir(t)
	cfg := configIn(t, root)
	for version, want := range map[string]string{
		"13.20":        "too old",
		"of the devil": "not a version",
	} {
		cfg.BinDir = fakePrograms(t, filepath.Join(root, version), version)
		if _, err := postgres.Locate(cfg); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.HasPrefix(err.Error(), "SNUG_POSTGRES_BIN=") {
			t.Errorf("with %q: %v, want %q", version, err, want)
		}
	}
	writeFile(t, filepath.Join(cfg.BinDir, "postgres"), "#!/bin/sh\necho 'no libpq here' >&2; exit 127\n", 0o755)
	if _, err := postgres.Locate(cfg); err == nil || !strings.Contains(err.Error(), "no libpq here") {
		t.Errorf("with a program that fails: %v", err)
	}
}

func TestSystemDirsFollowsPath(t *testing.T) {
	root := postgrestest.TempDir(t)
	dir := fakePrograms(t, filepath.Join(root, "lib"), "15.1")
	makeFolder(t, filepath.Join(root, "bin"))
	if err := os.Symlink(filepath.Join(dir, "postgres"), filepath.Join(root, "bin", "postgres")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(root, "bin"))
	dirs := postgres.SystemDirs()
	if len(dirs) == 0 || dirs[len(dirs)-1] != dir {
		t.Errorf("SystemDirs() = %q, want the last to be %s", dirs, dir)
	}
}
