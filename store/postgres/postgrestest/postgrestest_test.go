package postgrestest

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"snug/store/postgres/internal/proc"
)

func TestMain(m *testing.M) { Main(m) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	if _, err := connect(t, url).Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query(t *testing.T, url, sql string, args ...any) (answer string) {
	t.Helper()
	if err := connect(t, url).QueryRow(t.Context(), sql, args...).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

func TestDatabasesAreSeparateAndOwnedByAnUnprivilegedRole(t *testing.T) {
	one, two := Database(t), Database(t)
	execute(t, one, "CREATE TABLE only_here ()")
	if got := query(t, two, "SELECT coalesce(to_regclass('only_here')::text, 'absent')"); got != "absent" {
		t.Errorf("the second database has the first one's table %q", got)
	}
	if got := query(t, one, "SELECT usename || usesuper FROM pg_user WHERE usename = current_user"); got != "snugfalse" {
		t.Errorf("connected as %q, want the role snug without superuser", got)
	}
}

func TestDatabaseIsDroppedWithAClientConnected(t *testing.T) {
	var name string
	t.Run("uses one", func(t *testing.T) {
		conn, err := pgx.Connect(t.Context(), Database(t))
		if err != nil {
			t.Fatal(err)
		}
		name = conn.Config().Database // and the connection stays open
	})
	if got := query(t, Database(t), "SELECT count(*)::text FROM pg_database WHERE datname = $1", name); got != "0" {
		t.Errorf("%s databases named %s are left", got, name)
	}
}

func TestClusterKeepsItsDataOverAKill(t *testing.T) {
	cluster := Cluster(t)
	execute(t, cluster.URL(), "CREATE TABLE kept AS SELECT 'this' AS word")
	before := cluster.Pid()
	cluster.Kill(syscall.SIGKILL)
	cluster.Restart(t)
	if cluster.Pid() == before {
		t.Error("the postmaster is still the old one")
	}
	if got := query(t, cluster.URL(), "SELECT word FROM kept"); got != "this" {
		t.Errorf("the table holds %q", got)
	}
	if got := query(t, cluster.URL(), "SHOW data_checksums"); got != "on" {
		t.Errorf("data checksums are %q", got)
	}
}

func TestClusterLeavesNothingBehind(t *testing.T) {
	var dir string
	t.Run("uses one", func(t *testing.T) {
		cluster := Cluster(t)
		dir = cluster.dir
		if uid, _ := User(); uid == 0 {
			t.Error("PostgreSQL would run as root")
		}
		found, err := proc.Using(dir)
		if err != nil || len(found) < 3 || !strings.HasPrefix(found[0].Exe, "postgres") {
			t.Fatalf("processes of the cluster: %v %v", found, err)
		}
	})
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the cluster's folder is still there: %v", err)
	}
}
