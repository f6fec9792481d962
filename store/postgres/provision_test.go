package postgres_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"snug/store/postgres"
	"snug/store/postgres/postgrestest"
)

func TestFirstStartMakesAClusterAndTheSecondKeepsIt(t *testing.T) {
	cfg := newConfig(t)
	log := mustProvision(t, cfg)
	for _, urlOf := range []func(postgres.Config) (string, error){postgres.URL, postgres.SuperuserURL} {
		text, err := urlOf(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if parsed, err := url.Parse(text); err != nil {
			t.Error(err)
		} else if password, _ := parsed.User.Password(); len(password) < 20 || strings.Contains(log, password) {
			t.Errorf("the password %q is short or is in the log:\n%s", password, log)
		}
	}
	expectNoLeftovers(t, dataDir(cfg))
	before := tree(t, dataDir(cfg))
	mustProvision(t, cfg)
	if diff := cmp.Diff(before, tree(t, dataDir(cfg))); diff != "" {
		t.Errorf("the second start changed files:\n%s", diff)
	}

	s := start(t, cfg)
	conn := connect(t, cfg, postgres.URL)
	if _, err := conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 'this' AS word"); err != nil {
		t.Fatalf("the application cannot make tables in its database: %v", err)
	}
	s.stop(t)

	mustProvision(t, cfg)
	start(t, cfg)
	if got := ask(t, connect(t, cfg, postgres.URL), "SELECT word FROM kept"); got != "this" {
		t.Errorf("after a restart the table holds %q", got)
	}
}

func TestEmptyFolderIsInitialised(t *testing.T) {
	cfg := newConfig(t)
	makeFolder(t, cfg.Dir)
	mustProvision(t, cfg)
	start(t, cfg)
}

func TestClusterMovedElsewhereAndLinked(t *testing.T) {
	cfg := newConfig(t)
	elsewhere := filepath.Join(postgrestest.TempDir(t), "cluster")
	makeFolder(t, elsewhere)
	if err := os.Symlink(elsewhere, cfg.Dir); err != nil {
		t.Fatal(err)
	}
	mustProvision(t, cfg)
	if _, err := os.Stat(filepath.Join(elsewhere, "PG_VERSION")); err != nil {
		t.Errorf("the cluster is not where the link points: %v", err)
	}
	start(t, cfg)
}

func TestRolesAndPrivileges(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	start(t, cfg)
	for _, role := range []string{"postgres", "snug"} {
		info, err := os.Stat(filepath.Join(cfg.SecretsDir, "postgres-password-"+role))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("password of %s: %v %v, want mode 0600", role, info, err)
		}
	}
	app := connect(t, cfg, postgres.URL)
	for question, want := range map[string]string{
		"SELECT current_user || ' ' || current_database()":                                                                                     "snug snug",
		"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()":                                                   "snug",
		"SELECT (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)::text FROM pg_roles WHERE rolname = current_user": "false",
		"SELECT has_database_privilege('snug', 'postgres', 'CONNECT')::text":                                                                   "false",
	} {
		if got := ask(t, app, question); got != want {
			t.Errorf("%s answers %q, want %q", question, got, want)
		}
	}
	if got := ask(t, connect(t, cfg, postgres.SuperuserURL), "SELECT count(*)::text FROM pg_authid WHERE rolcanlogin AND rolpassword LIKE 'SCRAM-SHA-256$%'"); got != "2" {
		t.Errorf("%s roles have a SCRAM password, want 2", got)
	}
}

func TestOnlyThePasswordOpensTheDatabase(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	start(t, cfg)
	for _, user := range []string{"snug", "snug:wrong", "postgres", "postgres:postgres", "postgres:wrong"} {
		conn, err := pgx.Connect(t.Context(), fmt.Sprintf("postgres://%s@/snug?host=%s", user, cfg.SocketDir))
		if err == nil {
			conn.Close(t.Context())
			t.Errorf("%s may connect", user)
		} else if !strings.Contains(err.Error(), "password") {
			t.Errorf("%s: %v, want an error about the password", user, err)
		}
	}
	info, err := os.Stat(filepath.Join(cfg.SocketDir, ".s.PGSQL.5432"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket: %v %v, want mode 0700", info, err)
	}
}

// TestEnvironmentMeantForOthers sets what PostgreSQL's clients and embedded-postgres would heed.
func TestEnvironmentMeantForOthers(t *testing.T) {
	cfg := newConfig(t)
	cmd := provisionCommand(t, cfg)
	cmd.Env = append(cmd.Env, "TMPDIR=/nonexistent", "HOME=/nonexistent", "PGDATA=/nonexistent", "PGHOSTADDR=192.0.2.1",
		"PGPORT=1", "PGSERVICE=none", "PGOPTIONS=-c no_such_setting=1", "PGUSER=nobody", "PGSSLMODE=verify-full")
	if log, err := run(t, cmd); err != nil {
		t.Fatalf("Provision: %v\n%s", err, log)
	}
	start(t, cfg)
}

func TestSecretsAreReused(t *testing.T) {
	cfg := newConfig(t)
	makeFolder(t, cfg.SecretsDir)
	file := filepath.Join(cfg.SecretsDir, "postgres-password-snug")
	writeFile(t, file, "chosen-by-someone", 0o600)
	mustProvision(t, cfg)
	start(t, cfg)
	connect(t, cfg, postgres.URL)
	if text, err := os.ReadFile(file); err != nil || string(text) != "chosen-by-someone" {
		t.Errorf("the password is now %q %v", text, err)
	}
}

func TestModeThatAVolumeChangedIsPutRight(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	if err := os.Chmod(cfg.Dir, 0o775); err != nil {
		t.Fatal(err)
	}
	if log := mustProvision(t, cfg); !strings.Contains(log, "private") {
		t.Errorf("the change of the mode was not logged:\n%s", log)
	}
	start(t, cfg)
}

// TestProvisionGivesUpWhenTold ends it in the middle of its work.
func TestProvisionGivesUpWhenTold(t *testing.T) {
	cfg := newConfig(t)
	cmd := provisionCommand(t, cfg)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // it logs that it begins
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if err == nil || !strings.Contains(stderr.String(), "context canceled") {
		t.Errorf("Provision: %v %q, want it to say that it was cancelled", err, stderr.String())
	}
	expectNoLeftovers(t, dataDir(cfg))
	if _, err := os.Stat(cfg.Dir); err == nil {
		t.Error("there is a cluster")
	}
	mustProvision(t, cfg)
	start(t, cfg)
}

func TestRootIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to be refused")
	}
	cfg := newConfig(t)
	if err := postgres.Provision(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "PUID") {
		t.Errorf("Provision as root: %v", err)
	}
	if got := tree(t, dataDir(cfg)); len(got) != 1 {
		t.Errorf("Provision as root made %q", got)
	}
}
