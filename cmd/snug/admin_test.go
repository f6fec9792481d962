package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// postJSON sends JSON to the appliance, and decodes the answer into v unless that is nil.
func (r *running) postJSON(path, token, body string, v any) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	if v != nil {
		if err := json.NewDecoder(response.Body).Decode(v); err != nil {
			r.t.Fatalf("%s: %v", path, err)
		}
	}
	return response.StatusCode
}

// snugOutput runs a command on the appliance with this standard input, and returns its standard output.
func (r *running) snugOutput(input string, args ...string) string {
	r.t.Helper()
	cmd := snugCommand(r.data, []string{"SNUG_PUBLIC_URL=https://chat.example.org/team"}, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.Output()
	if err != nil {
		var failed *exec.ExitError
		_ = errors.As(err, &failed)
		r.t.Fatalf("snug %s: %v: %s", strings.Join(args, " "), err, failed.Stderr)
	}
	return strings.TrimSpace(string(out))
}

func TestAdminCommands(t *testing.T) {
	t.Parallel()
	r := start(t, dataIn(t))
	r.healthy()
	for _, args := range [][]string{{"admin", "user-create", "bob"}, {"admin", "invite"}} {
		if out, code := r.snug(args...); code != exitFailed || !strings.Contains(out, "not set up yet") {
			t.Errorf("snug %v before the setup: %d %s", args, code, out)
		}
	}
	var in struct{ Token string }
	if status := r.postJSON("/api/setup", "", `{"workspace":"Home","username":"ada","password":"correct horse"}`, &in); status != 201 {
		t.Fatalf("setup: %d", status)
	}

	made := r.snugOutput("", "admin", "user-create", "Bob", "--role", "admin", "--name", "Bob B.")
	var bob struct {
		User struct{ Username, Role, DisplayName string }
	}
	if status := r.postJSON("/api/auth/login", "", `{"username":"bob","password":"`+made+`"}`, &bob); status != 200 || bob.User.Role != "admin" {
		t.Errorf("bob, with the password that was made up: %d %+v", status, bob)
	}
	r.snugOutput("a password of my own\n", "admin", "user-create", "eve", "--password-stdin")
	if status := r.postJSON("/api/auth/login", "", `{"username":"eve","password":"a password of my own"}`, nil); status != 200 {
		t.Errorf("eve, with the password that was given: %d", status)
	}

	link := r.snugOutput("", "admin", "password-reset", "ada")
	if !strings.HasPrefix(link, "https://chat.example.org/team/reset/") {
		t.Errorf("link %q", link)
	}
	if status := r.postJSON("/api/auth/reset", "", `{"code":"`+path.Base(link)+`","password":"battery staple"}`, nil); status != 200 {
		t.Errorf("reset: %d", status)
	}
	if status := r.postJSON("/api/me/password", in.Token, `{"old":"battery staple","new":"correct horse"}`, nil); status != 401 {
		t.Errorf("a login from before the reset: %d", status)
	}

	invite := r.snugOutput("", "admin", "invite", "--role", "guest", "--channel", "general", "--uses", "1", "--expires", "1h")
	if status := r.postJSON("/api/auth/register", "", `{"invite":"`+path.Base(invite)+`","username":"gus","password":"correct horse"}`, nil); status != 201 {
		t.Errorf("register with %s: %d", invite, status)
	}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"user-create"}, exitUsage, "takes one username"},
		{[]string{"user-create", "kim", "--role", "king"}, exitUsage, `--role "king": must be one of [owner admin member]`},
		{[]string{"user-create", "ada"}, exitFailed, "username is taken"},
		{[]string{"user-create", "-a-"}, exitUsage, "unknown shorthand flag"},
		{[]string{"user-create", "a b"}, exitFailed, "username must be 1 to 32 letters"},
		{[]string{"user-create", "kim", "--password-stdin"}, exitFailed, "the password must have 8 to 200 characters"},
		{[]string{"password-reset", "kim"}, exitFailed, "There is no such user."},
		{[]string{"invite", "--role", "owner"}, exitUsage, "must be one of [admin member guest]"},
		{[]string{"invite", "--channel", "nowhere"}, exitFailed, `channels has "nowhere", which there is not`},
		{[]string{"invite", "--uses", "-1"}, exitFailed, "max_uses must be 1 to 1000000"},
		{[]string{"invite", "--expires", "-1h"}, exitFailed, "expires_in must be in the future"},
	} {
		out, code := r.snug(append([]string{"admin"}, test.args...)...)
		if code != test.code || !strings.Contains(out, test.want) || strings.Count(out, "\n") != 1 {
			t.Errorf("snug admin %s: %d %q, want %d and %q on one line", strings.Join(test.args, " "), code, out, test.code, test.want)
		}
	}
	r.stop()
}
