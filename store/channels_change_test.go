package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
)

func TestCreateChannel(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	m, err := in.CreateChannel(t.Context(), bob.ID, NewChannel{Name: "büro-1", Topic: "desks", Description: "one\ntwo", Private: true})
	if err != nil || m.Name != "büro-1" || m.Kind != Private || !m.Private || m.Topic != "desks" || m.Description != "one\ntwo" ||
		m.Members != 1 || m.CreatedBy == nil || *m.CreatedBy != bob.ID || !m.Joined || m.UserIDs != nil {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := in.CreateChannel(t.Context(), in.owner.ID, NewChannel{Name: "büro-1"}); CodeOf(err) != Conflict {
		t.Errorf("a name that is taken: %v", err)
	}
	for _, name := range []string{"", "a b", "A", "#a", "a@b", "a,b", "a:b", "a\tb", "a\u00a0b", "a\u2028", "a\u200bb", "a\x00", "\xff", strings.Repeat("a", 81)} {
		if _, err := in.CreateChannel(t.Context(), bob.ID, NewChannel{Name: name}); CodeOf(err) != Invalid {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for _, p := range []NewChannel{{Name: "x", Topic: strings.Repeat("ü", 251)}, {Name: "x", Description: strings.Repeat("ü", 1001)}, {Name: "x", Topic: "\x00"}} {
		if _, err := in.CreateChannel(t.Context(), bob.ID, p); CodeOf(err) != Invalid {
			t.Errorf("%+v: %v", p, err)
		}
	}
	in.role(t, bob, Guest)
	if _, err := in.CreateChannel(t.Context(), bob.ID, NewChannel{Name: "guests"}); CodeOf(err) != Forbidden {
		t.Errorf("by a guest: %v", err)
	}
	if list, more, err := in.Browse(t.Context(), in.owner.ID, "", 10); err != nil || more || len(list) != 0 {
		t.Errorf("private channels are shown: %v %v %v", list, more, err)
	}
}

func TestBrowse(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	for _, name := range []string{"c", "a", "b"} {
		in.create(t, in.owner, name, false)
	}
	in.create(t, bob, "mine", false)
	in.must(t, `UPDATE channels SET archived = true WHERE name = 'c'`)
	names := func(list []Membership) (names []string) {
		for _, m := range list {
			names = append(names, m.Name)
		}
		return names
	}
	list, more, err := in.Browse(t.Context(), bob.ID, "", 2)
	if err != nil || !more || fmt.Sprint(names(list)) != "[a b]" || list[0].Joined || list[0].Members != 1 {
		t.Errorf("%+v %v %v", list, more, err)
	}
	list, more, err = in.Browse(t.Context(), bob.ID, "b", 2)
	if err != nil || more || fmt.Sprint(names(list)) != "[c]" || !list[0].Archived {
		t.Errorf("%+v %v %v", list, more, err)
	}
	in.role(t, bob, Guest)
	if list, _, err := in.Browse(t.Context(), bob.ID, "", 2); err != nil || len(list) != 0 {
		t.Errorf("a guest is shown %v %v", list, err)
	}
}

func TestUpdateChannel(t *testing.T) {
	in := newInstance(t)
	id := in.create(t, in.owner, "old", false).ID
	in.create(t, in.owner, "taken", false)
	name, topic, yes, no := "new", "what for", true, false
	update := func(p ChannelParams) (Channel, Change, error) {
		return in.UpdateChannel(t.Context(), in.owner.ID, id, p)
	}
	c, change, err := update(ChannelParams{Name: &name, Topic: &topic})
	if err != nil || c.Name != name || c.Topic != topic || change.Rev != 1 || c.LastRev != 1 {
		t.Errorf("%+v %+v %v", c, change, err)
	}
	for to, told := range []bool{false, true, true} {
		missed, err := in.Missed(t.Context(), Span{ChannelID: id, From: 1, To: int64(to)}, 10)
		if err != nil || (missed.State != nil) != told || told && missed.State.Name != name {
			t.Errorf("missed up to rev %d: %+v, %v", to, missed, err)
		}
	}
	for _, p := range []ChannelParams{{Name: &name}, {Archived: &no}, {}} {
		if c, change, err := update(p); err != nil || change.Rev != 0 || c.Name != name {
			t.Errorf("%+v changes nothing: %+v %+v %v", p, c, change, err)
		}
	}
	taken, wrong := "taken", "a b"
	if _, _, err := update(ChannelParams{Name: &taken}); CodeOf(err) != Conflict {
		t.Errorf("a name that is taken: %v", err)
	}
	if _, _, err := update(ChannelParams{Name: &wrong}); CodeOf(err) != Invalid {
		t.Errorf("a wrong name: %v", err)
	}
	if c, change, err := update(ChannelParams{Archived: &yes}); err != nil || !c.Archived || change.Rev != 2 {
		t.Errorf("%+v %+v %v", c, change, err)
	}
	for _, o := range inOneBatch(t, WriterConfig{Store: in.Store}, []Send{{ClientID: uuid.New(), ChannelID: id, AuthorID: in.owner.ID, Body: "x"}}) {
		if CodeOf(o.err) != Forbidden || !strings.Contains(o.err.Error(), "archived") {
			t.Errorf("send to an archived channel: %v", o.err)
		}
	}
	if _, _, err := update(ChannelParams{Topic: &name}); CodeOf(err) != Forbidden {
		t.Errorf("topic of an archived channel: %v", err)
	}
	if _, err := in.Join(t.Context(), in.register(t, "bob").ID, id); CodeOf(err) != Forbidden {
		t.Errorf("join an archived channel: %v", err)
	}
	if c, _, err := update(ChannelParams{Archived: &no, Topic: &name}); err != nil || c.Archived || c.Topic != name {
		t.Errorf("brought back: %+v %v", c, err)
	}
}

func TestDeleteChannel(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	id := in.create(t, bob, "gone", false).ID
	in.say(t, bob, id, "a", "b")
	if _, err := in.Join(t.Context(), in.owner.ID, id); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Leave(t.Context(), in.owner.ID, id); err != nil {
		t.Fatal(err)
	}
	if err := in.DeleteChannel(t.Context(), in.register(t, "eve").ID, id); CodeOf(err) != Forbidden {
		t.Errorf("by another: %v", err)
	}
	if err := in.DeleteChannel(t.Context(), in.owner.ID, in.general); CodeOf(err) != Forbidden {
		t.Errorf("#general: %v", err)
	}
	if err := in.DeleteChannel(t.Context(), bob.ID, id); err != nil {
		t.Fatal(err)
	}
	if err := in.DeleteChannel(t.Context(), bob.ID, id); CodeOf(err) != NotFound {
		t.Errorf("again: %v", err)
	}
	in.create(t, bob, "gone", false)
}

func TestNotifyBoundsWhatIsCounted(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	in.say(t, bob, in.general, "one", "two @ada", "three")
	for level, want := range map[Notify][2]int64{NotifyAll: {3, 1}, NotifyMentions: {1, 1}, NotifyNone: {0, 0}} {
		m, err := in.SetNotify(t.Context(), in.owner.ID, in.general, level)
		if err != nil || m.Notify != level || [2]int64{m.Unread, m.Mentions} != want {
			t.Errorf("%s: %+v, %v; want %v", level, m, err, want)
		}
	}
	if _, err := in.SetNotify(t.Context(), in.owner.ID, in.general, "loud"); CodeOf(err) != Invalid {
		t.Error(err)
	}
}

func TestDirects(t *testing.T) {
	in := newInstance(t)
	bob, eve := in.register(t, "bob"), in.register(t, "eve")
	open := func(by User, with ...uuid.UUID) (Membership, bool, error) {
		return in.OpenDirect(t.Context(), by.ID, with)
	}
	m, created, err := open(bob, in.owner.ID)
	if err != nil || !created || m.Kind != Direct || !m.Private || m.Name != "" || len(m.UserIDs) != 2 || m.Members != 2 {
		t.Errorf("%+v %v %v", m, created, err)
	}
	same, created, err := open(in.owner, bob.ID, in.owner.ID, bob.ID)
	if err != nil || created || same.ID != m.ID {
		t.Errorf("%+v %v %v", same, created, err)
	}
	for name, with := range map[string][]uuid.UUID{"oneself": {bob.ID}, "two others": {in.owner.ID, eve.ID}} {
		if other, created, err := open(bob, with...); err != nil || !created || other.ID == m.ID {
			t.Errorf("with %s: %+v %v %v", name, other, created, err)
		}
	}
	var many []uuid.UUID
	for i := range 9 {
		many = append(many, in.register(t, fmt.Sprint("user", i)).ID)
	}
	if m, _, err := open(bob, many[:8]...); err != nil || m.Members != 9 {
		t.Errorf("of nine: %+v %v", m, err)
	}
	for name, with := range map[string][]uuid.UUID{"too many": many, "nobody": nil, "unknown": {uuid.New()}} {
		if _, _, err := open(bob, with...); CodeOf(err) != Invalid {
			t.Errorf("with %s: %v", name, err)
		}
	}
	in.must(t, `UPDATE users SET active = false WHERE id = $1`, eve.ID)
	if _, _, err := open(in.owner, eve.ID); CodeOf(err) != Invalid {
		t.Errorf("with somebody inactive: %v", err)
	}
	guest := in.role(t, in.register(t, "guest"), Guest)
	in.must(t, `DELETE FROM channel_members WHERE user_id = $1`, guest.ID)
	if _, _, err := open(guest, bob.ID); CodeOf(err) != Invalid {
		t.Errorf("a guest with a stranger: %v", err)
	}
	in.moves(t, in.create(t, bob, "shared", true).ID, guest)
	if _, created, err := open(guest, bob.ID); err != nil || !created {
		t.Errorf("a guest with somebody known: %v", err)
	}
}

func TestTheSamePeopleAtOnceGetOneConversation(t *testing.T) {
	in := newInstance(t)
	bob := in.register(t, "bob")
	var wg sync.WaitGroup
	found := make(chan uuid.UUID, 8)
	for i := range cap(found) {
		by, with := in.owner, bob
		if i%2 == 0 {
			by, with = bob, in.owner
		}
		wg.Go(func() {
			m, _, err := in.OpenDirect(t.Context(), by.ID, ids(with))
			if err != nil {
				t.Error(err)
			}
			found <- m.ID
		})
	}
	wg.Wait()
	first := <-found
	for range cap(found) - 1 {
		if id := <-found; id != first {
			t.Errorf("%s and %s", first, id)
		}
	}
}
