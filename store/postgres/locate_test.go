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

func TestLocate(t *testing.T) {
	const none = ""
	tests := []struct {
		name      string
		bin       string   // version in SNUG_POSTGRES_BIN
		installed []string // versions, best first
		fetched   []string // versions
		cluster   string   // its PG_VERSION
		want      string   // version found
	}{
		{"nothing", none, nil, nil, none, none},
		{"the setting before what is installed", "15.1", []string{"17.2"}, []string{"18.3"}, none, "15.1"},
		{"installed before fetched", none, []string{"15.1"}, []string{"18.3"}, none, "15.1"},
		{"the first of those installed", none, []string{"17.2", "15.9"}, nil, none, "17.2"},
		{"the newest of those fetched", none, nil, []string{"18.3", "18.10", "9.6"}, none, "18.10"},
		{"too old is passed over", none, []string{"13.20"}, []string{"18.3"}, none, "18.3"},
		{"only too old", none, []string{"13.20", "9.6.24"}, nil, none, none},
		{"a beta", none, []string{"19beta1"}, nil, none, "19beta1"},
		{"Debian's version line", none, []string{"15.18 (Debian 15.18-0+deb12u1)"}, nil, none, "15.18"},
		{"the cluster's major before the setting", "17.2", []string{"15.9"}, nil, "15", "15.9"},
		{"the cluster's major though fetched", none, []string{"17.2", "15.9"}, []string{"18.3"}, "18", "18.3"},
		{"the newest of the cluster's major", "15.2", []string{"17.2", "15.9"}, []string{"15.13"}, "15", "15.13"},
		{"the setting when equally new", "15.2", []string{"15.2"}, nil, "15", "15.2"},
		{"none of the cluster's major", "17.2", []string{"16.1"}, []string{"18.3"}, "15", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := postgrestest.TempDir(t)
			cfg := configIn(t, root)
			cfg.BinDir = ""
			cfg.SearchDirs = []string{filepath.Join(root, "absent")}
			if tt.bin != none {
				cfg.BinDir = fakePrograms(t, filepath.Join(root, "setting"), tt.bin)
			}
			for i, version := range tt.installed {
				cfg.SearchDirs = append(cfg.SearchDirs, fakePrograms(t, filepath.Join(root, "installed", fmt.Sprint(i)), version))
			}
			for _, version := range tt.fetched {
				fakePrograms(t, filepath.Join(cfg.FetchedDir, version, "bin"), version)
			}
			makeFolder(t, filepath.Join(cfg.FetchedDir, ".fetching", "bin"))
			if tt.cluster != none {
				clusterOf(tt.cluster)(t, &cfg)
			}
			found, err := postgres.Locate(cfg)
			if found.Version != tt.want || (err == nil) != (tt.want != none) {
				t.Fatalf("Locate finds %v, %v; want version %q", found, err, tt.want)
			}
			if wantNotFound := tt.want == none && tt.cluster == none; errors.Is(err, postgres.ErrNotFound) != wantNotFound {
				t.Errorf("the error is %v, want ErrNotFound: %v", err, wantNotFound)
			}
			if tt.want != none && tt.bin == tt.want && !strings.HasSuffix(found.Dir, "setting") {
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
