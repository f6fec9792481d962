package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"snug/migrations"
	"snug/supervisor"
)

// buildWithMigrations builds a release that knows more migrations than this one, by file name.
func buildWithMigrations(t *testing.T, version string, files map[string]string) string {
	t.Helper()
	folder, err := filepath.Abs("../../migrations/sql")
	if err != nil {
		t.Fatal(err)
	}
	own := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for name, statements := range files {
		path := filepath.Join(own, name)
		if err := os.WriteFile(path, []byte("-- +goose Up\n"+statements+"\n-- +goose Down\nSELECT 1;\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(folder, name)] = path
	}
	encoded, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(own, "overlay.json")
	if err := os.WriteFile(list, encoded, 0o644); err != nil {
		t.Fatal(err)
	}
	return buildSnug(t, append([]string{"-overlay", list}, released(version)...)...)
}

// contents is every file below a folder, but for its lock: mode, owner, time of change and what is in it.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == filepath.Join(folder, lockName) {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		var content []byte
		if info.Mode().IsRegular() {
			if content, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		all[path] = fmt.Sprintf("%v %d %s %x", info.Mode(), info.Sys().(*syscall.Stat_t).Uid, info.ModTime().Format(time.RFC3339Nano), sha256.Sum256(content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// mustRefuse wants the appliance to be up and to say why it does not use its data, each time that it tries, while nothing
// else of it runs.
func (r *running) mustRefuse(service, reason string) {
	r.t.Helper()
	r.within(30*time.Second, func() error { return r.state(service, supervisor.StateFailed) })
	health, err := r.health()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, status := range health.Services {
		if status.Name == service {
			if !strings.Contains(status.Check.Error, reason) || status.LastExit == nil || !strings.Contains(status.LastExit.Reason, reason) {
				r.t.Errorf("%s says %+v, its last exit is %+v, want %q", service, status.Check, status.LastExit, reason)
			}
		} else if status.State != supervisor.StateWaiting {
			r.t.Errorf("%s is %s", status.Name, status.State)
		}
	}
	request, _ := http.NewRequest(http.MethodGet, r.url+"/", nil)
	request.Header.Set("Accept", "text/html")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		r.t.Errorf("no waiting page: %d %v", response.StatusCode, response.Header)
	}
	if response, err = http.Get(r.url + "/api/health"); err != nil || response.StatusCode != http.StatusServiceUnavailable {
		r.t.Errorf("the health: %v, %v", response, err)
	}
	_ = response.Body.Close()
	if out, code := r.snug("status"); code != exitDone || !strings.Contains(out, reason) {
		r.t.Errorf("snug status: %d %s", code, out)
	}
}

// TestDataOfANewerSnug: the older one changes nothing and says what to run; the newer one goes on where it was.
func TestDataOfANewerSnug(t *testing.T) {
	t.Parallel()
	newer := buildWithMigrations(t, "v9.0.0", map[string]string{"00099_later.sql": "CREATE TABLE later ();"})
	data := dataIn(t)
	guest := filepath.Join(data, guestFolder, "bot.toml")
	if err := os.MkdirAll(filepath.Dir(guest), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(guest, []byte("command = [\"sleep\", \"1000\"]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := startBuilt(t, newer, data)
	m := r.setUp()
	m.post("before")
	r.stop()

	before := contents(t, data)
	r = start(t, data)
	reason := fmt.Sprintf("this data was last used by Snug v9.0.0 (schema 99); this is Snug %s (schema %d): run v9.0.0 or newer, or restore a backup from before", version, migrations.Latest())
	r.mustRefuse("postgres-init", reason)
	if told, tries := strings.Count(r.log.String(), reason), r.service("postgres-init").Restarts+1; told != tries {
		t.Errorf("told %d times in %d tries", told, tries)
	}
	r.stop()
	if diff := cmp.Diff(before, contents(t, data)); diff != "" {
		t.Errorf("the data (-before +after):\n%s", diff)
	}

	// Data from before there was a note: the database knows.
	if err := os.Remove(filepath.Join(data, "postgres", "snug-version.json")); err != nil {
		t.Fatal(err)
	}
	r = start(t, data)
	r.within(30*time.Second, func() error {
		if status := r.service("migrate"); status.LastExit == nil || !strings.Contains(status.LastExit.Reason, "its schema has version 99") {
			return fmt.Errorf("migrate is %s: %+v", status.State, status.LastExit)
		}
		return nil
	})
	r.stop()

	m.r = startBuilt(t, newer, data)
	m.post("after")
	m.checkStored()
	m.r.stop()
}

// TestMigrationThatFails: nothing is changed, the health and the log say what to do, and the Snug from before goes on.
func TestMigrationThatFails(t *testing.T) {
	t.Parallel()
	newer := buildWithMigrations(t, "v9.0.0", map[string]string{
		"00098_good.sql": "CREATE TABLE good (); UPDATE users SET display_name = 'changed';",
		"00099_bad.sql":  "ALTER TABLE nowhere ADD COLUMN x int;",
	})
	data := dataIn(t)
	r := start(t, data)
	r.healthy()
	m := r.setUp()
	m.post("before")
	r.stop()

	r = launchProgram(t, newer, data)
	r.awaitAddress()
	r.within(30*time.Second, func() error { return r.state("migrate", supervisor.StateFailed) })
	status := r.service("migrate")
	for _, want := range []string{"migration 00099_bad failed", `relation "nowhere" does not exist`, "Nothing was changed", "run the version of Snug again that ran before"} {
		if !strings.Contains(status.Check.Error, want) || !strings.Contains(status.LastExit.Reason, want) || !strings.Contains(r.log.String(), want) {
			t.Errorf("no %q in %+v, or not in the log", want, status)
		}
	}
	if health, err := r.health(); err != nil || health.Status != supervisor.ConditionUnhealthy {
		t.Errorf("the health is %s, %v", health.Status, err)
	}
	r.stop()

	m.r = start(t, data)
	m.r.healthy()
	var me struct {
		DisplayName string `json:"display_name"`
	}
	if err := m.r.call("GET", "/api/me", m.token, nil, &me); err != nil || me.DisplayName != "Ada" {
		t.Errorf("Ada is called %q, %v", me.DisplayName, err)
	}
	m.post("after")
	m.checkStored()
	m.r.stop()
}

// TestMigrationCutShort stops and kills everything in the middle of a migration; the next start ends it.
func TestMigrationCutShort(t *testing.T) {
	t.Parallel()
	newer := buildWithMigrations(t, "v9.0.0", map[string]string{"00099_slow.sql": "CREATE TABLE slow (); SELECT pg_sleep(2);"})
	data := dataIn(t)
	m := &member{r: start(t, data)}
	m.r.healthy()
	m = m.r.setUp()
	m.post("before")
	m.r.stop()
	middle := func() *running {
		r := launchProgram(t, newer, data, "SNUG_LOG_LEVEL=debug")
		r.within(30*time.Second, func() error {
			if r.find(`(migrating service=migrate migration=00099_slow)`) == "" {
				return fmt.Errorf("it does not migrate yet")
			}
			return nil
		})
		return r
	}

	r := middle()
	r.mustStopWithin(5 * time.Second)
	if r.find(`(gave up in the middle of migration 00099_slow; nothing was changed)`) == "" {
		t.Errorf("it does not say what became of the migration: %s", r.log)
	}
	r = middle()
	r.kill()

	m.r = start(t, data) // the old one still can
	m.r.healthy()
	m.r.stop()
	m.r = startBuilt(t, newer, data)
	m.post("after")
	m.checkStored()
	m.r.stop()
}

func (r *running) mustStopWithin(limit time.Duration) {
	r.t.Helper()
	begun := time.Now()
	r.stop()
	if took := time.Since(begun); took > limit {
		r.t.Errorf("it took %s to stop", took)
	} else {
		r.t.Logf("stopped after %s", took.Round(time.Millisecond))
	}
}

// TestFirstStartStoppedAnywhere sends SIGTERM at each stage of the first start: it ends soon and cleanly, and the next
// start ends whole.
func TestFirstStartStoppedAnywhere(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{
		"postgres.initialising", "postgres.initialising/*/PG_VERSION", "postgres.initialising/*/postmaster.pid", "postgres", "postgres/postmaster.pid",
	} {
		t.Run(strings.NewReplacer("/", " ", "*", "any").Replace(stage), func(t *testing.T) {
			t.Parallel()
			data := dataIn(t)
			r := launch(t, data)
			r.within(30*time.Second, func() error {
				if found, _ := filepath.Glob(filepath.Join(data, stage)); len(found) == 0 {
					return fmt.Errorf("there is no %s", stage)
				}
				return nil
			})
			r.mustStopWithin(5 * time.Second)
			if left, _ := filepath.Glob(filepath.Join(data, "postgres.initialising")); len(left) > 0 {
				t.Errorf("it has left %v", left)
			}
			r = start(t, data)
			r.healthy()
			r.stop()
		})
	}
}

func TestLockThatSaysTheSameIsNotWritten(t *testing.T) {
	data := dataIn(t)
	settings := Settings{Data: folder(data), Run: folder(filepath.Join(filepath.Dir(data), "run"))}
	var changed time.Time
	for range 2 {
		i, err := openInstance(settings)
		if err != nil {
			t.Fatal(err)
		}
		i.close()
		info, err := os.Stat(filepath.Join(data, lockName))
		if err != nil || !changed.IsZero() && info.ModTime() != changed {
			t.Errorf("the lock was changed at %v and %v, %v", changed, info.ModTime(), err)
		}
		changed = info.ModTime()
	}
}
