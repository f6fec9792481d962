package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"snug/store"
	"snug/supervisor"
)

// databaseOf is the URL of the database of an appliance that runs: for another one it is somebody else's.
func databaseOf(r *running, password string) string {
	return "postgres://snug:" + url.QueryEscape(password) + "@/snug?port=5432&host=" + url.QueryEscape(filepath.Join(filepath.Dir(r.data), "run"))
}

func passwordOf(r *running) string {
	r.t.Helper()
	password, err := os.ReadFile(filepath.Join(r.data, "secrets", "postgres-password-snug"))
	if err != nil {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(string(password))
}

// writeSecret makes a file that only we may read, which is root in a container.
func writeSecret(t *testing.T, value string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(dataIn(t)), "secret")
	if err := os.WriteFile(path, []byte(value+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	return path
}

// descendants are a process and all below it.
func descendants(pid int) []int {
	all := []int{pid}
	for _, child := range childrenOf(pid) {
		all = append(all, descendants(child)...)
	}
	return all
}

// openFiles are the names of what a process has open.
func openFiles(pid int) (names []string) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, link := range links {
		name, _ := os.Readlink(link)
		names = append(names, name)
	}
	return names
}

// shown is all that an appliance shows of itself, by where; commands run in the given environment.
func (r *running) shown(environ []string) map[string]string {
	r.t.Helper()
	all := map[string]string{"log": r.log.String()}
	for _, pid := range descendants(r.cmd.Process.Pid) {
		for _, name := range []string{"environ", "cmdline"} {
			path := fmt.Sprintf("/proc/%d/%s", pid, name)
			content, _ := os.ReadFile(path)
			all[path] = string(content)
		}
	}
	for _, path := range []string{"/api/health", "/metrics"} {
		response, err := http.Get(r.url + path)
		if err != nil {
			r.t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || len(body) == 0 {
			r.t.Errorf("%s: %s, %v", path, body, err)
		}
		all[path] = string(body)
	}
	for _, command := range []string{"config", "config --json", "events", "events --json", "status", "status --json", "logs -n 100000"} {
		out, code := runSnug(r.t.(*testing.T), r.data, environ, strings.Fields(command)...)
		if code != exitDone || out == "" {
			r.t.Errorf("snug %s: %d %s", command, code, out)
		}
		all[command] = out
	}
	return all
}

func (r *running) mustHide(environ []string, secrets ...string) {
	r.t.Helper()
	for where, text := range r.shown(environ) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				r.t.Errorf("%s shows %s:\n%s", where, secret, strings.ReplaceAll(text, "\x00", "\n"))
			}
		}
	}
}

// TestSecretsByFileAreKeptSecret runs on a database and a cache of somebody else's, whose addresses are in files that the user
// whom Snug becomes could not read. It works through any number of lives of chat, and the passwords are nowhere to be seen.
func TestSecretsByFileAreKeptSecret(t *testing.T) {
	t.Parallel()
	theirs := start(t, dataIn(t))
	theirs.healthy()
	password := passwordOf(theirs)
	database := writeSecret(t, databaseOf(theirs, password)+"&pool_max_conns=3")
	environ := []string{"SNUG_DATABASE_URL_FILE=" + database,
		"FILE__SNUG_REDIS_URL=" + writeSecret(t, "redis://:geheim@127.0.0.1:1/0"), "SNUG_LOG_LEVEL=debug", "SNUG_METRICS=public"}
	r := start(t, dataIn(t), environ...)
	r.within(30*time.Second, func() error { return r.state("chat", supervisor.StateReady) })
	m := r.setUp()
	m.post("before")
	for range 3 {
		if out, code := r.snugIn(environ, "restart", "chat"); code != exitDone {
			t.Fatal(out)
		}
		m.post("after a restart")
	}
	old := r.service("chat").Pid
	if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	m.post("after a crash")
	m.checkStored()
	r.mustHide(environ, password, "geheim")
	for _, pid := range descendants(r.cmd.Process.Pid)[1:] {
		for _, file := range openFiles(pid) {
			if strings.Contains(file, "SNUG_") && !strings.HasSuffix(titleOf(pid), "child chat") {
				t.Errorf("%s has %s open", titleOf(pid), file)
			}
		}
	}

	out, _ := r.snugIn(environ, "config")
	if !strings.Contains(out, "file "+database) || !strings.Contains(out, "snug:xxxxx@") {
		t.Errorf("snug config does not say where the address is from:\n%s", out)
	}
	if _, err := findPsql(Settings{}); err == nil {
		out, code := r.snugIn(environ, "psql", "--", "-Atc", "SELECT count(*) FROM users", "-c", `\! tr '\0' ' ' </proc/$PPID/cmdline`)
		if code != exitDone || !strings.HasPrefix(out, "1\n") || !strings.Contains(out, "psql postgres://snug@") || strings.Contains(out, password) {
			t.Errorf("snug psql: %d %s", code, out)
		}
	}
	r.stop()
	theirs.stop()
}

// snugIn is snug with more in the environment, as what `docker exec` runs has.
func (r *running) snugIn(environ []string, args ...string) (string, int) {
	cmd := snugCommand(r.data, environ, args...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// TestErrorsHideTheDatabasesPassword: it is wrong, or its server is nowhere.
func TestErrorsHideTheDatabasesPassword(t *testing.T) {
	t.Parallel()
	theirs := start(t, dataIn(t))
	theirs.healthy()
	for what, address := range map[string]string{
		"password authentication failed": databaseOf(theirs, "geheim"),
		"connection refused":             "postgres://snug:geheim@127.0.0.1:1/snug?sslpassword=geheim",
	} {
		environ := []string{"SNUG_DATABASE_URL_FILE=" + writeSecret(t, address), "SNUG_LOG_LEVEL=debug", "SNUG_METRICS=public"}
		r := start(t, dataIn(t), environ...)
		r.within(20*time.Second, func() error {
			if check := r.service("postgres").Check; !strings.Contains(check.Error, what) {
				return fmt.Errorf("the check of the database says %+v", check)
			}
			return nil
		})
		r.mustHide(environ, "geheim")
		if out, code := r.snugIn(environ, "migrate", "status"); code != exitFailed || strings.Contains(out, "geheim") {
			t.Errorf("snug migrate status: %d %s", code, out)
		}
		r.stop()
	}
	theirs.stop()
}

// TestSecretsInTheEnvironmentReachNoChild: with -e only the process that was given them shows them.
func TestSecretsInTheEnvironmentReachNoChild(t *testing.T) {
	t.Parallel()
	theirs := start(t, dataIn(t))
	theirs.healthy()
	r := start(t, dataIn(t), "SNUG_DATABASE_URL="+databaseOf(theirs, passwordOf(theirs)))
	r.healthy()
	for _, pid := range descendants(r.cmd.Process.Pid)[1:] {
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil || strings.Contains(string(environ), passwordOf(theirs)) {
			t.Errorf("%s has the password in its environment, %v", titleOf(pid), err)
		}
	}
	r.stop()
	theirs.stop()
}

func TestSettingFiles(t *testing.T) {
	dir := t.TempDir()
	for content, want := range map[string]string{
		"":                                "is empty",
		"\n":                              "is empty",
		":80\x00":                         "holds no setting",
		strings.Repeat("x", 64*kB+1):      "holds no setting: a text of at most 64 kB",
		"postgres://u:geheim@h/d\nsecond": "must be an address",
	} {
		path := filepath.Join(dir, "value")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := loadSettings([]string{"SNUG_LISTEN_FILE=" + path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", content, err, want)
		}
	}
}

func TestUnreadableSettingFileIsOneClearLine(t *testing.T) {
	requireRoot(t)
	path := writeSecret(t, "postgres://u:p@h/d")
	out, code := serveAs(dataIn(t), asUser(0), "SNUG_DATABASE_URL_FILE="+path)
	want := fmt.Sprintf("snug: SNUG_DATABASE_URL_FILE: user 4711 may not read %s: start Snug as root, and it reads the file before it becomes another user; or let the user read it, with `chown 4711 %s`\n", path, path)
	if out != want || code != exitUsage {
		t.Errorf("exit code %d, output\n%swant\n%s", code, out, want)
	}
}

// TestCommandsThatNeedNoSecretReadNone: whoever may ask the Snug that runs need not be able to read its secrets.
func TestCommandsThatNeedNoSecretReadNone(t *testing.T) {
	requireRoot(t)
	path := writeSecret(t, "postgres://u:p@h/d")
	for _, command := range []string{"status", "healthcheck", "events", "logs", "restart chat"} {
		cmd := snugCommand(dataIn(t), []string{"SNUG_DATABASE_URL_FILE=" + path}, strings.Fields(command)...)
		cmd.SysProcAttr = asUser(0)
		if out, _ := cmd.CombinedOutput(); !strings.Contains(string(out), "there is no Snug on") {
			t.Errorf("snug %s: %s", command, out)
		}
	}
}

// TestPasswordsAreHiddenHoweverTheyAreWritten has passwords that are encoded, or should have been: whatever is accepted, shown,
// or said of what is refused does not tell them.
func TestPasswordsAreHiddenHoweverTheyAreWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.StringMatching("[a-z0-9/#?@:%&=;+ \\[\\]]{0,6}")
		password := piece.Draw(t, "before") + "geheim" + piece.Draw(t, "after")
		if rapid.Bool().Draw(t, "encoded") {
			password = url.QueryEscape(password)
		}
		for _, form := range []string{"postgres://u:%s@h/d", "postgres://h/d?password=%s", "postgres:u:%s@h/d", "postgres://:%s@"} {
			if strings.Contains(form, "?") && strings.Contains(password, "&") {
				continue // what follows is another parameter
			}
			value := strings.Replace(form, "%s", password, 1)
			settings, _, err := loadSettings([]string{"SNUG_DATABASE_URL=" + value})
			shown := []string{hideSecret("SNUG_DATABASE_URL", value), fmt.Sprint(err)}
			if err == nil {
				address, _, err := splitPassword(string(settings.DatabaseURL))
				shown = append(shown, address, fmt.Sprint(err))
				database, err := store.Open(t.Context(), store.Config{URL: string(settings.DatabaseURL)})
				shown = append(shown, fmt.Sprint(err))
				if err == nil {
					database.Close()
				}
			}
			for _, text := range shown {
				if strings.Contains(text, "geheim") {
					t.Errorf("%s is shown as %s", value, text)
				}
			}
		}
	})
}

func TestSplitPassword(t *testing.T) {
	for database, want := range map[string][2]string{
		"postgres://u:p%40@h/d?sslmode=require":             {"postgres://u@h/d?sslmode=require", "p@"},
		"postgres://u@h/d?password=q&pool_max_conns=2":      {"postgres://u@h/d", "q"},
		"postgres://u:p@/d?host=%2Frun%2Fa+b&password=x%20": {"postgres://u@/d?host=%2Frun%2Fa%20b", "x "},
		"postgres://h/d": {"postgres://h/d", ""},
	} {
		address, password, err := splitPassword(database)
		if got := [2]string{address, password}; got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", database, got, err, want)
		}
	}
	if _, _, err := splitPassword("postgres://h/d?sslpassword=geheim"); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("%v", err)
	}
}
