package postgres_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"snug/store/postgres"
)

func TestSettingsInForce(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	start(t, cfg)
	conn := connect(t, cfg, postgres.SuperuserURL)
	for name, want := range map[string]string{
		"data_checksums": "on", "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on",
		"data_sync_retry": "off", "restart_after_crash": "on", "listen_addresses": "",
		"unix_socket_permissions": "0700", "client_connection_check_interval": "1s",
		"max_connections": "64", "superuser_reserved_connections": "3", "server_encoding": "UTF8",
		"log_line_prefix": postgres.LogLinePrefix, "TimeZone": "UTC", "log_timezone": "UTC", "jit": "off",
		"log_min_error_statement": "panic", "log_error_verbosity": "terse",
	} {
		if got := ask(t, conn, "SHOW "+name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := ask(t, conn, "SELECT datcollate || ' ' || datctype || ' ' || lower('ÄÖÜ') FROM pg_database WHERE datname = 'snug'"); got != "C.UTF-8 C.UTF-8 äöü" {
		t.Errorf("collation, character types and their effect: %q", got)
	}
	if got := ask(t, conn, "SELECT count(*)::text FROM pg_file_settings WHERE error IS NOT NULL"); got != "0" {
		t.Errorf("%s settings have errors", got)
	}
}

// TestSmallestMemory is one with which PostgreSQL still starts, and which a cluster takes over at its next start.
func TestSmallestMemory(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	cfg.Memory = postgres.Memory{
		SharedBuffers: 16 << 20, MaxConnections: 14, WorkMem: 64 << 10, MaintenanceWorkMem: 2 << 20,
		AutovacuumWorkers: 1, EffectiveCacheSize: 32 << 20,
	}
	mustProvision(t, cfg)
	start(t, cfg)
	conn := connect(t, cfg, postgres.SuperuserURL)
	for name, want := range map[string]string{
		"shared_buffers": "16MB", "max_connections": "14", "work_mem": "64kB", "maintenance_work_mem": "2MB",
		"autovacuum_max_workers": "1", "effective_cache_size": "32MB", "dynamic_shared_memory_type": "sysv",
	} {
		if got := ask(t, conn, "SHOW "+name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestLocalSettingsHaveTheLastWord(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	writeFile(t, filepath.Join(cfg.Dir, "postgresql.local.conf"), "max_connections = 70\nlisten_addresses = '*'\n", 0o600)
	mustProvision(t, cfg)
	start(t, cfg)
	conn := connect(t, cfg, postgres.SuperuserURL)
	if got := ask(t, conn, "SHOW max_connections"); got != "70" {
		t.Errorf("max_connections is %s, want the local 70", got)
	}
	if got := ask(t, conn, "SHOW listen_addresses"); got != "" {
		t.Errorf("listen_addresses is %q: a local setting opened a port", got)
	}
}

func TestOurFilesInTheClusterAreBroughtUpToDate(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	for _, name := range []string{"snug.conf", "pg_hba.conf"} {
		path := filepath.Join(cfg.Dir, name)
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, path, "local all all trust\n", 0o600)
		mustProvision(t, cfg)
		if got, err := os.ReadFile(path); err != nil || string(got) != string(want) {
			t.Errorf("%s holds %q %v", name, got, err)
		}
	}
}

// secret is what users said to each other.
const secret = "between-us-only"

// telling are statements that fail, and whose errors are known to hold values.
var telling = []string{
	"INSERT INTO said VALUES ('" + secret + "', 1)",                // the detail has the key
	"INSERT INTO said VALUES ('" + secret + "', NULL)",             // the detail has the row
	"SELECT '" + secret + "' FROM nowhere",                         // the statement itself is logged with the error
	"DO $$BEGIN EXECUTE 'SELECT 1/0 AS \"" + secret + "\"'; END$$", // the context has the inner statement
	"PREPARE p AS INSERT INTO said VALUES ($1, NULL); EXECUTE p('" + secret + "')",
}

func TestLogsTellNothingThatWasSaid(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	s := start(t, cfg)
	conn := connect(t, cfg, postgres.URL)
	for _, statement := range []string{
		"CREATE TABLE said (body text UNIQUE, author int NOT NULL)",
		"INSERT INTO said VALUES ('" + secret + "', 1)",
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, statement := range telling {
		_, err := conn.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol)
		if _, ok := errors.AsType[*pgconn.PgError](err); !ok {
			t.Fatalf("%s: %v, want an error of PostgreSQL", statement, err)
		}
	}
	if _, err := conn.Exec(t.Context(), "INSERT INTO said VALUES ($1, NULL)", secret); err == nil {
		t.Fatal("NULL was stored")
	}
	killBackend(t, conn)
	waitForLog(t, s, "terminated by signal 9")
	if log := s.log(t); strings.Contains(log, secret) {
		t.Errorf("the log has what was said:\n%s", log)
	}
	expectLogLines(t, s)
}

// killBackend makes the server log a crash, to which it would add the last statement.
func killBackend(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	pid, err := strconv.Atoi(ask(t, conn, "SELECT pg_backend_pid()::text || substr('"+secret+"', 1, 0)"))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// logLine is how LogLinePrefix says that lines are.
var logLine = regexp.MustCompile(`^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC \[\d+\] [A-Z0-9]+:  |\t)`)

func expectLogLines(t *testing.T, s *server) {
	t.Helper()
	for line := range strings.Lines(s.log(t)) {
		if !logLine.MatchString(line) {
			t.Errorf("a line is not as documented: %q", line)
		}
	}
}

func waitForLog(t *testing.T, s *server, part string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !strings.Contains(s.log(t), part) {
		select {
		case <-ctx.Done():
			t.Fatalf("the log has no %q:\n%s", part, s.log(t))
		case <-time.After(5 * time.Millisecond):
		}
	}
}
