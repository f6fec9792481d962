package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// actions are those in the audit log, the oldest first.
func (in instance) actions(t *testing.T, f AuditFilter) []Action {
	t.Helper()
	f.Limit = MaxAuditPage
	list, _, err := in.Audit(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	actions := make([]Action, len(list))
	for i, e := range list {
		actions[len(list)-1-i] = e.Action
	}
	return actions
}

func TestTheAuditLogTellsWhoDidWhat(t *testing.T) {
	in := newInstance(t)
	ctx := By(t.Context(), Actor{ID: in.owner.ID, Name: "ada", IP: "192.0.2.7"})
	invite, err := in.CreateInvite(ctx, InviteParams{CreatedBy: in.owner.ID})
	if err != nil {
		t.Fatal(err)
	}
	bob, err := in.Register(By(t.Context(), Actor{IP: "192.0.2.8"}), RegisterParams{InviteCode: invite.Code, Username: "bob", PasswordHash: "hash"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := in.ChangeStanding(ctx, bob.ID, StandingParams{Role: new(Admin)}, allow); err != nil {
		t.Fatal(err)
	}
	if _, _, err := in.ChangeStanding(ctx, bob.ID, StandingParams{Role: new(Admin), Active: new(true)}, allow); err != nil {
		t.Fatal(err) // nothing changes, and nothing is told
	}
	list, more, err := in.Audit(t.Context(), AuditFilter{Limit: 2})
	if err != nil || !more || len(list) != 2 {
		t.Fatalf("%+v, %v, %v", list, more, err)
	}
	want := []AuditEntry{
		{Action: RoleChanged, Actor: AuditName{ID: &in.owner.ID, Name: "ada"}, IP: "192.0.2.7",
			Target: AuditTarget{Kind: "user", AuditName: AuditName{ID: &bob.ID, Name: "bob"}}, Details: map[string]string{"from": "member", "to": "admin"}},
		{Action: UserRegistered, Actor: AuditName{ID: &bob.ID, Name: "bob"}, IP: "192.0.2.8",
			Target:  AuditTarget{Kind: "user", AuditName: AuditName{ID: &bob.ID, Name: "bob"}},
			Details: map[string]string{"invite": invite.ID.String(), "role": "member"}},
	}
	for i := range list {
		if list[i].ID == 0 || time.Since(list[i].At) > time.Minute || list[i].At.Location() != time.UTC {
			t.Errorf("entry %d at %v", list[i].ID, list[i].At)
		}
		list[i].ID, list[i].At = 0, time.Time{}
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]Action{SetUp, InviteCreated, UserRegistered, RoleChanged}, in.actions(t, AuditFilter{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWhatIsUndoneIsNotTold(t *testing.T) {
	in := newInstance(t)
	if _, _, err := in.ChangeStanding(t.Context(), in.owner.ID, StandingParams{Role: new(Member)}, allow); CodeOf(err) != Conflict {
		t.Fatal(err)
	}
	invite := in.invite(t, InviteParams{})
	if _, err := in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: "ADA"}); CodeOf(err) != Conflict {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Action{SetUp, InviteCreated}, in.actions(t, AuditFilter{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTheAuditLogIsFiltered(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	in.login(t, bob, time.Now().Add(time.Hour))
	if err := in.Record(By(t.Context(), Actor{Name: "\x00", IP: "1"}), Event{Action: "login_x.failed", Target: Target{Kind: "service", Name: "chat"}}); err != nil {
		t.Fatal(err)
	}
	all := []Action{SetUp, InviteCreated, UserRegistered, LoggedIn, "login_x.failed"}
	for name, test := range map[string]struct {
		filter AuditFilter
		want   []Action
	}{
		"all":           {AuditFilter{}, all},
		"a subject":     {AuditFilter{Action: "login"}, []Action{LoggedIn}},
		"an action":     {AuditFilter{Action: "user.registered"}, []Action{UserRegistered}},
		"no wildcards":  {AuditFilter{Action: "login%"}, []Action{}},
		"no underscore": {AuditFilter{Action: "login_"}, []Action{}},
		"an actor":      {AuditFilter{Actor: bob.ID}, []Action{UserRegistered, LoggedIn}},
		"a target":      {AuditFilter{Target: in.owner.ID}, []Action{SetUp}},
		"nobody":        {AuditFilter{Actor: uuid.New()}, []Action{}},
		"long ago":      {AuditFilter{Until: time.Now().Add(-time.Hour)}, []Action{}},
		"since":         {AuditFilter{Since: time.Now().Add(-time.Hour)}, all},
	} {
		if diff := cmp.Diff(test.want, in.actions(t, test.filter)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	var seen []Action
	for f := (AuditFilter{Limit: 2}); ; {
		page, more, err := in.Audit(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			seen, f.Before = append([]Action{e.Action}, seen...), e.ID
		}
		if !more {
			break
		}
	}
	if diff := cmp.Diff(all, seen); diff != "" {
		t.Errorf("page by page (-want +got)\n%s", diff)
	}
}
