package store

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
)

func (in instance) passwordOf(t *testing.T, u User) string {
	t.Helper()
	_, hash, err := in.UserByUsername(t.Context(), u.Username)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestChangePasswordEndsAllOtherLogins(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	later := time.Now().Add(time.Hour)
	stays, _ := in.login(t, bob, later)
	ends, _ := in.login(t, bob, later)
	in.login(t, in.owner, later)
	if _, err := in.BeginReset(t.Context(), bob.ID, time.Hour, allow); err != nil {
		t.Fatal(err)
	}
	if _, err := in.ChangePassword(t.Context(), PasswordChange{User: bob, Old: "wrong", New: "new", Session: stays.ID}); CodeOf(err) != Conflict {
		t.Errorf("from a password that it is not: %v", err)
	}
	ended, err := in.ChangePassword(t.Context(), PasswordChange{User: bob, Old: "hash", New: "new", Session: stays.ID})
	if err != nil || len(ended) != 1 || ended[0] != ends.ID || in.passwordOf(t, bob) != "new" {
		t.Errorf("ended %v, want %v; password %q, %v", ended, ends.ID, in.passwordOf(t, bob), err)
	}
	list, err := in.Sessions(t.Context(), bob.ID)
	if err != nil || len(list) != 1 || list[0].ID != stays.ID {
		t.Errorf("logins left: %+v, %v", list, err)
	}
	var resets int
	if err := in.pool.QueryRow(t.Context(), "SELECT count(*) FROM password_resets").Scan(&resets); err != nil || resets != 0 {
		t.Errorf("%d codes from before are still good, %v", resets, err)
	}
	if _, err := in.CreateSession(t.Context(), SessionParams{UserID: bob.ID, TokenHash: tokenHash(), ExpiresAt: later, PasswordHash: "hash"}); CodeOf(err) != NotFound {
		t.Errorf("a login with the old password, checked before the change: %v", err)
	}
}

func TestResetIsGoodOnce(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	session, _ := in.login(t, bob, time.Now().Add(time.Hour))
	void, err := in.BeginReset(t.Context(), bob.ID, time.Hour, allow)
	if err != nil {
		t.Fatal(err)
	}
	reset, err := in.BeginReset(t.Context(), bob.ID, time.Hour, allow)
	if err != nil || reset.User != bob || len(reset.Code) < 20 || time.Until(reset.ExpiresAt) < 59*time.Minute {
		t.Fatalf("%+v, %v", reset, err)
	}
	for _, code := range []string{void.Code, "", "nonsense", "\x00\xff"} {
		if _, err := in.ResetUser(t.Context(), code); CodeOf(err) != NotFound {
			t.Errorf("code %q: %v", code, err)
		}
		if _, _, err := in.ResetPassword(t.Context(), code, "new"); CodeOf(err) != NotFound {
			t.Errorf("code %q: %v", code, err)
		}
	}
	var used atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			user, ended, err := in.ResetPassword(t.Context(), reset.Code, "new")
			switch {
			case err == nil:
				used.Add(1)
				if user != bob || len(ended) != 1 || ended[0] != session.ID {
					t.Errorf("%+v, ended %v", user, ended)
				}
			case CodeOf(err) != NotFound:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if used.Load() != 1 || in.passwordOf(t, bob) != "new" {
		t.Errorf("the code was good %d times; password %q", used.Load(), in.passwordOf(t, bob))
	}

	expired, err := in.BeginReset(t.Context(), bob.ID, -time.Second, allow)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := in.ResetPassword(t.Context(), expired.Code, "newer"); CodeOf(err) != NotFound {
		t.Errorf("expired: %v", err)
	}
	in.must(t, "UPDATE users SET active = false WHERE id = $1", bob.ID)
	if _, err := in.BeginReset(t.Context(), bob.ID, time.Hour, allow); CodeOf(err) != Conflict {
		t.Errorf("of who is not active: %v", err)
	}
	if _, err := in.BeginReset(t.Context(), uuid.New(), time.Hour, allow); CodeOf(err) != NotFound {
		t.Errorf("of nobody: %v", err)
	}
}
