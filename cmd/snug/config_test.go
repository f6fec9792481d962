package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestConfigTellsEverySettingAndItsSource(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "url")
	if err := os.WriteFile(secret, []byte("postgres://u:geheim@h/d?password=geheim&sslmode=require\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"SNUG_DATABASE_URL_FILE=" + secret, "SNUG_MEMORY=256MB", "SNUG_LOGLEVEL=x", "PUID=", "PGID=1234"}
	out, code := runSnug(t, dir, environ, "config", "--listen", ":99")
	if code != exitDone || strings.Contains(out, "geheim") {
		t.Fatalf("exit code %d: %s", code, out)
	}
	for _, want := range []string{
		`SNUG_LISTEN +:99 +flag --listen`,
		`SNUG_DATA +` + dir + ` +environment`,
		`SNUG_DATABASE_URL +postgres://u:xxxxx@h/d\?\S*sslmode=require +file ` + secret,
		`SNUG_LOG_FORMAT +auto +default`,
		`SNUG_MEMORY +256 MB +environment`,
		`PGID +1234 +environment`,
		`PUID +- +default`,
		`MEMORY +256 MB +SNUG_MEMORY`,
		`postgres +\d+ MB +shared_buffers 32 MB`,
		`open files +\d+ each`,
		`none; see services.d`,
		`warning: SNUG_LOGLEVEL is no setting`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	for _, field := range settingFields() {
		if !strings.Contains(out, field.Tag.Get("env")+" ") {
			t.Errorf("%s is missing", field.Tag.Get("env"))
		}
	}
}

func TestConfigAsJSON(t *testing.T) {
	dir := t.TempDir()
	out, code := runSnug(t, dir, []string{"SNUG_MEMORY=1GB"}, "config", "--json")
	var report configReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitDone {
		t.Fatalf("%d, %v: %s", code, err, out)
	}
	if report.Memory.Limit.Bytes != gB || report.Memory.Plan != planMemory(gB) || len(report.Settings) != len(settingFields()) ||
		report.OpenFiles == 0 || report.Wrong == nil || report.Services == nil {
		t.Errorf("%+v", report)
	}
	if _, code := runSnug(t, dir, []string{"SNUG_MEMORY=1"}, "config"); code != exitUsage {
		t.Errorf("a wrong setting: exit code %d", code)
	}
}
