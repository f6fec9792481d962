package store

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func (in instance) create(t testing.TB, by User, name string, private bool) Membership {
	t.Helper()
	m, err := in.CreateChannel(t.Context(), by.ID, NewChannel{Name: name, Private: private})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func (in instance) role(t testing.TB, u User, role Role) User {
	t.Helper()
	in.must(t, `UPDATE users SET role = $2 WHERE id = $1`, u.ID, role)
	u.Role = role
	return u
}

// revOf is the rev of the first move; 0 when there is none.
func revOf(moves Moves) int64 {
	if len(moves.List) == 0 {
		return 0
	}
	return moves.List[0].Rev
}

func namesOf(users []User) (names []string) {
	for _, u := range users {
		names = append(names, u.Username)
	}
	slices.Sort(names)
	return names
}

func TestComingAndGoing(t *testing.T) {
	in := newInstance(t)
	bob, eve := in.register(t, "bob"), in.register(t, "eve")
	public := in.create(t, bob, "public", false)
	in.say(t, bob, public.ID, "before") // rev 1
	for i, want := range []int64{2, 0} {
		moves, err := in.Join(t.Context(), eve.ID, public.ID)
		if err != nil || revOf(moves) != want || len(moves.List) != min(1, int(want)) {
			t.Errorf("join %d: %+v, %v", i, moves, err)
		}
	}
	m, err := in.Channel(t.Context(), eve.ID, public.ID)
	if err != nil || m.Members != 2 || m.ReadSeq != 1 || m.Unread != 0 || !m.Joined || m.Notify != NotifyAll {
		t.Errorf("who has joined has %+v, %v", m, err)
	}
	zoe := in.register(t, "zoe")
	moves, err := in.AddMembers(t.Context(), eve.ID, public.ID, []uuid.UUID{zoe.ID, in.owner.ID, bob.ID, in.owner.ID})
	if err != nil || len(moves.List) != 2 || moves.List[0].Rev != 3 || moves.List[0].User != in.owner || moves.Channel.Members != 4 || moves.Channel.LastRev != 4 || moves.List[1].Rev != 4 || moves.List[1].User != zoe {
		t.Errorf("brought in: %+v, %v", moves, err)
	}
	someMembers, more, err := in.Members(t.Context(), eve.ID, public.ID, "", 2)
	if err != nil || !more || fmt.Sprint(namesOf(someMembers)) != "[ada bob]" {
		t.Errorf("first members: %v %v %v", namesOf(someMembers), more, err)
	}
	someMembers, more, err = in.Members(t.Context(), eve.ID, public.ID, "bob", 2)
	if err != nil || more || fmt.Sprint(namesOf(someMembers)) != "[eve zoe]" {
		t.Errorf("the rest: %v %v %v", namesOf(someMembers), more, err)
	}
	for i, want := range []int64{5, 0} {
		moves, err := in.Leave(t.Context(), eve.ID, public.ID)
		if err != nil || revOf(moves) != want {
			t.Errorf("leave %d: %+v, %v", i, moves, err)
		}
	}
	missed, err := in.Missed(t.Context(), Span{ChannelID: public.ID, From: 5, To: 5, AfterSeq: 1}, 10)
	if err != nil || len(missed.Left) != 1 || missed.Left[0] != eve {
		t.Errorf("after a leave was missed: %+v, %v", missed, err)
	}
	if _, err := in.Join(t.Context(), eve.ID, public.ID); err != nil {
		t.Error(err)
	}
	missed, err = in.Missed(t.Context(), Span{ChannelID: public.ID, From: 1, To: 9, AfterSeq: 1}, 10)
	if err != nil || len(missed.Left) != 0 || fmt.Sprint(namesOf(missed.Joined)) != "[ada eve zoe]" || missed.State != nil {
		t.Errorf("of who is back it is said: %+v, %v", missed, err)
	}
	joined, err := in.JoinedSince(t.Context(), 60)
	if err != nil || !slices.Contains(joined, MemberKey{eve.ID, public.ID}) {
		t.Errorf("joined lately: %v, %v", joined, err)
	}
	list, err := in.Memberships(t.Context(), append(joined, MemberKey{uuid.New(), public.ID}))
	if err != nil || len(list) != len(joined) || !slices.ContainsFunc(list, func(m Membership) bool { return m.UserID == eve.ID && m.ID == public.ID }) {
		t.Errorf("their memberships: %+v, %v", list, err)
	}
	in.must(t, `UPDATE channel_members SET joined_at = now() - interval '2 minutes'`)
	if joined, err = in.JoinedSince(t.Context(), 60); err != nil || len(joined) != 0 {
		t.Errorf("joined lately: %v, %v", joined, err)
	}
}

// Who may do what in which channel.
func TestWhoMayInAChannel(t *testing.T) {
	in := newInstance(t)
	maker, inside, outside, out := in.register(t, "maker"), in.register(t, "inside"), in.register(t, "outside"), in.register(t, "out")
	admin := in.role(t, in.register(t, "admin"), Admin)
	guest := in.role(t, in.register(t, "guest"), Guest)
	stranger := in.role(t, in.register(t, "stranger"), Guest)
	inactive := in.register(t, "inactive")
	in.must(t, `UPDATE users SET active = false WHERE id = $1`, inactive.ID)
	public, private := in.create(t, maker, "public", false), in.create(t, maker, "private", true)
	for _, c := range []Membership{public, private} {
		in.moves(t, maker, c.ID, inside, admin, guest, inactive)
	}
	direct, _, err := in.OpenDirect(t.Context(), maker.ID, []uuid.UUID{inside.ID})
	if err != nil {
		t.Fatal(err)
	}
	text := func(s string) *string { return &s }
	archived := true
	deeds := map[string]func(User, uuid.UUID) error{
		"look": func(u User, c uuid.UUID) error { _, err := in.Look(t.Context(), u.ID, c); return err },
		"list": func(u User, c uuid.UUID) error {
			_, _, err := in.Members(t.Context(), u.ID, c, "", 10)
			return err
		},
		"join": func(u User, c uuid.UUID) error { _, err := in.Join(t.Context(), u.ID, c); return in.back(t, u, c, err) },
		"leave": func(u User, c uuid.UUID) error {
			_, err := in.Leave(t.Context(), u.ID, c)
			return in.back(t, u, c, err)
		},
		"bring": func(u User, c uuid.UUID) error {
			_, err := in.AddMembers(t.Context(), u.ID, c, ids(inside))
			return err
		},
		"remove": func(u User, c uuid.UUID) error {
			_, err := in.RemoveMembers(t.Context(), u.ID, c, ids(out))
			return err
		},
		"topic": func(u User, c uuid.UUID) error {
			_, _, err := in.UpdateChannel(t.Context(), u.ID, c, ChannelParams{Topic: text(uuid.NewString())})
			return err
		},
		"rename": func(u User, c uuid.UUID) error {
			_, _, err := in.UpdateChannel(t.Context(), u.ID, c, ChannelParams{Name: text(uuid.NewString())})
			return err
		},
		"archive": func(u User, c uuid.UUID) error {
			_, _, err := in.UpdateChannel(t.Context(), u.ID, c, ChannelParams{Archived: &archived})
			in.must(t, `UPDATE channels SET archived = false WHERE id = $1`, c)
			return err
		},
		"notify": func(u User, c uuid.UUID) error {
			_, err := in.SetNotify(t.Context(), u.ID, c, NotifyAll)
			return err
		},
	}
	order := []string{"look", "list", "notify", "join", "leave", "bring", "remove", "topic", "rename", "archive"}
	type row struct {
		who  User
		want string // a letter for each of order: yes, no (forbidden), or hidden (not found)
	}
	for _, channel := range []struct {
		name string
		id   uuid.UUID
		rows []row
	}{
		{"public", public.ID, []row{{maker, "yyyyyyyyyy"}, {inside, "yyyyyynynn"}, {outside, "yyhyynnnnn"}, {admin, "yyyyyyyyyy"},
			{in.owner, "yyhyynynyy"}, {guest, "yyyyynnynn"}, {stranger, "hhhhhhhhhh"}, {inactive, "hhyhhhhhhh"}}},
		{"private", private.ID, []row{{maker, "yyyyyyyyyy"}, {inside, "yyyyyynynn"}, {outside, "hhhhhhhhhh"}, {admin, "yyyyyyyyyy"},
			{in.owner, "hhhhhhhhhh"}, {guest, "yyyyynnynn"}, {stranger, "hhhhhhhhhh"}}},
		{"direct", direct.ID, []row{{maker, "yyyynnnnnn"}, {inside, "yyyynnnnnn"}, {outside, "hhhhhhhhhh"}, {admin, "hhhhhhhhhh"},
			{in.owner, "hhhhhhhhhh"}, {guest, "hhhhhhhhhh"}}},
		{"general", in.general, []row{{in.owner, "yyyynyyyyn"}, {admin, "yyyynyyyyn"}, {outside, "yyyynynynn"}, {guest, "yyyyynnynn"}}},
		{"none", uuid.New(), []row{{in.owner, "hhhhhhhhhh"}, {outside, "hhhhhhhhhh"}}},
	} {
		for _, r := range channel.rows {
			for i, deed := range order {
				want := map[byte]Code{'y': "", 'n': Forbidden, 'h': NotFound}[r.want[i]]
				if channel.name == "general" && deed == "remove" && want == "" {
					in.must(t, `DELETE FROM channel_members WHERE user_id = $1 AND channel_id = $2`, out.ID, in.general)
				}
				err := deeds[deed](r.who, channel.id)
				if got := codeOrNone(err); got != want && !(r.who.ID == inactive.ID && deed == "notify") {
					t.Errorf("%s: %s %s: %v", channel.name, r.who.Username, deed, err)
				}
			}
		}
	}
	if _, err := in.RemoveMembers(t.Context(), admin.ID, in.general, ids(outside)); CodeOf(err) != Forbidden {
		t.Errorf("somebody is taken out of #general: %v", err)
	}
	if moves, err := in.RemoveMembers(t.Context(), admin.ID, in.general, ids(stranger)); err != nil || len(moves.List) != 1 {
		t.Errorf("a guest is taken out of #general: %+v, %v", moves, err)
	}
	for name, who := range map[string][]uuid.UUID{"inactive": ids(outside, inactive), "unknown": {outside.ID, uuid.New()}, "nobody": nil} {
		if _, err := in.AddMembers(t.Context(), maker.ID, public.ID, who); CodeOf(err) != Invalid {
			t.Errorf("bring in %s: %v", name, err)
		}
	}
}

func codeOrNone(err error) Code {
	if err == nil {
		return ""
	}
	return CodeOf(err)
}

func ids(users ...User) (list []uuid.UUID) {
	for _, u := range users {
		list = append(list, u.ID)
	}
	return list
}

// moves makes users members without asking who may.
func (in instance) moves(t testing.TB, _ User, channel uuid.UUID, users ...User) {
	t.Helper()
	for _, u := range users {
		in.must(t, `INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2)`, channel, u.ID)
	}
}

// back undoes what a join or a leave may have done: a user is a member afterwards who was one of the usual members.
func (in instance) back(t testing.TB, u User, channel uuid.UUID, err error) error {
	t.Helper()
	if err != nil {
		return err
	}
	if slices.Contains([]string{"outside", "ada", "stranger"}, u.Username) && channel != in.general {
		in.must(t, `DELETE FROM channel_members WHERE channel_id = $1 AND user_id = $2`, channel, u.ID)
	} else {
		in.must(t, `INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING`, channel, u.ID)
	}
	return nil
}

// Many come, go, send and are removed at once: the database says the same of members, counts and revs in every place.
func TestMovesAtOnceLeaveTheRulesIntact(t *testing.T) {
	in := newInstance(t)
	channel := in.create(t, in.owner, "busy", false).ID
	writer := startWriter(t, WriterConfig{Store: in.Store, Committed: func(_, _ []Message) {}})
	var mu sync.Mutex
	var revs []int64
	note := func(rev int64, err error) {
		switch code := codeOrNone(err); {
		case code != "" && code != NotFound && code != Forbidden:
			t.Error(err)
		case err == nil && rev > 0:
			mu.Lock()
			revs = append(revs, rev)
			mu.Unlock()
		}
	}
	var wg sync.WaitGroup
	for i := range 4 {
		u := in.register(t, fmt.Sprint("user", i))
		wg.Go(func() {
			for range 15 {
				moves, err := in.Join(t.Context(), u.ID, channel)
				note(revOf(moves), err)
				stored, err := writer.Send(t.Context(), Send{ClientID: uuid.New(), ChannelID: channel, AuthorID: u.ID, Body: "x"})
				note(stored.Message.Rev, err)
				moves, err = in.Leave(t.Context(), u.ID, channel)
				note(revOf(moves), err)
			}
		})
		wg.Go(func() {
			for range 15 {
				moves, err := in.AddMembers(t.Context(), in.owner.ID, channel, ids(u))
				note(revOf(moves), err)
				moves, err = in.RemoveMembers(t.Context(), in.owner.ID, channel, ids(u))
				note(revOf(moves), err)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(revs, cmp.Compare)
	for i, rev := range revs {
		if rev != int64(i+1) {
			t.Fatalf("change %d has rev %d", i+1, rev)
		}
	}
	c, err := in.Channel(t.Context(), in.owner.ID, channel)
	members, err2 := in.MemberIDs(t.Context(), channel)
	if err != nil || err2 != nil || c.LastRev != int64(len(revs)) || c.Members != len(members) || len(members) != 1 {
		t.Errorf("%+v, %d revs, %d members, %v %v", c, len(revs), len(members), err, err2)
	}
	// A sender who is gone when the delete comes gets an answer too.
	var sends sync.WaitGroup
	for range 8 {
		sends.Go(func() {
			for range 20 {
				_, err := writer.Send(t.Context(), Send{ClientID: uuid.New(), ChannelID: channel, AuthorID: in.owner.ID, Body: "x"})
				if code := codeOrNone(err); code != "" && code != NotFound {
					t.Error(err)
				}
			}
		})
	}
	if err := in.DeleteChannel(t.Context(), in.owner.ID, channel); err != nil {
		t.Error(err)
	}
	sends.Wait()
	if left, err := in.Heads(t.Context(), []uuid.UUID{channel}); err != nil || len(left) != 0 {
		t.Errorf("left of a deleted channel: %v, %v", left, err)
	}
}

// In a large workspace what is asked often reads what it needs, and not all that there is.
func TestChannelsAreReadByIndex(t *testing.T) {
	in := newInstance(t)
	in.must(t, `
		INSERT INTO users (id, username, display_name, role, password_hash)
		SELECT gen_random_uuid(), 'user' || i, 'x', 'member', '' FROM generate_series(1, 1000) i`)
	in.must(t, `INSERT INTO channels (id, kind, name) SELECT gen_random_uuid(), 'public', 'channel' || i FROM generate_series(1, 1000) i`)
	in.must(t, `
		INSERT INTO channel_members (channel_id, user_id, joined_at)
		SELECT c.id, u.id, now() - interval '1 day' FROM users u, channels c WHERE c.name LIKE 'channel%' AND hashtext(c.name || u.username) % 20 = 0`)
	in.must(t, `ANALYZE`)
	for name, q := range map[string]struct {
		sql  string
		args []any
	}{
		"mine":        {selectMemberships + ` AND m.user_id = $1 ORDER BY c.name, c.id`, []any{in.owner.ID}},
		"one":         {selectMemberships + ` AND m.user_id = $1 AND m.channel_id = $2`, []any{in.owner.ID, in.general}},
		"browse":      {selectPreviews + ` AND c.name > $2 ORDER BY c.name LIMIT $3`, []any{in.owner.ID, "channel5", 101}},
		"standing":    {selectStanding, []any{in.owner.ID, in.general}},
		"joinedSince": {selectJoined, []any{60.0}},
		"arrivals":    {missedArrivals, []any{in.general, 1, 5, 200}},
	} {
		rows, _ := in.pool.Query(t.Context(), "EXPLAIN "+q.sql, q.args...)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(name, err)
		}
		if all := strings.Join(plan, "\n"); regexp.MustCompile(`Seq Scan on (channel_members|users)`).MatchString(all) {
			t.Errorf("%s:\n%s", name, all)
		}
	}
}
