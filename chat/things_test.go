package chat_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
	"snug/store/blobs"
)

// What nobody but its owners may see is called so, and what guests may not.
const secretFromAll, secretFromGuests = "secret", "insiders"

// world is what the calls of the table of access are about. Its actors are those of the cast, and the owner of the cast
// is who made all that is not theirs.
type world struct {
	*cast
	db         *pgx.Conn
	statements *statementCounter
	extra      user // a member who is in every channel
	outsider   user // a member whom guests do not see
	general    uuid.UUID
	lobby      uuid.UUID // a public channel of all actors
	found      map[string]found
	made       int
	full       bool // what is made has much in it
}

type found struct {
	me user
	id string
}

// things make what a call is about: for somebody of a role, who asks, what stands for it in the call. Unless it is of another
// user of that role, who asks is the actor.
var things = map[string]func(w *world, role store.Role, me *user) string{
	"nothing": func(w *world, _ store.Role, me *user) string { *me = w.login(*me); return "" },

	// Channels, with "their" other people in all of them.
	"mine":   func(w *world, _ store.Role, me *user) string { return w.place(place{maker: *me, members: []user{*me}}) },
	"joined": func(w *world, _ store.Role, me *user) string { return w.place(place{members: []user{*me}}) },
	"open":   func(w *world, _ store.Role, me *user) string { return w.place(place{name: secretFromGuests}) }, // public, others'
	"private": func(w *world, _ store.Role, me *user) string {
		return w.place(place{kind: store.Private, members: []user{*me}})
	},
	"closed": func(w *world, _ store.Role, me *user) string {
		return w.place(place{kind: store.Private, name: secretFromAll})
	},
	"direct": func(w *world, _ store.Role, me *user) string {
		return w.place(place{kind: store.Direct, members: []user{*me}})
	},
	"others": func(w *world, _ store.Role, me *user) string {
		return w.place(place{kind: store.Direct, name: secretFromAll})
	},
	"archived": func(w *world, _ store.Role, me *user) string {
		return w.place(place{archived: true, members: []user{*me}})
	},
	"general": func(w *world, _ store.Role, _ *user) string { return w.general.String() }, // guests are not in it

	// Messages.
	"own":      func(w *world, _ store.Role, me *user) string { return w.said(place{members: []user{*me}}, *me) },
	"theirs":   func(w *world, _ store.Role, me *user) string { return w.said(place{members: []user{*me}}, w.owner) },
	"in-open":  func(w *world, _ store.Role, me *user) string { return w.said(place{name: secretFromGuests}, w.owner) },
	"own-left": func(w *world, _ store.Role, me *user) string { return w.said(place{name: secretFromGuests}, *me) },
	"in-closed": func(w *world, _ store.Role, me *user) string {
		return w.said(place{kind: store.Private, name: secretFromAll}, w.owner)
	},
	"own-expelled": func(w *world, _ store.Role, me *user) string {
		return w.said(place{kind: store.Private, name: secretFromAll}, *me)
	},
	"in-direct": func(w *world, _ store.Role, me *user) string {
		return w.said(place{kind: store.Direct, members: []user{*me}}, w.owner)
	},
	"in-others": func(w *world, _ store.Role, me *user) string {
		return w.said(place{kind: store.Direct, name: secretFromAll}, w.owner)
	},
	"own-archived": func(w *world, _ store.Role, me *user) string {
		return w.said(place{archived: true, members: []user{*me}}, *me)
	},

	// Files.
	"my-file":     func(w *world, _ store.Role, me *user) string { return w.file(*me, nil) },
	"their-file":  func(w *world, _ store.Role, _ *user) string { return w.file(w.owner, nil) },
	"file-joined": func(w *world, _ store.Role, me *user) string { return w.attached(place{members: []user{*me}}) },
	"file-open":   func(w *world, _ store.Role, _ *user) string { return w.attached(place{name: secretFromGuests}) },
	"file-closed": func(w *world, _ store.Role, _ *user) string {
		return w.attached(place{kind: store.Private, name: secretFromAll})
	},
	"file-direct": func(w *world, _ store.Role, me *user) string {
		return w.attached(place{kind: store.Direct, members: []user{*me}})
	},
	"file-others": func(w *world, _ store.Role, _ *user) string {
		return w.attached(place{kind: store.Direct, name: secretFromAll})
	},

	// People.
	"me":     func(w *world, role store.Role, me *user) string { *me = w.acquaintance(role); return me.ID.String() },
	"owner":  func(w *world, _ store.Role, _ *user) string { return w.acquaintance(store.Owner).ID.String() },
	"admin":  func(w *world, _ store.Role, _ *user) string { return w.acquaintance(store.Admin).ID.String() },
	"member": func(w *world, _ store.Role, _ *user) string { return w.acquaintance(store.Member).ID.String() },
	"guest":  func(w *world, _ store.Role, _ *user) string { return w.acquaintance(store.Guest).ID.String() },
	"gone": func(w *world, _ store.Role, _ *user) string {
		gone := w.acquaintance(store.Member)
		w.exec("UPDATE users SET active = false WHERE id = $1", gone.ID)
		return gone.ID.String()
	},
	"unseen": func(w *world, _ store.Role, _ *user) string {
		return w.somebody(secretFromGuests, store.Member).ID.String()
	},

	"my-session":    func(w *world, _ store.Role, me *user) string { return w.session(*me) },
	"their-session": func(w *world, _ store.Role, _ *user) string { return w.session(w.extra) },
	"invite": func(w *world, _ store.Role, _ *user) string {
		return w.one("INSERT INTO invites (id, code, role, created_by) VALUES (gen_random_uuid(), gen_random_uuid(), 'member', $1) RETURNING id", w.owner.ID)
	},
	"code": func(w *world, _ store.Role, _ *user) string {
		return w.one("INSERT INTO invites (id, code, role, created_by) VALUES (gen_random_uuid(), gen_random_uuid(), 'member', $1) RETURNING code", w.owner.ID)
	},
	"my-hook": func(w *world, _ store.Role, me *user) string {
		return w.hook(w.place(place{members: []user{*me}}), *me, uuid.NewString())
	},
	"their-hook": func(w *world, _ store.Role, me *user) string {
		return w.hook(w.place(place{members: []user{*me}}), w.extra, uuid.NewString())
	},
	"closed-hook": func(w *world, _ store.Role, _ *user) string {
		return w.hook(w.place(place{kind: store.Private, name: secretFromAll}), w.extra, uuid.NewString())
	},
	"hook-token": func(w *world, _ store.Role, _ *user) string {
		token := uuid.NewString()
		w.hook(w.place(place{}), w.extra, token)
		return token
	},
	"service": func(*world, store.Role, *user) string { return "cache" },
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{statements: &statementCounter{}, found: map[string]found{}}
	socket := supervisor(t, func(writer http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(writer, "{}") })
	quiet := chat.Tuning{Poll: time.Hour, Sessions: time.Hour, Index: time.Hour} // no statements but those of calls
	w.cast = castOf(t, chattest.Start(t, chattest.Options{
		ControlSocket: socket, Tracer: w.statements,
		New: func(cfg chat.Config) (*chat.Server, error) {
			cfg.Metrics = chat.Metrics{Public: true}
			return chat.With(quiet)(cfg)
		},
	}))
	w.db = connect(t, w.server.DatabaseURL)
	w.roles[store.Owner] = w.somebody("second", store.Owner)
	w.extra, w.outsider = w.somebody("extra", store.Member), w.somebody(secretFromGuests, store.Member)
	w.lobby = uuid.MustParse(w.place(place{members: []user{w.roles[store.Owner], w.roles[store.Admin], w.roles[store.Member], w.roles[store.Guest]}}))
	w.general = w.owner.general()
	w.exec("INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2)", w.general, w.roles[store.Owner].ID)
	w.owner.send(w.general, "hello")
	w.recordChanges()
	return w
}

// find is a thing as it was made first; make is another one.
func (w *world) find(name string, role store.Role) (me user, id string) {
	w.t.Helper()
	key := name + " of " + string(role)
	if _, ok := w.found[key]; !ok {
		me, id := w.make(name, role)
		w.found[key] = found{me, id}
	}
	return w.found[key].me, w.found[key].id
}

func (w *world) make(name string, role store.Role) (me user, id string) {
	w.t.Helper()
	thing := things[name]
	if thing == nil {
		w.t.Fatalf("nothing makes %q", name)
	}
	me = w.roles[role]
	id = thing(w, role, &me)
	return me, id
}

// place is a channel that is to be made. The owner of the cast and the extra member are in all.
type place struct {
	kind     store.ChannelKind // public when empty
	name     string            // how it begins; also its topic
	archived bool
	maker    user
	members  []user
}

// place makes a channel with two messages in it.
func (w *world) place(p place) string {
	w.t.Helper()
	if w.made++; p.maker.ID == uuid.Nil {
		p.maker = w.owner
	}
	members := []uuid.UUID{w.owner.ID, w.extra.ID}
	for _, m := range p.members {
		members = append(members, m.ID)
	}
	kind := map[bool]store.ChannelKind{true: store.Public, false: p.kind}[p.kind == ""]
	id := uuid.New()
	batch := &pgx.Batch{}
	if kind == store.Direct { // of the same people there is one: somebody more is in it who is in no other
		members = append(members, w.somebody("talker", store.Member).ID)
		batch.Queue(`INSERT INTO channels (id, kind, topic, created_by, direct_of) VALUES ($1, 'direct', $2, $3, ARRAY(SELECT unnest($4::uuid[]) ORDER BY 1))`,
			id, p.name, p.maker.ID, members)
	} else {
		batch.Queue(`INSERT INTO channels (id, kind, name, topic, created_by, archived) VALUES ($1, $2, $3, $4, $5, $6)`,
			id, kind, fmt.Sprint(p.name, "c", w.made), p.name, p.maker.ID, p.archived)
	}
	batch.Queue(`INSERT INTO channel_members (channel_id, user_id) SELECT $1, unnest($2::uuid[])`, id, members)
	if err := w.db.SendBatch(w.t.Context(), batch).Close(); err != nil {
		w.t.Fatal(err)
	}
	for range 2 {
		w.say(id, w.owner, p.name)
	}
	if w.full {
		w.furnish(id)
	}
	return id.String()
}

// say stores a message, and returns its id.
func (w *world) say(channel uuid.UUID, author user, text string) string {
	w.t.Helper()
	return w.one(`
		WITH next AS (UPDATE channels SET last_seq = last_seq + 1, last_rev = last_rev + 1 WHERE id = $1 RETURNING last_seq, last_rev)
		INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
		SELECT gen_random_uuid(), $1, last_seq, $2, gen_random_uuid(), $3, now(), last_rev, last_rev FROM next RETURNING id`,
		channel, author.ID, "hello "+text)
}

// said makes a channel and a message in it, which its author has saved, and follows the thread of. Who is no member was
// one then.
func (w *world) said(p place, author user) string {
	w.t.Helper()
	channel := uuid.MustParse(w.place(p))
	id := w.say(channel, author, p.name)
	w.exec("INSERT INTO saves (id, user_id, message_id) VALUES (gen_random_uuid(), $1, $2)", author.ID, id)
	w.exec("INSERT INTO thread_followers (user_id, message_id, read_seq) VALUES ($1, $2, 0)", author.ID, id)
	if w.full {
		w.replies(id)
	}
	return id
}

// file uploads a picture, and hangs it on a message unless that is nil.
func (w *world) file(by user, message any) string {
	w.t.Helper()
	content, thumb := sha256.Sum256([]byte("picture")), []byte("\x89PNG\r\n\x1a\n")
	folder, err := blobs.Open(w.server.Files)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, kind := range []blobs.Kind{blobs.Content, blobs.Thumb} {
		temp, err := folder.Create()
		if err == nil {
			_, _ = temp.Write(thumb)
			err = folder.Put(temp, content, kind)
			temp.Discard()
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	w.exec("INSERT INTO file_contents (sha256) VALUES ($1) ON CONFLICT DO NOTHING", content[:])
	return w.one(`INSERT INTO files (id, sha256, uploader_id, message_id, name, size, type, width, height, has_thumb)
		VALUES (gen_random_uuid(), $1, $2, $3, 'cat.png', 7, 'image/png', 1, 1, true) RETURNING id`, content[:], by.ID, message)
}

// attached makes a channel with a message of the owner's in it that has a file.
func (w *world) attached(p place) string {
	w.t.Helper()
	return w.file(w.owner, w.said(p, w.owner))
}

// somebody makes a user without a channel that guests are in.
func (w *world) somebody(name string, role store.Role) user {
	w.t.Helper()
	w.made++
	u := user{t: w.t, server: w.server, User: store.User{ID: uuid.New(), Username: fmt.Sprint(name, w.made), Role: role, Active: true}}
	w.exec(`INSERT INTO users (id, username, display_name, role, password_hash) VALUES ($1, $2, $2, $3, 'none')`, u.ID, u.Username, role)
	w.exec(`INSERT INTO avatars (user_id, type, picture) VALUES ($1, 'image/png', 'picture')`, u.ID)
	return w.login(u)
}

// acquaintance makes a user who is in the lobby, where guests see them.
func (w *world) acquaintance(role store.Role) user {
	w.t.Helper()
	u := w.somebody("somebody", role)
	w.exec("INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2)", w.lobby, u.ID)
	return u
}

// hook makes a webhook, and returns its id. Guests have none: it is made for them by the owner of the cast.
func (w *world) hook(channel string, maker user, token string) string {
	w.t.Helper()
	if maker.Role == store.Guest {
		maker = w.owner
	}
	hash := sha256.Sum256([]byte(token))
	hook, err := w.server.Store.CreateHook(w.t.Context(), maker.ID, store.NewHook{ChannelID: uuid.MustParse(channel), Name: "hook", TokenHash: hash[:]})
	if err != nil {
		w.t.Fatal(err)
	}
	return hook.ID.String()
}

func (w *world) session(u user) string {
	w.t.Helper()
	w.login(u)
	return w.one("SELECT id FROM sessions WHERE user_id = $1 ORDER BY id DESC LIMIT 1", u.ID)
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.db.Exec(w.t.Context(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

// one is the one value that a statement returns, as text.
func (w *world) one(sql string, args ...any) (value string) {
	w.t.Helper()
	if err := w.db.QueryRow(w.t.Context(), sql, args...).Scan(&value); err != nil {
		w.t.Fatal(err)
	}
	return value
}

// recordChanges has the database note each change of a row in a table of its own: one that is rolled back takes its note
// with it. When a login was used last is written now and then, whoever asks what.
func (w *world) recordChanges() {
	w.t.Helper()
	w.exec(`CREATE TABLE changed (id bigint GENERATED ALWAYS AS IDENTITY, what text)`)
	w.exec(`CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN INSERT INTO changed (what) VALUES (TG_OP || ' of ' || TG_TABLE_NAME); RETURN NULL; END $$`)
	w.exec(`DO $$ DECLARE name text; BEGIN
		FOR name IN SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' AND table_name <> 'changed' LOOP
			EXECUTE format('CREATE TRIGGER note_change AFTER INSERT OR DELETE%s ON %I FOR EACH ROW EXECUTE FUNCTION note_change()',
				CASE name WHEN 'sessions' THEN '' ELSE ' OR UPDATE' END, name);
		END LOOP;
	END $$`)
}
