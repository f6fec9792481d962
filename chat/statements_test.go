package chat_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

// much is how much there is of everything in a world that has grown.
const much = 60

// grow makes much of everything: people, channels, invites, logins; and from then on each place is full.
func (w *world) grow() {
	w.t.Helper()
	w.full = true
	w.exec(`INSERT INTO users (id, username, display_name, role, password_hash)
		SELECT gen_random_uuid(), 'crowd' || n, 'Crowd', 'member', 'none' FROM generate_series(1, $1) n`, much)
	w.exec(`INSERT INTO channels (id, kind, name) SELECT gen_random_uuid(), 'public', 'many' || n FROM generate_series(1, 2 * $1) n`, much)
	w.exec(`INSERT INTO channel_members (channel_id, user_id) SELECT c.id, u.id FROM channels c, users u
		WHERE c.name LIKE 'many%' AND c.name < 'many5' AND u.id = ANY ($1)`, []uuid.UUID{w.owner.ID, w.roles[store.Owner].ID, w.roles[store.Member].ID})
	w.exec(`INSERT INTO invites (id, code, role, created_by) SELECT gen_random_uuid(), gen_random_uuid(), 'member', $2 FROM generate_series(1, $1)`, much, w.owner.ID)
	w.exec(`INSERT INTO sessions (id, user_id, token_hash, device, ip, expires_at)
		SELECT gen_random_uuid(), u.id, sha256(u.id::text::bytea || n::text::bytea), '', '', now() + interval '1 day'
		FROM generate_series(1, $1) n, users u WHERE u.id = $2`, much, w.roles[store.Owner].ID)
	w.exec(`INSERT INTO audit_log (action, target_kind) SELECT 'login.failed', 'user' FROM generate_series(1, $1)`, much)
	for _, channel := range []uuid.UUID{w.lobby, w.general} {
		w.furnish(channel)
	}
}

// furnish puts the crowd into a channel, and messages with all that may hang on them: replies to the first, reactions,
// pins, files, edits; each is put aside and each thread followed by everybody.
func (w *world) furnish(channel uuid.UUID) {
	w.t.Helper()
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO channel_members (channel_id, user_id) SELECT c.id, u.id FROM channels c, users u
		WHERE c.id = $1 AND c.kind <> 'direct' AND u.username LIKE 'crowd%' ON CONFLICT DO NOTHING`, channel)
	batch.Queue(`INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev, reactions, pinned)
		SELECT gen_random_uuid(), c.id, c.last_seq + n, $3, gen_random_uuid(), '@everybody hello', now(), c.last_rev + n, c.last_rev + n,
			jsonb_build_array(jsonb_build_object('emoji', '👍', 'user_ids', jsonb_build_array($3::uuid))), true
		FROM channels c, generate_series(1, $2) n WHERE c.id = $1`, channel, much, w.extra.ID)
	batch.Queue(`INSERT INTO reactions (message_id, emoji, user_id) SELECT id, '👍', $2 FROM messages WHERE channel_id = $1 AND pinned`, channel, w.extra.ID)
	batch.Queue(`INSERT INTO pins (message_id, channel_id, pinned_by) SELECT id, channel_id, $2 FROM messages WHERE channel_id = $1 AND pinned`, channel, w.extra.ID)
	batch.Queue(`INSERT INTO saves (id, user_id, message_id) SELECT gen_random_uuid(), u.user_id, m.id FROM messages m JOIN channel_members u USING (channel_id)
		WHERE m.channel_id = $1 AND m.pinned AND u.user_id = ANY ($2)`, channel, []uuid.UUID{w.roles[store.Owner].ID, w.roles[store.Member].ID})
	batch.Queue(`INSERT INTO message_edits (message_id, rev, body, written_at) SELECT m.id, n, 'before', now() FROM messages m, generate_series(1, 3) n
		WHERE m.channel_id = $1`, channel)
	batch.Queue(`UPDATE channels SET last_seq = last_seq + $2, last_rev = last_rev + $2 WHERE id = $1`, channel, much)
	if err := w.db.SendBatch(w.t.Context(), batch).Close(); err != nil {
		w.t.Fatal(err)
	}
}

// replies gives a message a long thread, and everybody's reaction.
func (w *world) replies(message string) {
	w.t.Helper()
	w.exec(`INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev, parent_seq)
		SELECT gen_random_uuid(), c.id, c.last_seq + n, $3, gen_random_uuid(), 'reply', now(), c.last_rev + n, c.last_rev + n, m.seq
		FROM messages m JOIN channels c ON c.id = m.channel_id, generate_series(1, $2) n WHERE m.id = $1`, message, much, w.extra.ID)
	w.exec(`UPDATE channels c SET last_seq = c.last_seq + $2, last_rev = c.last_rev + $2 FROM messages m WHERE m.id = $1 AND c.id = m.channel_id`, message, much)
	w.exec(`UPDATE messages SET reply_count = $2::int, last_reply_at = now(), last_reply_seq = seq + $2::int WHERE id = $1`, message, much)
	w.exec(`INSERT INTO reactions (message_id, emoji, user_id) SELECT $1, '👍', id FROM users WHERE username LIKE 'crowd%'`, message)
	w.exec(`INSERT INTO message_edits (message_id, rev, body, written_at) SELECT $1, n, 'before', now() FROM generate_series(1, $2) n`, message, much)
}

// loginStatements are the calls that the table of access has only as they are refused, since they make a login or its
// password, which takes its time; and how many statements they take at most.
var loginStatements = map[string]int64{
	"POST /api/setup": 13, "POST /api/auth/register": 16, "POST /api/auth/login": 9, "POST /api/me/password": 9, "POST /api/auth/reset": 14,
}

// How many statements a call or a frame takes is bounded, and does not depend on how much there is.
func TestStatementsOfEveryCall(t *testing.T) {
	w, rules := newWorld(t), rules(t)
	few := w.countStatements(rules)
	w.grow()
	many := w.countStatements(rules)
	counted := map[string]bool{}
	for _, r := range rules {
		n, ok := few[r.String()]
		if !ok {
			continue
		}
		path, _, _ := strings.Cut(r.path, "?")
		counted[r.method+" "+path] = true
		if many[r.String()] != n || n > r.statements {
			t.Errorf("%s takes %d statements, and %d when there is much; at most %d wanted", r, n, many[r.String()], r.statements)
		}
	}
	for name, n := range countLogins(t) {
		counted[name] = true
		if n == 0 || n > loginStatements[name] {
			t.Errorf("%s takes %d statements, at most %d wanted", name, n, loginStatements[name])
		}
	}
	for _, r := range chat.Routes() {
		if name := r.Method + " " + r.Path; !counted[name] && name != "GET /api/ws" { // that is counted by its frames
			t.Errorf("the statements of %s are not counted", name)
		}
	}
}

// countStatements does each call and each frame that somebody may once, and counts.
func (w *world) countStatements(rules []rule) map[string]int64 {
	w.t.Helper()
	counts := map[string]int64{}
	for _, r := range rules {
		for _, name := range r.things {
			i := slices.IndexFunc([]store.Role{store.Owner, store.Member}, func(role store.Role) bool { return r.cells[name][1+slices.Index(actors, role)] == 'y' })
			if i < 0 {
				continue
			}
			me, id := w.make(name, []store.Role{store.Owner, store.Member}[i])
			if r.method == "frame" {
				counts[r.String()] = w.countFrame(r, id, me)
			} else {
				counts[r.String()] = w.count(func() {
					if a := me.call(r.method, w.fill(r.path, id, me), w.body(r, id, me)); a.status >= http.StatusBadRequest {
						w.t.Errorf("%s: %d %s", r, a.status, a.body)
					}
				})
			}
			break
		}
	}
	return counts
}

// count is how many statements there are while do runs. What goes on from before, as of a socket, is waited for.
func (w *world) count(do func()) int64 {
	before := w.statements.statements.Load()
	for quiet := time.Now(); time.Since(quiet) < 20*time.Millisecond; time.Sleep(time.Millisecond) {
		if now := w.statements.statements.Load(); now != before {
			before, quiet = now, time.Now()
		}
	}
	do()
	return w.statements.statements.Load() - before
}

// countFrame sends a frame on a socket of its own, and counts until it is answered.
func (w *world) countFrame(r rule, id string, me user) int64 {
	w.t.Helper()
	socket := me.dial()
	defer socket.leave()
	if r.path == "hello" {
		return w.count(func() { w.outcome(r, id, me, socket) })
	}
	socket.send(object{"type": "hello"})
	socket.next("resumed")
	count := w.count(func() { w.outcome(r, id, me, socket) })
	if r.path != "send" {
		count -= 2 // a read in the lobby, with which it ends
	}
	return count
}

// leave closes the socket, and returns when the server has ended it.
func (s *socket) leave() {
	s.t.Helper()
	if err := s.ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")); err != nil {
		s.t.Fatal(err)
	}
	s.closed()
}

// countLogins does the calls that make a login or its password, on an instance of their own, and counts.
func countLogins(t *testing.T) map[string]int64 {
	t.Helper()
	counter := &statementCounter{}
	w := &world{statements: counter}
	s := chattest.Start(t, chattest.Options{Tracer: counter, New: chat.With(chat.Tuning{Poll: time.Hour, Sessions: time.Hour, Index: time.Hour})})
	var ada user
	counts := map[string]int64{"POST /api/setup": w.count(func() { ada = setUp(t, s) })}
	var invite store.Invite
	ada.call("POST", "/api/invites", object{}).want(201).into(&invite)
	do := func(path string, body object, status int) {
		counts["POST "+path] = w.count(func() { ada.call("POST", path, body).want(status) })
	}
	do("/api/auth/register", object{"invite": invite.Code, "username": "bob", "password": password}, 201)
	do("/api/auth/login", object{"username": "ada", "password": password}, 200)
	do("/api/me/password", object{"old": password, "new": password + "!"}, 204)
	var reset struct{ Code string }
	ada.call("POST", "/api/users/"+ada.ID.String()+"/password-reset", nil).want(201).into(&reset)
	do("/api/auth/reset", object{"code": reset.Code, "password": password}, 200)
	return counts
}

// statementCounter counts SQL statements, BEGIN and COMMIT too.
type statementCounter struct{ statements atomic.Int64 }

func (c *statementCounter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.statements.Add(1)
	return ctx
}
func (c *statementCounter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *statementCounter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (c *statementCounter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	c.statements.Add(1)
}
func (c *statementCounter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
