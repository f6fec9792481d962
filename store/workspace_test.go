package store

import (
	"sync"
	"testing"

	"github.com/google/uuid"
)

func TestSetup(t *testing.T) {
	s := open(t, migrated(t))
	if needed, err := s.SetupNeeded(t.Context()); !needed || err != nil {
		t.Errorf("setup needed of an empty database: %v, %v", needed, err)
	}
	if _, err := s.Workspace(t.Context()); CodeOf(err) != NotFound {
		t.Errorf("workspace of an empty database: %v", err)
	}
	bad := SetupParams{Workspace: " ", Username: "no spaces", DisplayName: "two\nlines"}
	_, err := s.Setup(t.Context(), bad)
	checkInvalid(t, err, "workspace", "username", "display_name")

	// Of several who race one wins.
	var wg sync.WaitGroup
	users, errs := make([]User, 8), make([]error, 8)
	for i := range users {
		wg.Go(func() {
			users[i], errs[i] = s.Setup(t.Context(), SetupParams{Workspace: "Home", Username: "ada", PasswordHash: "hash"})
		})
	}
	wg.Wait()
	var owner User
	for i, err := range errs {
		switch {
		case err == nil && owner.ID == uuid.Nil:
			owner = users[i]
		case CodeOf(err) != Conflict:
			t.Errorf("another setup: %+v, %v", users[i], err)
		}
	}
	if owner.Role != Owner || owner.DisplayName != "ada" || owner.CreatedAt.IsZero() || !owner.Active {
		t.Errorf("the owner: %+v", owner)
	}
	if needed, err := s.SetupNeeded(t.Context()); needed || err != nil {
		t.Errorf("setup needed afterwards: %v, %v", needed, err)
	}
	if w, err := s.Workspace(t.Context()); err != nil || w.Name != "Home" || w.CreatedAt.IsZero() {
		t.Errorf("workspace: %+v, %v", w, err)
	}
	list, err := s.Channels(t.Context(), owner.ID)
	if err != nil || len(list) != 1 || list[0].Name != "general" || list[0].Kind != Public || list[0].Private {
		t.Errorf("channels of the owner: %+v, %v", list, err)
	}
}

// checkInvalid wants err to say that just these fields are wrong.
func checkInvalid(t *testing.T, err error, fields ...string) {
	t.Helper()
	e, ok := err.(*Error)
	if !ok || e.Code != Invalid || len(e.Fields) != len(fields) {
		t.Errorf("%#v, want fields %v", err, fields)
		return
	}
	for _, field := range fields {
		if e.Fields[field] == "" {
			t.Errorf("nothing is said of %s: %v", field, e.Fields)
		}
	}
}
