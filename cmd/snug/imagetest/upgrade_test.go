//go:build image

package imagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// withMigration makes an image of a later version than the one under test: it has one more migration.
func withMigration(t *testing.T, statements string) string {
	t.Helper()
	folder, err := filepath.Abs(source)
	if err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	write(t, filepath.Join(own, "later.sql"), "-- +goose Up\n"+statements+"\n-- +goose Down\nSELECT 1;\n")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(folder, "migrations/sql/00099_later.sql"): filepath.Join(own, "later.sql"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(own, "overlay.json"), string(overlay))
	build := exec.Command("go", "build", "-buildvcs=false", "-overlay", filepath.Join(own, "overlay.json"),
		"-ldflags", "-X main.version=v9.0.0", "-o", filepath.Join(own, "snug"), "./cmd/snug")
	build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	if _, err := run(build); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(own, "Dockerfile"), "FROM "+image()+"\nCOPY snug /usr/local/bin/snug\n")
	name := uniqueName()
	docker(t, "build", "--quiet", "--tag", name, own)
	t.Cleanup(func() { _, _ = try(context.Background(), "rmi", name) })
	return name
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replacedBy stops the container, and starts one of another image at the same address on the same data.
func (c *container) replacedBy(image string) *container {
	c.t.Helper()
	c.stop()
	next := &container{t: c.t, name: uniqueName(), addr: c.addr}
	docker(c.t, "create", "--name", next.name, "--network", "host", "-e", "SNUG_LISTEN="+c.addr, "--volumes-from", c.name, image)
	next.removeAtEnd()
	docker(c.t, "start", next.name)
	return next
}

// bytes is every file of the data, but for the lock: mode, owner, time of change and what is in it.
func (c *container) bytes() []string {
	c.t.Helper()
	const all = `cd /data && find . ! -name snug.lock -printf '%p %M %U %T@\n' | sort && find . -type f ! -name snug.lock -exec sha256sum {} + | sort`
	return strings.Split(c.dataSeenByRoot("sh", "-c", all), "\n")
}

// refuses waits until a service has failed for a reason that the health and the log tell. Meanwhile the port answers.
func (c *container) refuses(service, reason string) {
	c.t.Helper()
	eventually(c.t, waitLimit, func() error {
		h, err := c.health()
		if err != nil {
			return err
		}
		for _, s := range h.Services {
			if s.Name == service && s.State == "failed" && strings.Contains(s.Check.Error, reason) && h.Status == "unhealthy" {
				return nil
			}
		}
		return fmt.Errorf("no %s that failed with %q: %+v", service, reason, h)
	})
	if log := c.logs(); !strings.Contains(log, reason) {
		c.t.Errorf("the log does not say %q:\n%s", reason, log)
	}
}

// TestUpgrade starts a newer image on the data of this one, and then this one on the data of the newer.
func TestUpgrade(t *testing.T) {
	c := start(t, onVolume()(t))
	c.becomes("healthy")
	who := foundWorkspace(t, c.url())
	silence := who.keepTalking(c.url())
	who.goesOn(waitLimit)

	newer := withMigration(t, "CREATE TABLE later (); INSERT INTO later DEFAULT VALUES;")
	c = c.replacedBy(newer)
	who.goesOn(waitLimit)
	t.Logf("clients of the upgrade waited for %v", silence().Round(time.Millisecond))
	who.checkLog(c.url())
	c = c.replacedBy(newer) // nothing is done twice
	c.becomes("healthy")
	if rows := c.snug("psql", "--", "-Atc", "SELECT count(*) FROM later"); rows != "1" {
		t.Errorf("the migration ran %s times", rows)
	}

	c.stop()
	before := c.bytes()
	older := c.replacedBy(image())
	older.refuses("postgres-init", "this data was last used by Snug v9.0.0 (schema 99)")
	older.stop()
	if diff := cmp.Diff(before, older.bytes()); diff != "" {
		t.Errorf("the older image changed the data (-before +after):\n%s", diff)
	}
	c = older.replacedBy(newer)
	c.becomes("healthy")
	who.checkLog(c.url())
}

// TestFailedUpgrade: the image from before goes on where it was.
func TestFailedUpgrade(t *testing.T) {
	c := start(t, onVolume()(t))
	c.becomes("healthy")
	who := foundWorkspace(t, c.url())
	who.sayMany(c.url(), 10)
	broken := c.replacedBy(withMigration(t, "CREATE TABLE half (); SELECT 1/0;"))
	broken.refuses("migrate", "migration 00099_later failed")
	c = broken.replacedBy(image())
	c.becomes("healthy")
	if half := c.snug("psql", "--", "-Atc", "SELECT to_regclass('half') IS NULL"); half != "t" {
		t.Error("half of the migration is there")
	}
	who.sayMany(c.url(), 10)
	who.checkLog(c.url())
}

// TestStopInTheMiddleOfAMigration leaves a clean PostgreSQL, and the data as it was.
func TestStopInTheMiddleOfAMigration(t *testing.T) {
	c := start(t, onVolume()(t))
	c.becomes("healthy")
	who := foundWorkspace(t, c.url())
	who.sayMany(c.url(), 10)
	slow := c.replacedBy(withMigration(t, "CREATE TABLE half (); SELECT pg_sleep(600);"))
	eventually(t, waitLimit, func() error {
		_, err := try(t.Context(), "exec", slow.name, "snug", "psql", "--", "-c",
			"SELECT 1/count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%pg_sleep(600)%'")
		return err
	})
	took := slow.stop()
	t.Logf("docker stop took %v", took.Round(time.Millisecond))
	if took > stopGrace/2 {
		t.Error("that is too long")
	}
	c = slow.replacedBy(image())
	c.becomes("healthy")
	who.checkLog(c.url())
	if half := c.snug("psql", "--", "-Atc", "SELECT to_regclass('half') IS NULL"); half != "t" {
		t.Error("half of the migration is there")
	}
}

// TestDataOfAnotherPostgreSQL: its files say that another major version made them.
func TestDataOfAnotherPostgreSQL(t *testing.T) {
	c := start(t, onVolume()(t))
	c.becomes("healthy")
	who := foundWorkspace(t, c.url())
	who.sayMany(c.url(), 1)
	c.stop()
	const versionFile = "/data/postgres/PG_VERSION"
	made := c.dataSeenByRoot("cat", versionFile)
	c.dataSeenByRoot("sh", "-c", "echo 15 >"+versionFile)
	before := c.bytes()
	docker(t, "start", c.name)
	c.refuses("postgres-init", "was made by PostgreSQL 15")
	c.stop()
	if diff := cmp.Diff(before, c.bytes()); diff != "" {
		t.Errorf("the data (-before +after):\n%s", diff)
	}
	c.dataSeenByRoot("sh", "-c", "echo "+made+" >"+versionFile)
	docker(t, "start", c.name)
	c.becomes("healthy")
	who.checkLog(c.url())
}
