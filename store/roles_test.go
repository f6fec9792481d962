package store

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
)

// stand changes a user's role or activity, and fails the test if that is refused.
func (in instance) stand(t *testing.T, u User, change StandingParams) (User, []uuid.UUID) {
	t.Helper()
	changed, ended, err := in.ChangeStanding(t.Context(), u.ID, change, allow)
	if err != nil {
		t.Fatal(err)
	}
	return changed, ended
}

func TestChangeStanding(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	session, token := in.login(t, bob, time.Now().Add(time.Hour))
	if changed, ended := in.stand(t, bob, StandingParams{Role: new(Admin)}); changed.Role != Admin || !changed.Active || len(ended) != 0 {
		t.Errorf("%+v, ended %v", changed, ended)
	}
	invite, err := in.CreateInvite(t.Context(), InviteParams{CreatedBy: bob.ID})
	if err != nil {
		t.Fatal(err)
	}
	changed, ended := in.stand(t, bob, StandingParams{Active: new(false)})
	if changed.Active || changed.Role != Admin || len(ended) != 1 || ended[0] != session.ID {
		t.Errorf("%+v, ended %v", changed, ended)
	}
	if _, err := in.Invitation(t.Context(), invite.Code); CodeOf(err) != NotFound {
		t.Errorf("an invite of who is not active: %v", err)
	}
	in.stand(t, bob, StandingParams{Active: new(true)})
	if _, _, err := in.SessionByToken(t.Context(), token); CodeOf(err) != NotFound {
		t.Errorf("a login from before: %v", err)
	}
	_, _, err = in.ChangeStanding(t.Context(), bob.ID, StandingParams{Role: new(Role("king"))}, allow)
	checkInvalid(t, err, "role")
	if _, _, err := in.ChangeStanding(t.Context(), uuid.New(), StandingParams{}, allow); CodeOf(err) != NotFound {
		t.Errorf("nobody: %v", err)
	}
	refusal := errors.New("no")
	if _, _, err := in.ChangeStanding(t.Context(), bob.ID, StandingParams{Active: new(false)}, func(u User) error {
		if u.ID != bob.ID || u.Role != Admin {
			t.Errorf("asked about %+v", u)
		}
		return refusal
	}); !errors.Is(err, refusal) {
		t.Errorf("refused: %v", err)
	}
	if u, err := in.User(t.Context(), bob.ID); err != nil || !u.Active {
		t.Errorf("changed although it was refused: %+v, %v", u, err)
	}
}

// Of two owners who step down at once, one does not: the second waits for the first, and sees it then.
func TestTheLastOwnerStays(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	in.stand(t, bob, StandingParams{Role: new(Owner)})
	first, err := in.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = first.Rollback(t.Context()) }()
	if _, err := first.Exec(t.Context(), "UPDATE users SET active = false WHERE id = $1", in.owner.ID); err != nil {
		t.Fatal(err)
	}
	second := make(chan error)
	go func() {
		_, _, err := in.ChangeStanding(t.Context(), bob.ID, StandingParams{Role: new(Member)}, allow)
		second <- err
	}()
	eventually(t, func() error {
		var waiting bool
		err := in.pool.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting)
		if err == nil && !waiting {
			err = errors.New("the second does not wait for the first")
		}
		return err
	})
	if err := first.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-second; CodeOf(err) != Conflict {
		t.Errorf("the second owner who steps down: %v", err)
	}
	if left, err := in.FirstOwner(t.Context()); err != nil || left.ID != bob.ID {
		t.Errorf("owner %+v, %v", left, err)
	}
}

func TestGuestsSeeThePeopleOfTheirChannels(t *testing.T) {
	in := newInstance(t)
	bob, eve := in.register(t, "bob"), in.register(t, "eve")
	shared := in.channel(t, "shared", bob)
	guest := in.guest(t, "gus", shared)
	ids, err := in.ChannelIDs(t.Context(), guest.ID)
	if err != nil || len(ids) != 1 || ids[0] != shared {
		t.Errorf("channels of the guest: %v, %v", ids, err)
	}
	for viewer, want := range map[User][]User{
		guest: {bob, guest},
		eve:   {in.owner, bob, eve, guest},
	} {
		list, more, err := in.Users(t.Context(), UsersPage{Viewer: viewer.ID, Limit: 100})
		if err != nil || more || len(list) != len(want) {
			t.Errorf("%s sees %+v, %v", viewer.Username, list, err)
		}
		ids, err := in.SeenUserIDs(t.Context(), viewer.ID)
		if err != nil || len(ids) != len(want) {
			t.Errorf("%s sees %v, %v", viewer.Username, ids, err)
		}
		for _, u := range want {
			if seen, err := in.SeenUser(t.Context(), viewer.ID, u.ID); err != nil || seen != u {
				t.Errorf("%s sees %+v, %v", viewer.Username, seen, err)
			}
		}
	}
	if _, err := in.SeenUser(t.Context(), guest.ID, eve.ID); CodeOf(err) != NotFound {
		t.Errorf("a guest sees a stranger: %v", err)
	}
	list, more, err := in.Users(t.Context(), UsersPage{Viewer: bob.ID, After: "ADA", Limit: 2})
	if err != nil || !more || len(list) != 2 || list[0] != bob || list[1] != eve {
		t.Errorf("a page: %+v, %v, %v", list, more, err)
	}
}

// guest makes a guest of one channel.
func (in instance) guest(t *testing.T, name string, channel uuid.UUID) User {
	t.Helper()
	invite := in.invite(t, InviteParams{Role: Guest, Channels: []uuid.UUID{channel}})
	guest, err := in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: name})
	if err != nil {
		t.Fatal(err)
	}
	return guest
}

// Nobody can bring others where they could not go themselves.
func TestChannelsOfAnInvite(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	open, closed, mine, old := in.channel(t, "open"), in.channel(t, "closed", bob), in.channel(t, "mine", in.owner), in.channel(t, "old")
	in.must(t, "UPDATE channels SET kind = 'private' WHERE id = ANY ($1)", []uuid.UUID{closed, mine})
	in.must(t, "UPDATE channels SET archived = true WHERE id = $1", old)
	invite := in.invite(t, InviteParams{Role: Member, Channels: []uuid.UUID{open, mine, mine, in.general}})
	if len(invite.Channels) != 3 {
		t.Errorf("channels %v", invite.Channels)
	}
	for name, id := range map[string]uuid.UUID{"closed": closed, "archived": old, "unknown": uuid.New()} {
		_, err := in.CreateInvite(t.Context(), InviteParams{CreatedBy: in.owner.ID, Channels: []uuid.UUID{open, id}})
		t.Log(name)
		checkInvalid(t, err, "channels")
	}
	list, err := in.Invites(t.Context())
	if err != nil || len(list) != 2 { // bob's, and this one: nothing is left of those that were refused
		t.Errorf("%d invites, %v", len(list), err)
	}
	in.must(t, "UPDATE channels SET archived = true WHERE id = $1", open)
	eve, err := in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: "eve"})
	if err != nil {
		t.Fatal(err)
	}
	if ids, err := in.ChannelIDs(t.Context(), eve.ID); err != nil || len(ids) != 2 {
		t.Errorf("the channels of who used it: %v, %v", ids, err)
	}
	if given, err := in.Invitation(t.Context(), invite.Code); err != nil || given.Workspace != "Home" || given.InvitedBy != "Ada" || given.Role != Member {
		t.Errorf("%+v, %v", given, err)
	}
}
