package store

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestUsers(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "Bob")
	got, hash, err := in.UserByUsername(t.Context(), "bOB")
	if diff := cmp.Diff(bob, got); err != nil || diff != "" || hash != "hash" {
		t.Errorf("by username: %v, hash %q (-registered +found)\n%s", err, hash, diff)
	}
	for _, name := range []string{"nobody", "", "a\x00b", "\xff", strings.Repeat("x", 100)} {
		if _, _, err := in.UserByUsername(t.Context(), name); CodeOf(err) != NotFound {
			t.Errorf("user %q: %v", name, err)
		}
	}
	if got, err := in.User(t.Context(), bob.ID); err != nil || got != bob {
		t.Errorf("by id: %+v, %v", got, err)
	}
	if _, err := in.User(t.Context(), uuid.New()); CodeOf(err) != NotFound {
		t.Errorf("unknown id: %v", err)
	}
	list, _, err := in.Users(t.Context(), UsersPage{Viewer: in.owner.ID, Limit: 100})
	if diff := cmp.Diff([]User{in.owner, bob}, list); err != nil || diff != "" {
		t.Errorf("all: %v (-want +got)\n%s", err, diff)
	}
	if bob.CreatedAt.Location() != time.UTC {
		t.Errorf("times are in %v", bob.CreatedAt.Location())
	}
}

func TestUpdateProfile(t *testing.T) {
	in := newInstance(t)
	name := "Ada, Countess of Lovelace ✒"
	u, err := in.UpdateProfile(t.Context(), in.owner.ID, ProfileParams{DisplayName: &name})
	if err != nil || u.DisplayName != name || u.Username != in.owner.Username {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err = in.UpdateProfile(t.Context(), in.owner.ID, ProfileParams{}); err != nil || u.DisplayName != name {
		t.Errorf("nothing to change: %+v, %v", u, err)
	}
	title, emoji := "Analyst", ":scroll:"
	if u, err = in.UpdateProfile(t.Context(), in.owner.ID, ProfileParams{Title: &title, StatusText: new("writing"), StatusEmoji: &emoji}); err != nil ||
		u.Title != title || u.StatusText != "writing" || u.StatusEmoji != "📜" || u.DisplayName != name {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err = in.UpdateProfile(t.Context(), in.owner.ID, ProfileParams{StatusText: new("")}); err != nil || u.StatusText != "" || u.Title != title {
		t.Errorf("a status that is over: %+v, %v", u, err)
	}
	long := strings.Repeat("x", 101)
	_, err = in.UpdateProfile(t.Context(), in.owner.ID, ProfileParams{Title: &long, StatusText: &long, StatusEmoji: &long})
	checkInvalid(t, err, "title", "status_text", "status_emoji")
	for _, bad := range []string{"", "\x00", "a\xff", "a\nb", strings.Repeat("x", 81)} {
		_, err := in.UpdateProfile(t.Context(), in.owner.ID, ProfileParams{DisplayName: &bad})
		checkInvalid(t, err, "display_name")
	}
	if _, err := in.UpdateProfile(t.Context(), uuid.New(), ProfileParams{DisplayName: &name}); CodeOf(err) != NotFound {
		t.Errorf("unknown user: %v", err)
	}
}

// What our own checks let through, the database takes too, and the other way round: the rules are the same.
func TestUsernameRule(t *testing.T) {
	in := newInstance(t)
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9._-]{0,34}`), rapid.StringN(0, 34, 100)).Draw(r, "username")
		if !storable(name) {
			return
		}
		var ok bool
		err := in.pool.QueryRow(t.Context(), `SELECT $1 ~ '^[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9])?$'`, name).Scan(&ok)
		if err != nil {
			r.Fatal(err)
		}
		if ours := usernamePattern.MatchString(name); ours != ok {
			r.Errorf("%q: we say %v, the database %v", name, ours, ok)
		}
	})
}
