package store

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func (in instance) invite(t *testing.T, p InviteParams) Invite {
	t.Helper()
	p.CreatedBy = in.owner.ID
	invite, err := in.CreateInvite(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return invite
}

func TestInvites(t *testing.T) {
	in := newInstance(t)
	later := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	plain, full := in.invite(t, InviteParams{}), in.invite(t, InviteParams{Role: Guest, MaxUses: new(3), ExpiresAt: &later})
	if plain.Role != Member || plain.MaxUses != nil || plain.ExpiresAt != nil || len(plain.Code) < 20 {
		t.Errorf("invite: %+v", plain)
	}
	if full.Role != Guest || *full.MaxUses != 3 || !full.ExpiresAt.Equal(later) || full.Code == plain.Code {
		t.Errorf("invite: %+v", full)
	}
	list, err := in.Invites(t.Context())
	if diff := cmp.Diff([]Invite{full, plain}, list); err != nil || diff != "" {
		t.Errorf("all: %v (-want +got)\n%s", err, diff)
	}
	if err := in.DeleteInvite(t.Context(), plain.ID); err != nil {
		t.Error(err)
	}
	if err := in.DeleteInvite(t.Context(), plain.ID); CodeOf(err) != NotFound {
		t.Errorf("deleted again: %v", err)
	}
	ago := time.Now().Add(-time.Second)
	_, err = in.CreateInvite(t.Context(), InviteParams{Role: Owner, MaxUses: new(0), ExpiresAt: &ago})
	checkInvalid(t, err, "role", "max_uses", "expires_in")
	if _, err := in.CreateInvite(t.Context(), InviteParams{CreatedBy: uuid.New()}); CodeOf(err) != NotFound {
		t.Errorf("by an unknown user: %v", err)
	}
}

func TestRegister(t *testing.T) {
	in := newInstance(t)
	in.must(t, `UPDATE channels SET last_seq = 7, last_rev = 7`)
	invite := in.invite(t, InviteParams{Role: Admin, MaxUses: new(1)})
	uses := func() int {
		t.Helper()
		list, err := in.Invites(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return list[len(list)-1].Uses
	}
	_, err := in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: "ADA", PasswordHash: "hash"})
	if e, ok := err.(*Error); !ok || e.Code != Conflict || e.Fields["username"] == "" || uses() != 0 {
		t.Errorf("a username that is taken: %v, and the invite has %d uses", err, uses())
	}
	_, err = in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: "-", DisplayName: "\n"})
	checkInvalid(t, err, "username", "display_name")
	_, err = in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: "Channel"})
	checkInvalid(t, err, "username")

	bob, err := in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: "bob", DisplayName: "Bob", PasswordHash: "hash"})
	if err != nil || bob.Role != Admin || bob.DisplayName != "Bob" || uses() != 1 {
		t.Errorf("%+v, %v, and the invite has %d uses", bob, err, uses())
	}
	list, err := in.Channels(t.Context(), bob.ID)
	if err != nil || len(list) != 1 || list[0].ID != in.general || list[0].Unread != 0 || list[0].ReadSeq != 7 {
		t.Errorf("channels: %+v, %v", list, err)
	}

	expired := in.invite(t, InviteParams{})
	in.must(t, `UPDATE invites SET expires_at = now() WHERE id = $1`, expired.ID)
	for name, code := range map[string]string{"used up": invite.Code, "expired": expired.Code, "unknown": "nonsense", "no text": "\x00\xff"} {
		if _, err := in.Register(t.Context(), RegisterParams{InviteCode: code, Username: "eve"}); CodeOf(err) != NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Of many who want to use an invite at once no more get in than it allows.
func TestInviteIsNotUsedTooOften(t *testing.T) {
	in := newInstance(t)
	invite := in.invite(t, InviteParams{MaxUses: new(3)})
	var registered atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			_, err := in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: fmt.Sprint("user", i)})
			switch {
			case err == nil:
				registered.Add(1)
			case CodeOf(err) != NotFound:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, _, err := in.Users(t.Context(), UsersPage{Viewer: in.owner.ID, Limit: 100})
	if registered.Load() != 3 || err != nil || len(list) != 4 {
		t.Errorf("%d registered, and there are %d users, %v", registered.Load(), len(list), err)
	}
}

// Of several who want one username at once, one gets it.
func TestUsernameIsTakenOnce(t *testing.T) {
	in := newInstance(t)
	invite := in.invite(t, InviteParams{})
	var registered atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := "bob"
			if i%2 == 0 {
				name = strings.ToUpper(name)
			}
			_, err := in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: name})
			switch {
			case err == nil:
				registered.Add(1)
			case CodeOf(err) != Conflict:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if registered.Load() != 1 {
		t.Errorf("%d registered", registered.Load())
	}
}
