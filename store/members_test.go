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
}

func TestWhoHasJoinedLately(t *testing.T) {
	in := newInstance(t)
	eve, public := in.register(t, "eve"), in.create(t, in.owner, "public", false)
	if _, err := in.Join(t.Context(), eve.ID, public.ID); err != nil {
		t.Fatal(err)
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
func (in instance) moves(t testing.TB, channel uuid.UUID, users ...User) {
	t.Helper()
	for _, u := range users {
		in.must(t, `INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2)`, channel, u.ID)
	}
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
}

// A sender whose channel is deleted meanwhile gets an answer too.
func TestDeleteWhileOthersSend(t *testing.T) {
	in := newInstance(t)
	channel := in.create(t, in.owner, "busy", false).ID
	writer := startWriter(t, WriterConfig{Store: in.Store, Committed: func(_, _ []Message) {}})
	send := func() (Stored, error) {
		return writer.Send(t.Context(), Send{ClientID: uuid.New(), ChannelID: channel, AuthorID: in.owner.ID, Body: "x"})
	}
	if _, err := send(); err != nil {
		t.Fatal(err)
	}
	var sends sync.WaitGroup
	for range 8 {
		sends.Go(func() {
			for range 20 {
				if _, err := send(); err != nil && CodeOf(err) != NotFound {
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
