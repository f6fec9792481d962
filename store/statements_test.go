package store

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// counter counts statements, BEGIN and COMMIT too, and round trips: a batch is one.
type counter struct{ statements, trips atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.statements.Add(1)
	c.trips.Add(1)
	return ctx
}
func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	c.trips.Add(1)
	return ctx
}
func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	c.statements.Add(1)
}
func (c *counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// How many statements a call takes does not depend on how much there is.
func TestStatementsOfACall(t *testing.T) {
	var count counter
	url := migrated(t)
	in := setUp(t, open(t, url, &count), url)
	bob := in.register(t, "bob")
	for _, name := range []string{"one", "two", "three", "four"} {
		in.say(t, bob, in.channel(t, name, bob, in.owner), "a", "b", "@ada", "d", "e")
	}
	_, token := in.login(t, bob, time.Now().Add(time.Hour))
	invite := in.invite(t, InviteParams{})
	simple := "simple"
	name, other := "Bob", in.register(t, "other")
	busy, brief := in.create(t, bob, "busy", false).ID, in.create(t, bob, "brief", false).ID
	eve := in.register(t, "eve")
	reset, err := in.BeginReset(t.Context(), in.register(t, "mal").ID, time.Hour, allow)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	messages, _, err := in.Messages(ctx, in.channelNamed(t, "one"), Page{})
	if err != nil {
		t.Fatal(err)
	}
	first, last := messages[0].ID, messages[4].ID
	reply := Send{ClientID: uuid.New(), ChannelID: messages[0].ChannelID, AuthorID: bob.ID, Body: "reply", ParentID: &first}
	replied := in.send(t, reply)[0].ID
	file := in.file(t, bob, "file")
	if _, err := in.SetAvatar(ctx, in.owner.ID, Avatar{"image/png", []byte("x")}, [32]byte{}); err != nil {
		t.Fatal(err)
	}
	hook, err := in.CreateHook(ctx, in.owner.ID, NewHook{ChannelID: in.general, Name: "CI", TokenHash: []byte("0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	reaction := ReactionParams{UserID: bob.ID, MessageID: last, Emoji: "👍"}

	checkStatements(t, &count, map[string]call{
		"SetupNeeded":    {1, func() error { _, err := in.SetupNeeded(ctx); return err }},
		"Workspace":      {1, func() error { _, err := in.Workspace(ctx); return err }},
		"UserByUsername": {1, func() error { _, _, err := in.UserByUsername(ctx, "bob"); return err }},
		"User":           {1, func() error { _, err := in.User(ctx, bob.ID); return err }},
		"Users":          {1, func() error { _, _, err := in.Users(ctx, UsersPage{Viewer: bob.ID, Limit: 100}); return err }},
		"AddFile": {7, func() error {
			_, err := in.AddFile(ctx, NewFile{Uploader: bob.ID, Name: "a", Type: "text/plain"}, 9, noPut)
			return err
		}},
		"CheckQuota": {1, func() error { return in.CheckQuota(ctx, bob.ID, 1, 9) }},
		"File":       {1, func() error { _, err := in.File(ctx, bob.ID, file.ID); return err }},
		"SetAvatar": {1, func() error {
			_, err := in.SetAvatar(ctx, bob.ID, Avatar{"image/png", []byte("x")}, [32]byte{})
			return err
		}},
		"Avatar":        {1, func() error { _, err := in.Avatar(ctx, bob.ID, in.owner.ID); return err }},
		"DeleteAvatar":  {1, func() error { _, err := in.DeleteAvatar(ctx, bob.ID); return err }},
		"UpdateProfile": {1, func() error { _, err := in.UpdateProfile(ctx, bob.ID, ProfileParams{DisplayName: &name}); return err }},
		"CreateSession": {5, func() error {
			_, err := in.CreateSession(ctx, SessionParams{UserID: bob.ID, TokenHash: tokenHash(), ExpiresAt: time.Now()})
			return err
		}},
		"SessionByToken":  {1, func() error { _, _, err := in.SessionByToken(ctx, token); return err }},
		"DeleteSession":   {1, func() error { return in.DeleteSession(ctx, uuid.New()) }},
		"TouchSessions":   {1, func() error { return in.TouchSessions(ctx, []uuid.UUID{uuid.New(), uuid.New()}) }},
		"LiveSessions":    {1, func() error { _, err := in.LiveSessions(ctx, []uuid.UUID{uuid.New(), uuid.New()}); return err }},
		"Sessions":        {1, func() error { _, err := in.Sessions(ctx, bob.ID); return err }},
		"HasLoggedInFrom": {1, func() error { _, err := in.HasLoggedInFrom(ctx, bob.ID, "192.0.2.1"); return err }},
		"SeenUser":        {1, func() error { _, err := in.SeenUser(ctx, bob.ID, in.owner.ID); return err }},
		"SeenUserIDs":     {1, func() error { _, err := in.SeenUserIDs(ctx, bob.ID); return err }},
		"Invites":         {1, func() error { _, err := in.Invites(ctx); return err }},
		"Invitation":      {1, func() error { _, err := in.Invitation(ctx, invite.Code); return err }},
		"Audit":           {1, func() error { _, _, err := in.Audit(ctx, AuditFilter{Limit: 100}); return err }},
		"CreateInvite": {6, func() error {
			_, err := in.CreateInvite(ctx, InviteParams{CreatedBy: in.owner.ID, Channels: []uuid.UUID{in.general}})
			return err
		}},
		"ChangeStanding": {8, func() error {
			inactive, role := false, Guest
			_, _, err := in.ChangeStanding(ctx, eve.ID, StandingParams{Role: &role, Active: &inactive}, allow)
			return err
		}},
		"BeginReset": {5, func() error { _, err := in.BeginReset(ctx, bob.ID, time.Hour, allow); return err }},
		"ResetPassword": {7, func() error {
			_, _, err := in.ResetPassword(ctx, reset.Code, "new hash")
			return err
		}},
		"ChangePassword": {6, func() error {
			_, err := in.ChangePassword(ctx, PasswordChange{User: in.owner, Old: "hash", New: "other"})
			return err
		}},
		"Register": {7, func() error {
			_, err := in.Register(ctx, RegisterParams{InviteCode: invite.Code, Username: "sue"})
			return err
		}},
		"CreateHook": {6, func() error {
			_, err := in.CreateHook(ctx, bob.ID, NewHook{ChannelID: in.general, Name: "x", TokenHash: tokenHash()})
			return err
		}},
		"Hooks":         {1, func() error { _, err := in.Hooks(ctx, bob.ID, uuid.Nil); return err }},
		"HookByToken":   {1, func() error { _, err := in.HookByToken(ctx, []byte("0123456789abcdef")); return err }},
		"Usernames":     {1, func() error { _, err := in.Usernames(ctx, in.general, ids(bob, other)); return err }},
		"CreateChannel": {5, func() error { _, err := in.CreateChannel(ctx, bob.ID, NewChannel{Name: "new"}); return err }},
		"UpdateChannel": {5, func() error {
			_, _, err := in.UpdateChannel(ctx, bob.ID, busy, ChannelParams{Topic: &name})
			return err
		}},
		"DeleteChannel": {6, func() error { return in.DeleteChannel(ctx, bob.ID, brief) }},
		"OpenDirect":    {7, func() error { _, _, err := in.OpenDirect(ctx, bob.ID, ids(other, in.owner)); return err }},
		"Look":          {2, func() error { _, err := in.Look(ctx, other.ID, busy); return err }},
		"Browse":        {1, func() error { _, _, err := in.Browse(ctx, other.ID, "", 100); return err }},
		"SetNotify":     {2, func() error { _, err := in.SetNotify(ctx, bob.ID, busy, NotifyNone); return err }},
		"Standing":      {1, func() error { _, err := in.Standing(ctx, other.ID, busy); return err }},
		"Members":       {2, func() error { _, _, err := in.Members(ctx, other.ID, busy, "", 100); return err }},
		"Join":          {6, func() error { _, err := in.Join(ctx, in.owner.ID, busy); return err }},
		"Leave":         {6, func() error { _, err := in.Leave(ctx, in.owner.ID, busy); return err }},
		"AddMembers":    {7, func() error { _, err := in.AddMembers(ctx, bob.ID, busy, ids(other, in.owner)); return err }},
		"RemoveMembers": {6, func() error { _, err := in.RemoveMembers(ctx, bob.ID, busy, ids(other, in.owner)); return err }},
		"Memberships": {1, func() error {
			_, err := in.Memberships(ctx, []MemberKey{{bob.ID, busy}, {bob.ID, in.general}})
			return err
		}},
		"JoinedSince": {1, func() error { _, err := in.JoinedSince(ctx, 60); return err }},

		"Channels":        {1, func() error { _, err := in.Channels(ctx, bob.ID); return err }},
		"Channel":         {1, func() error { _, err := in.Channel(ctx, bob.ID, in.general); return err }},
		"ChannelIDs":      {1, func() error { _, err := in.ChannelIDs(ctx, bob.ID); return err }},
		"MemberIDs":       {1, func() error { _, err := in.MemberIDs(ctx, in.general); return err }},
		"Heads":           {1, func() error { _, err := in.Heads(ctx, []uuid.UUID{in.general, uuid.New()}); return err }},
		"Search":          {12, func() error { _, err := in.Search(ctx, bob.ID, SearchPage{Query: "a -b", Limit: 10}); return err }},
		"UpdateWorkspace": {5, func() error { _, err := in.UpdateWorkspace(ctx, WorkspaceParams{SearchLanguage: &simple}); return err }},
		"IndexMessages":   {5, func() error { _, err := in.IndexMessages(ctx); return err }},
		"RenewIndex":      {5, func() error { _, err := in.RenewIndex(ctx); return err }},
		"MarkUnread":      {2, func() error { _, err := in.MarkUnread(ctx, bob.ID, in.general, 1); return err }},
		"MarkRead":        {2, func() error { _, err := in.MarkRead(ctx, bob.ID, in.general, 1); return err }},
		"Messages":        {1, func() error { _, _, err := in.Messages(ctx, in.general, Page{}); return err }},
		"Missed":          {6, func() error { _, err := in.Missed(ctx, Span{ChannelID: in.general, From: 1, To: 9}, 100); return err }},
		"RevsAt":          {1, func() error { _, err := in.RevsAt(ctx, map[uuid.UUID]int64{in.general: 1}); return err }},
		"Message":         {1, func() error { _, err := in.Message(ctx, bob.ID, last); return err }},
		"EditMessage":     {9, func() error { _, _, err := in.EditMessage(ctx, bob.ID, last, "@ada @channel"); return err }},
		"Edits":           {2, func() error { _, err := in.Edits(ctx, bob.ID, last); return err }},
		"AddReaction":     {9, func() error { _, _, err := in.AddReaction(ctx, reaction); return err }},
		"RemoveReaction":  {8, func() error { _, _, err := in.RemoveReaction(ctx, reaction); return err }},
		"PinMessage":      {8, func() error { _, _, err := in.PinMessage(ctx, bob.ID, first, true); return err }},
		"Pins":            {2, func() error { _, err := in.Pins(ctx, bob.ID, messages[0].ChannelID); return err }},
		"SaveMessage":     {2, func() error { return in.SaveMessage(ctx, bob.ID, first) }},
		"UnsaveMessage":   {1, func() error { return in.UnsaveMessage(ctx, bob.ID, last) }},
		"Mentions":        {1, func() error { _, _, err := in.Mentions(ctx, bob.ID, MentionPage{Limit: 10}); return err }},
		"Saves":           {1, func() error { _, _, err := in.Saves(ctx, bob.ID, SavePage{Limit: 10}); return err }},
		"Thread":          {4, func() error { _, err := in.Thread(ctx, bob.ID, replied, 0, 10); return err }},
		"Threads":         {2, func() error { _, err := in.Threads(ctx, bob.ID, ThreadPage{Limit: 10}); return err }},
		"MarkThreadRead":  {3, func() error { _, err := in.MarkThreadRead(ctx, bob.ID, replied, 9); return err }},
	})
	checkStatements(t, &count, map[string]call{ // what the others need
		"DeleteHook":    {5, func() error { return in.DeleteHook(ctx, in.owner.ID, hook.ID) }},
		"DeleteMessage": {9, func() error { _, err := in.DeleteMessage(ctx, bob.ID, replied); return err }},
		"SweepFiles":    {8, func() error { _, err := in.SweepFiles(ctx, time.Now(), noRemove); return err }},
	})
}

func (in instance) channelNamed(t testing.TB, name string) uuid.UUID {
	t.Helper()
	id, err := one(t.Context(), in.Store, value[uuid.UUID], `SELECT id FROM channels WHERE name = $1`, name)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// call is a call and the most statements that it may take.
type call struct {
	most int64
	do   func() error
}

func checkStatements(t *testing.T, count *counter, calls map[string]call) {
	t.Helper()
	for name, c := range calls {
		before := count.statements.Load()
		if err := c.do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if n := count.statements.Load() - before; n > c.most {
			t.Errorf("%s takes %d statements, at most %d wanted", name, n, c.most)
		}
	}
}

// A batch is one round trip, however many sends there are of however many channels. Replies take two statements more, mentions
// one, files none.
func TestRoundTripsOfABatch(t *testing.T) {
	var count counter
	url := migrated(t)
	in := setUp(t, open(t, url, &count), url)
	parent := in.message(t, in.owner, in.general, "parent")
	var plain, calling, replies []Send
	for _, name := range []string{"one", "two", "three"} {
		channel := in.channel(t, name, in.owner)
		for range 20 {
			send := in.hello()
			send.ChannelID = channel
			plain, replies = append(plain, send), append(replies, in.reply(in.owner, parent.ID, "reply"))
			send.ClientID, send.Body = uuid.New(), "@ada @channel"
			calling = append(calling, send)
		}
	}
	files := slices.Clone(plain)
	for i := range files {
		files[i].ClientID, files[i].FileIDs = uuid.New(), []uuid.UUID{in.file(t, in.owner, "a").ID, in.file(t, in.owner, "b").ID}
	}
	for _, batch := range []struct {
		want  int64
		sends []Send
	}{{3, plain}, {4, calling}, {5, replies}, {3, files}} {
		want, sends := batch.want, batch.sends
		trips, statements := count.trips.Load(), count.statements.Load()
		for _, o := range inOneBatch(t, WriterConfig{Store: in.Store}, sends) {
			if o.err != nil {
				t.Error(o.err)
			}
		}
		if n := count.trips.Load() - trips; n != 1 {
			t.Errorf("%d round trips, want 1", n)
		}
		if n := count.statements.Load() - statements; n != want {
			t.Errorf("%d statements, want %d", n, want)
		}
	}
}

// writersTx is a transaction with the settings of the writer's, to the end of the test.
func writersTx(t *testing.T, in instance) pgx.Tx {
	t.Helper()
	tx, err := in.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	if _, err := tx.Exec(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	return tx
}

// With few messages, counted, a plan that reads all of them would look cheapest, and be kept when they are many.
func TestPlansReadByIndex(t *testing.T) {
	in := newInstance(t)
	in.say(t, in.owner, in.general, "a", "b", "c")
	in.must(t, "ANALYZE")
	tx := writersTx(t, in)
	ids := make([][16]byte, 100)
	for statement, args := range map[string][]any{
		lockChannels: {ids}, messagesByID: {ids}, storeBatch: {ids, ids, ids, ids, make([]string, 100), ids, make([]bool, 100), make([]string, 100), make([]string, 100)},
		storeBatchWithFiles: {ids, ids, ids, ids, make([]string, 100), ids, make([]bool, 100), make([]string, 100), make([]string, 100), make([]int64, 100), ids, make([]int16, 100)},
		countReplies:        {ids, maxParticipants}, parentsOf: {ids},
		storeMentions: {ids, make([]string, 100), ids, ids, ids, false},
	} {
		plan, err := explained(t.Context(), tx, recorded{statement, args})
		if err != nil {
			t.Fatal(err)
		}
		if plan == "" || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "JIT") {
			t.Errorf("%s\n%s", statement, plan)
		}
	}
}

// Plans that are made while an instance is new are kept when it has many messages: each finds what it needs by the keys of that,
// and reads no messages beside; also if many members have just come, and nobody has counted them.
func TestPlansOfANewInstanceFindAllByTheirKeys(t *testing.T) {
	in := newInstance(t)
	findsAllByTheirKeys(t, in)
	in.must(t, `WITH come AS (
			INSERT INTO users (id, username, display_name, role, password_hash)
			SELECT gen_random_uuid(), 'user' || n, 'User', 'member', '' FROM generate_series(1, 1000) n RETURNING id
		) INSERT INTO channel_members (channel_id, user_id) SELECT $1, id FROM come`, in.general)
	findsAllByTheirKeys(t, in)
}

func findsAllByTheirKeys(t *testing.T, in instance) {
	t.Helper()
	tx := writersTx(t, in)
	const types, nothing = "uuid[], uuid[], uuid[], uuid[], text[], uuid[], boolean[], text[], text[]", "'{}', '{}', '{}', '{}', '{}', NULL, NULL, NULL, NULL"
	keys := []string{"messages_pkey", "messages_author_client_key", "channel_members_pkey"}
	others := []string{"messages_channel_seq_key", "messages_thread_idx", "messages_changed_idx", "channel_members_joined_rev_idx"}
	for name, s := range map[string]struct {
		sql, types, nothing string
		keys, others        []string // indexes that are used, and that are not
	}{
		"plain":    {storeBatch, types, nothing, keys, others},
		"files":    {storeBatchWithFiles, types + ", bigint[], uuid[], smallint[]", nothing + ", '{}', '{}', '{}'", keys, others},
		"mentions": {storeMentions, "uuid[], text[], uuid[], uuid[], uuid[], boolean", "'{}', '{}', '{}', '{}', '{}', false", keys[:1], others[:3]},
		"replies":  {countReplies, "uuid[], integer", "'{}', 3", keys[:1], others[1:]},
		"parents":  {parentsOf, "uuid[]", "'{}'", keys[:1], others[1:]},
	} {
		if _, err := tx.Exec(t.Context(), fmt.Sprintf("PREPARE %s (%s) AS %s", name, s.types, s.sql)); err != nil {
			t.Fatal(err)
		}
		plan, err := explained(t.Context(), tx, recorded{sql: fmt.Sprintf("EXECUTE %s (%s)", name, s.nothing)})
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range s.keys {
			if !strings.Contains(plan, key) {
				t.Errorf("%s: %s is not used\n%s", name, key, plan)
			}
		}
		for _, other := range slices.Concat(s.others, []string{"Seq Scan"}) {
			if strings.Contains(plan, other) {
				t.Errorf("%s: there is %s\n%s", name, other, plan)
			}
		}
		if readsAllMessages.MatchString(plan) {
			t.Errorf("%s: all messages are read\n%s", name, plan)
		}
	}
}

// readsAllMessages finds a scan of their index without a condition, which EXPLAIN would tell in the next line.
var readsAllMessages = regexp.MustCompile(`Scan using messages_.*\n *([^I ]|$)`)
