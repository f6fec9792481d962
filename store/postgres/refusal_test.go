package postgres_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"snug/store/postgres"
)

// refusals are states that Provision must leave as they are, with an error that helps.
var refusals = []struct {
	name    string
	prepare func(t *testing.T, cfg *postgres.Config)
	want    []string // parts of the error
}{
	{"a user's files", func(t *testing.T, cfg *postgres.Config) {
		makeFolder(t, filepath.Join(cfg.Dir, "photos"))
		writeFile(t, filepath.Join(cfg.Dir, "photos", "cat.jpg"), "meow", 0o644)
	}, []string{"no PostgreSQL cluster", "photos", "SNUG_DATA", "Nothing was changed"}},
	{"a cluster without PG_VERSION", func(t *testing.T, cfg *postgres.Config) {
		mustProvision(t, *cfg)
		remove(t, filepath.Join(cfg.Dir, "PG_VERSION"))
	}, []string{"no PostgreSQL cluster", "Nothing was changed"}},
	{"a newer cluster", clusterOf("99"), []string{"made by PostgreSQL 99", "pg_upgrade", "postgresql-99", "Nothing was changed"}},
	{"an older cluster", clusterOf("13"), []string{"made by PostgreSQL 13", "pg_upgrade", "only this was found: PostgreSQL 1"}},
	{"an ancient cluster", clusterOf("9.6"), []string{"made by PostgreSQL 9"}},
	{"a newer cluster and no programs", func(t *testing.T, cfg *postgres.Config) {
		clusterOf("99")(t, cfg)
		cfg.BinDir, cfg.SearchDirs = "", []string{}
	}, []string{"made by PostgreSQL 99", "cannot be fetched", "SNUG_POSTGRES_BIN"}},
	{"a damaged PG_VERSION", clusterOf("\x00\xff"), []string{"PG_VERSION", "restore it from a backup"}},
	{"an empty PG_VERSION", clusterOf(""), []string{"PG_VERSION", "restore it from a backup"}},
	{"a file in the place of the cluster", func(t *testing.T, cfg *postgres.Config) {
		writeFile(t, cfg.Dir, "precious", 0o600)
	}, []string{"not a directory"}},
	{"a folder of another user", func(t *testing.T, cfg *postgres.Config) {
		if os.Geteuid() != 0 {
			t.Skip("needs root to make a folder of another user")
		}
		if err := os.Mkdir(cfg.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}, []string{"permission denied", "PUID and PGID"}},
	{"a link to nothing", func(t *testing.T, cfg *postgres.Config) {
		if err := os.Symlink("/nonexistent/cluster", cfg.Dir); err != nil {
			t.Fatal(err)
		}
	}, []string{"link to nothing"}},
	{"a lost password", func(t *testing.T, cfg *postgres.Config) {
		mustProvision(t, *cfg)
		remove(t, filepath.Join(cfg.SecretsDir, "postgres-password-postgres"))
	}, []string{"postgres-password-postgres", "backup", "Nothing was changed"}},
	{"a damaged password", func(t *testing.T, cfg *postgres.Config) {
		makeFolder(t, cfg.SecretsDir)
		writeFile(t, filepath.Join(cfg.SecretsDir, "postgres-password-postgres"), "", 0o600)
	}, []string{"postgres-password-postgres", "no usable password"}},
	{"a long socket path", func(t *testing.T, cfg *postgres.Config) {
		cfg.SocketDir = filepath.Join(cfg.SocketDir, strings.Repeat("long", 25))
	}, []string{"107", "SNUG_RUN"}},
	{"a comma in the socket path", func(t *testing.T, cfg *postgres.Config) {
		cfg.SocketDir = filepath.Join(cfg.SocketDir, "a,b")
	}, []string{"comma", "SNUG_RUN"}},
	{"a path that the shell would take for a command", func(t *testing.T, cfg *postgres.Config) {
		cfg.Dir = filepath.Join(cfg.Dir, "$(id)")
	}, []string{`'$'`, "SNUG_DATA"}},
	{"a wrong SNUG_POSTGRES_BIN", func(t *testing.T, cfg *postgres.Config) {
		cfg.BinDir = cfg.SocketDir
	}, []string{"SNUG_POSTGRES_BIN=", "postgres, initdb and pg_ctl"}},
	{"a volume mounted at the cluster", mounted, []string{"mount point", "instead"}},
	{"a folder of the same disk mounted at the cluster", func(t *testing.T, cfg *postgres.Config) {
		makeFolder(t, cfg.Dir)
		mount(t, cfg.Dir, cfg.Dir, "", syscall.MS_BIND, "")
	}, []string{"mount point", "instead"}},
	{"a volume with lost+found mounted at the cluster", func(t *testing.T, cfg *postgres.Config) {
		mounted(t, cfg)
		makeFolder(t, filepath.Join(cfg.Dir, "lost+found"))
	}, []string{"lost+found", "Nothing was changed"}},
}

// clusterOf prepares something that looks like a cluster of another version.
func clusterOf(version string) func(*testing.T, *postgres.Config) {
	return func(t *testing.T, cfg *postgres.Config) {
		makeFolder(t, filepath.Join(cfg.Dir, "base"))
		writeFile(t, filepath.Join(cfg.Dir, "base", "1"), "rows", 0o600)
		writeFile(t, filepath.Join(cfg.Dir, "PG_VERSION"), version+"\n", 0o600)
		writeFile(t, filepath.Join(cfg.Dir, "pg_hba.conf"), "# the user's own\n", 0o600)
	}
}

func mounted(t *testing.T, cfg *postgres.Config) {
	t.Helper()
	makeFolder(t, cfg.Dir)
	mount(t, "tmpfs", cfg.Dir, "tmpfs", 0, "size=1m")
	own(t, cfg.Dir)
}

// mount mounts until the end of the test, which it skips where that is not allowed.
func mount(t *testing.T, source, target, kind string, flags uintptr, options string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, options); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(target, 0); err != nil {
			t.Error(err)
		}
	})
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestRefusalsChangeNothing(t *testing.T) {
	for _, refusal := range refusals {
		t.Run(refusal.name, func(t *testing.T) {
			cfg := newConfig(t)
			data := dataDir(cfg)
			refusal.prepare(t, &cfg)
			before := tree(t, data)
			_, err := provision(t, cfg)
			if err == nil {
				t.Fatal("Provision accepts it")
			}
			for _, part := range refusal.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error has no %q:\n%v", part, err)
				}
			}
			if diff := cmp.Diff(before, tree(t, data)); diff != "" {
				t.Errorf("files changed:\n%s", diff)
			}
		})
	}
}
