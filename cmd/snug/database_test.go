package main

import (
	"strings"
	"testing"
)

func TestDatabaseCommands(t *testing.T) {
	t.Parallel()
	data := dataIn(t)
	for _, command := range [][]string{{"migrate", "status"}, {"migrate", "up"}, {"psql"}} {
		if out, code := runSnug(t, data, nil, command...); code != exitFailed || !strings.Contains(out, "there is no Snug on "+data) {
			t.Errorf("snug %s without a Snug: %d %s", strings.Join(command, " "), code, out)
		}
	}
	r := start(t, data)
	r.healthy()
	out, code := r.snug("migrate", "status")
	if code != exitDone || !strings.Contains(out, "VERSION") || !strings.Contains(out, "chat") || strings.Contains(out, "not yet") {
		t.Errorf("snug migrate status: %d\n%s", code, out)
	}
	if out, code = r.snug("migrate", "up"); code != exitDone || !strings.Contains(out, "the schema is at version") {
		t.Errorf("snug migrate up: %d\n%s", code, out)
	}
	if _, err := findPsql(Settings{}); err != nil {
		t.Log(err)
	} else if out, code = r.snugIn([]string{"PATH=/nowhere"}, "psql", "--", "-Atc", "SELECT count(*) FROM channels"); code != exitDone || out != "0\n" {
		t.Errorf("snug psql: %d %s", code, out)
	}
	r.stop()
}
