package store

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func tokenHash() []byte {
	sum := sha256.Sum256([]byte(rand.Text()))
	return sum[:]
}

func (in instance) login(t *testing.T, user User, expires time.Time) (Session, []byte) {
	t.Helper()
	hash := tokenHash()
	session, err := in.CreateSession(t.Context(), SessionParams{
		UserID: user.ID, TokenHash: hash, Device: "Firefox", IP: "192.0.2.1", ExpiresAt: expires,
	})
	if err != nil {
		t.Fatal(err)
	}
	return session, hash
}

func TestSessions(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	later := time.Now().Add(time.Hour)
	session, hash := in.login(t, bob, later)

	got, user, err := in.SessionByToken(t.Context(), hash)
	if err != nil || user != bob {
		t.Errorf("user %+v, %v", user, err)
	}
	if diff := cmp.Diff(session, got); diff != "" {
		t.Errorf("session (-created +found):\n%s", diff)
	}
	_, expired := in.login(t, bob, time.Now().Add(-time.Second))
	refused := map[string][]byte{"unknown": tokenHash(), "nil": nil, "expired": expired}
	for name, hash := range refused {
		if _, _, err := in.SessionByToken(t.Context(), hash); CodeOf(err) != NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range 2 { // the second time it is gone already
		if err := in.DeleteSession(t.Context(), session.ID); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := in.SessionByToken(t.Context(), hash); CodeOf(err) != NotFound {
		t.Errorf("deleted: %v", err)
	}
	_, hash = in.login(t, bob, later)
	in.must(t, `UPDATE users SET active = false WHERE id = $1`, bob.ID)
	if _, _, err := in.SessionByToken(t.Context(), hash); CodeOf(err) != NotFound {
		t.Errorf("inactive user: %v", err)
	}
	for _, id := range []uuid.UUID{bob.ID, uuid.New()} {
		_, err := in.CreateSession(t.Context(), SessionParams{UserID: id, TokenHash: tokenHash(), ExpiresAt: later})
		if CodeOf(err) != NotFound {
			t.Errorf("login of a user who is inactive or unknown: %v", err)
		}
	}
}

// What a browser calls itself is anything.
func TestSessionKeepsAnyDevice(t *testing.T) {
	in := newInstance(t)
	session, err := in.CreateSession(t.Context(), SessionParams{
		UserID: in.owner.ID, TokenHash: tokenHash(), ExpiresAt: time.Now().Add(time.Hour),
		Device: "\x00\xff" + strings.Repeat("ü", 1000), IP: strings.Repeat("f", 100),
	})
	if err != nil || !strings.HasPrefix(session.Device, "\uFFFD\uFFFDü") || len([]rune(session.Device)) != 400 {
		t.Errorf("%+v, %v", session, err)
	}
}

func TestSessionsOfAUser(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	later := time.Now().Add(time.Hour)
	older, _ := in.login(t, bob, later)
	newer, _ := in.login(t, bob, later)
	in.login(t, bob, time.Now().Add(-time.Second))
	adas, _ := in.login(t, in.owner, later)
	ids := func() (ids []uuid.UUID) {
		t.Helper()
		list, err := in.Sessions(t.Context(), bob.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			ids = append(ids, s.ID)
		}
		return ids
	}
	if diff := cmp.Diff([]uuid.UUID{newer.ID, older.ID}, ids()); diff != "" {
		t.Errorf("logins (-want +got)\n%s", diff)
	}

	in.must(t, "UPDATE sessions SET last_used_at = now() - interval '50 seconds' WHERE id = $1", newer.ID)
	in.must(t, "UPDATE sessions SET last_used_at = now() - interval '70 seconds' WHERE id = $1", older.ID)
	if err := in.TouchSessions(t.Context(), []uuid.UUID{older.ID, newer.ID, uuid.New()}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]uuid.UUID{older.ID, newer.ID}, ids()); diff != "" {
		t.Errorf("logins, of which the one that was not used for a minute is used now (-want +got)\n%s", diff)
	}

	if err := in.EndSession(t.Context(), bob.ID, adas.ID); CodeOf(err) != NotFound {
		t.Errorf("the login of somebody else: %v", err)
	}
	if err := in.EndSession(t.Context(), bob.ID, older.ID); err != nil {
		t.Error(err)
	}
	if err := in.EndSession(t.Context(), bob.ID, older.ID); CodeOf(err) != NotFound {
		t.Errorf("the second time: %v", err)
	}
	live, err := in.LiveSessions(t.Context(), []uuid.UUID{older.ID, newer.ID, adas.ID, uuid.New()})
	if err != nil || len(live) != 2 {
		t.Errorf("live: %+v, %v", live, err)
	}
	for _, l := range live {
		if l.ID == adas.ID && l.Role != Owner || l.ID == newer.ID && l.Role != Member {
			t.Errorf("live: %+v", l)
		}
	}
	if known, err := in.HasLoggedInFrom(t.Context(), bob.ID, "192.0.2.1"); err != nil || !known {
		t.Errorf("known address: %v, %v", known, err)
	}
	if known, err := in.HasLoggedInFrom(t.Context(), bob.ID, "192.0.2.2"); err != nil || known {
		t.Errorf("unknown address: %v, %v", known, err)
	}
	ended, err := in.EndSessions(t.Context(), bob)
	if err != nil || len(ended) != 2 || len(ids()) != 0 { // the expired one too
		t.Errorf("ended everywhere: %v, left %v, %v", ended, ids(), err)
	}
	if live, err := in.LiveSessions(t.Context(), []uuid.UUID{adas.ID}); err != nil || len(live) != 1 {
		t.Errorf("somebody else's: %+v, %v", live, err)
	}
}
