package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestEveryCommandHelps(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
			return
		}
		if cmd.Short == "" || cmd.Example == "" || cmd.Args == nil {
			t.Errorf("%s lacks a short description, an example or a rule for its arguments", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRootCommand())
}

// runSnug runs a command that needs no appliance.
func runSnug(t *testing.T, data string, environ []string, args ...string) (string, int) {
	t.Helper()
	cmd := snugCommand(data, environ, args...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

func TestCommandLine(t *testing.T) {
	empty := t.TempDir()
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"version"}, exitDone, "snug dev"},
		{[]string{"--help"}, exitDone, "healthcheck"},
		{[]string{"serve", "--help"}, exitDone, "SNUG_PUBLIC_URL"},
		{[]string{"statsu"}, exitUsage, `unknown command "statsu"; did you mean status?`},
		{[]string{"status", "chat"}, exitUsage, `takes no argument, got "chat"`},
		{[]string{"serve", "--port", "1"}, exitUsage, "unknown flag: --port; see snug serve --help"},
		{[]string{"serve", "--listen", "80"}, exitUsage, `SNUG_LISTEN="80": must be an address`},
		{[]string{"status"}, exitFailed, "there is no Snug on " + empty},
		{[]string{"healthcheck"}, exitFailed, "start one with `snug serve`"},
	} {
		out, code := runSnug(t, empty, nil, test.args...)
		if code != test.code || !strings.Contains(out, test.want) {
			t.Errorf("snug %s: exit code %d, want %d; output %q, want %q in it", strings.Join(test.args, " "), code, test.code, out, test.want)
		}
		if code != exitDone && strings.Count(out, "\n") != 1 {
			t.Errorf("snug %s: the error has more than one line: %q", strings.Join(test.args, " "), out)
		}
	}
}

func TestStatusAndHealthcheck(t *testing.T) {
	r := start(t, dataIn(t))
	r.healthy()
	out, code := r.snug("status")
	for _, want := range []string{"healthy for", "SERVICE", "postgres-init   done", "chat            ready", " MB", " ms"} {
		if code != exitDone || !strings.Contains(out, want) {
			t.Errorf("snug status: exit code %d, want %q in\n%s", code, want, out)
		}
	}
	if out, code = r.snug("healthcheck"); code != exitDone || out != "healthy\n" {
		t.Errorf("snug healthcheck: %d %q", code, out)
	}
	info, err := os.Stat(filepath.Join(filepath.Dir(r.data), "run", "control.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("control socket: %v, %v", info.Mode(), err)
	}
	r.stop()
	if out, code = r.snug("healthcheck"); code != exitFailed || !strings.Contains(out, "no Snug runs on") {
		t.Errorf("snug healthcheck of a stopped one: %d %q", code, out)
	}
}

func TestPortInUseIsOneClearLine(t *testing.T) {
	r := start(t, dataIn(t))
	out, code := runSnug(t, dataIn(t), []string{"SNUG_LISTEN=" + strings.TrimPrefix(r.url, "http://")}, "serve")
	if code != exitFailed || !strings.Contains(out, "is in use by another program: stop that one, or choose another port") {
		t.Errorf("exit code %d, output %s", code, out)
	}
	r.stop()
}
