package store

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// hook makes a hook of the owner's.
func (in instance) hook(t testing.TB, channel uuid.UUID, name string) Hook {
	t.Helper()
	hook, err := in.CreateHook(t.Context(), in.owner.ID, NewHook{ChannelID: channel, Name: name, TokenHash: tokenHash()})
	if err != nil {
		t.Fatal(err)
	}
	return hook
}

func TestWhatAHookSends(t *testing.T) {
	in := newInstance(t)
	hook, w := in.hook(t, in.general, "CI"), startWriter(t, WriterConfig{Store: in.Store})
	send := Send{ClientID: uuid.New(), ChannelID: in.general, AuthorID: hook.UserID, Body: "@ada built for @channel"}
	plain, err := w.Send(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	send.ClientID, send.AuthorName, send.AuthorEmoji = uuid.New(), "Build 7", "🔨"
	named, err := w.Send(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	if a := plain.Message.Author; a.DisplayName != "CI" || !a.Bot || a.Emoji != "" || a.ID != hook.UserID {
		t.Errorf("author %+v", a)
	}
	if a := named.Message.Author; a.DisplayName != "Build 7" || !a.Bot || a.Emoji != "🔨" || a.ID != hook.UserID {
		t.Errorf("author %+v", a)
	}
	list, _, err := in.Messages(t.Context(), in.general, Page{})
	if diff := cmp.Diff([]Message{plain.Message, named.Message}, list); err != nil || diff != "" {
		t.Errorf("%v (-sent +read)\n%s", err, diff)
	}
	if again, err := w.Send(t.Context(), send); err != nil || again.Created || again.Message.ID != named.Message.ID {
		t.Errorf("again: %+v, %v", again, err)
	}
	if c, err := in.Channel(t.Context(), in.owner.ID, in.general); err != nil || c.Unread != 2 || c.Mentions != 2 || c.Members != 1 {
		t.Errorf("%+v, %v", c, err)
	}

	elsewhere := in.channel(t, "elsewhere", in.owner)
	send.ClientID, send.ChannelID = uuid.New(), elsewhere
	if _, err := w.Send(t.Context(), send); CodeOf(err) != NotFound {
		t.Errorf("to a channel of no hook: %v", err)
	}
	if err := in.DeleteHook(t.Context(), in.owner.ID, hook.ID); err != nil {
		t.Fatal(err)
	}
	send.ClientID, send.ChannelID = uuid.New(), in.general
	if _, err := w.Send(t.Context(), send); CodeOf(err) != NotFound {
		t.Errorf("of a hook that is gone: %v", err)
	}
}

// A bot is nobody whom one could meet.
func TestBotsAreNotAmongPeople(t *testing.T) {
	in := newInstance(t)
	hook := in.hook(t, in.general, "CI")
	var username string
	if err := in.pool.QueryRow(t.Context(), "SELECT username FROM users WHERE id = $1", hook.UserID).Scan(&username); err != nil {
		t.Fatal(err)
	}
	if _, _, err := in.UserByUsername(t.Context(), username); CodeOf(err) != NotFound {
		t.Errorf("to log in: %v", err)
	}
	if list, _, err := in.Users(t.Context(), UsersPage{Viewer: in.owner.ID, Limit: 10}); err != nil || len(list) != 1 {
		t.Errorf("%d people, %v", len(list), err)
	}
	if ids, err := in.SeenUserIDs(t.Context(), in.owner.ID); err != nil || len(ids) != 1 {
		t.Errorf("%d are seen, %v", len(ids), err)
	}
	if _, err := in.SeenUser(t.Context(), in.owner.ID, hook.UserID); CodeOf(err) != NotFound {
		t.Errorf("to look at: %v", err)
	}
	if list, _, err := in.Members(t.Context(), in.owner.ID, in.general, "", 10); err != nil || len(list) != 1 {
		t.Errorf("%d members, %v", len(list), err)
	}
	_, _, err := in.ChangeStanding(t.Context(), hook.UserID, StandingParams{Role: new(Member)}, allow)
	if CodeOf(err) != NotFound {
		t.Errorf("to promote: %v", err)
	}
	if _, err := in.BeginReset(t.Context(), hook.UserID, 1, allow); CodeOf(err) != NotFound {
		t.Errorf("to give a password: %v", err)
	}
	_, err = in.AddMembers(t.Context(), in.owner.ID, in.channel(t, "x", in.owner), []uuid.UUID{hook.UserID})
	checkInvalid(t, err, "user_ids")
	_, _, err = in.OpenDirect(t.Context(), in.owner.ID, []uuid.UUID{hook.UserID})
	checkInvalid(t, err, "user_ids")
}

func TestWhoMakesAndDeletesHooks(t *testing.T) {
	in := newInstance(t)
	bob, eve := in.register(t, "bob"), in.register(t, "eve")
	busy := in.create(t, bob, "busy", true).ID
	made := in.hook(t, in.general, "of the owner")
	for name, p := range map[string]struct {
		by      User
		channel uuid.UUID
		code    Code
	}{"not seen": {eve, busy, NotFound}, "not there": {bob, uuid.New(), NotFound}, "not in": {eve, in.channel(t, "other"), Forbidden}} {
		if _, err := in.CreateHook(t.Context(), p.by.ID, NewHook{ChannelID: p.channel, Name: "x", TokenHash: tokenHash()}); CodeOf(err) != p.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", " ", "a\nb"} {
		_, err := in.CreateHook(t.Context(), bob.ID, NewHook{ChannelID: busy, Name: name, TokenHash: tokenHash()})
		checkInvalid(t, err, "name")
	}
	hook, err := in.CreateHook(t.Context(), bob.ID, NewHook{ChannelID: busy, Name: "of bob", TokenHash: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	if found, err := in.HookByToken(t.Context(), []byte("0123456789abcdef")); err != nil || found != hook {
		t.Errorf("%+v, %v; want %+v", found, err, hook)
	}
	for user, want := range map[User][]Hook{bob: {hook, made}, eve: {made}, in.owner: {hook, made}} {
		if list, err := in.Hooks(t.Context(), user.ID, uuid.Nil); err != nil || !cmp.Equal(list, want) {
			t.Errorf("%s sees %v, %v", user.Username, list, err)
		}
	}
	if err := in.DeleteHook(t.Context(), eve.ID, hook.ID); CodeOf(err) != NotFound {
		t.Errorf("of a channel that one does not see: %v", err)
	}
	if err := in.DeleteHook(t.Context(), eve.ID, made.ID); CodeOf(err) != Forbidden {
		t.Errorf("of somebody else: %v", err)
	}
	for range MaxHooks - 1 {
		in.hook(t, in.general, "more")
	}
	if _, err := in.CreateHook(t.Context(), bob.ID, NewHook{ChannelID: in.general, Name: "x", TokenHash: tokenHash()}); CodeOf(err) != Conflict {
		t.Errorf("one too many: %v", err)
	}
	if err := in.DeleteChannel(t.Context(), bob.ID, busy); err != nil {
		t.Fatal(err)
	}
	if _, err := in.HookByToken(t.Context(), []byte("0123456789abcdef")); CodeOf(err) != NotFound {
		t.Errorf("of a channel that is gone: %v", err)
	}
	created := []Action{HookCreated}
	if got := in.actions(t, AuditFilter{Target: hook.ID}); fmt.Sprint(got) != fmt.Sprint(created) {
		t.Errorf("audited: %v", got)
	}
}
