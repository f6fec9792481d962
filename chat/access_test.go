package chat_test

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"snug/chat"
	"snug/store"
)

// Who may what is one table, in parts by what the calls are about: see access_tables_test.go. Whoever adds a route, or a
// kind of frame, adds a row; without one the tests fail. A row is
//
//	METHOD PATH STATEMENTS CELL CELL … BODY
//
// with a cell for each thing in the heading of the part: what the {id} (or {code}, {name}, {token}) of the path or of the
// body stands for. things_test.go makes them; a part about another sort of thing needs no more than its things there.
// Other words in braces are explained at world.fill, and the body {form} is a form with a picture. A cell has a letter for each of nobody, guest, member, admin and
// owner: what they are answered.
//
//	y  it is done                                         l  log in first (401)
//	n  may not (403)                                      c  a conflict (409)
//	h  is not there (404), the same as of an unknown id   i  wrong input (422), the same as of an unknown id
//	s  nothing at all happens (of frames)                 u  speak WebSocket (426)
//
// Nobody is who has no login, somebody else's or a made-up token, one that was revoked, or one of who is not active.
// STATEMENTS is how many SQL statements the call takes at most, the look at the login included.
//
// Beyond the letters, of each call: what is refused changes nothing in the database, and no answer or frame has a word of
// what its receiver may not see.

// letters are what the cells say of answers.
var letters = map[int]byte{401: 'l', 403: 'n', 404: 'h', 409: 'c', 422: 'i', 426: 'u'}

func letterOf(status int) byte {
	if status < 400 {
		return 'y'
	}
	if letter, ok := letters[status]; ok {
		return letter
	}
	return '?'
}

// actors are who the letters of a cell are about, after nobody.
var actors = []store.Role{store.Guest, store.Member, store.Admin, store.Owner}

// rule is a row of the table.
type rule struct {
	method, path string // method "frame": the path is its type
	statements   int64
	cells        map[string]string // by thing
	things       []string          // in order
	body         string
}

func (r rule) String() string { return strings.TrimSpace(r.method + " " + r.path + " " + r.body) }

// aboutThing reports whether the call names its thing.
func (r rule) aboutThing() bool { return thingMark.MatchString(r.path + r.body) }

var (
	thingMark = regexp.MustCompile(`\{(id|code|name|token)\}`)
	rulePart  = regexp.MustCompile(`^(\S+)\s+(\S+)\s+(\d+)\s+([a-z ]*?)\s*(\{.*)?$`)
)

// rules reads the table.
func rules(t *testing.T) (list []rule) {
	t.Helper()
	for _, part := range accessTable {
		lines := strings.Split(strings.TrimSpace(part), "\n")
		heads := strings.Fields(lines[0])
		for _, line := range lines[1:] {
			if strings.TrimSpace(line) == "" {
				continue
			}
			m := rulePart.FindStringSubmatch(strings.TrimSpace(line))
			if m == nil {
				t.Fatalf("row %q is not METHOD PATH STATEMENTS CELLS BODY", line)
			}
			cells := strings.Fields(m[4])
			if len(cells) != len(heads) {
				t.Fatalf("row %q has %d cells for %d things", line, len(cells), len(heads))
			}
			r := rule{method: m[1], path: m[2], body: m[5], things: heads, cells: map[string]string{}}
			r.statements, _ = strconv.ParseInt(m[3], 10, 64)
			for i, cell := range cells {
				if len(cell) != 1+len(actors) {
					t.Fatalf("row %q: cell %q is not of nobody, guest, member, admin and owner", line, cell)
				}
				r.cells[heads[i]] = cell
			}
			list = append(list, r)
		}
	}
	return list
}

// Every route and every kind of frame has a row, and every row is of one.
func TestTheTableOfAccessIsWhole(t *testing.T) {
	var names []string
	for _, r := range chat.Routes() {
		names = append(names, r.Method+" "+r.Path)
	}
	for _, frame := range chat.ClientFrames() {
		names = append(names, "frame "+frame)
	}
	seen := map[string]bool{}
	for _, r := range rules(t) {
		path, _, _ := strings.Cut(r.path, "?")
		i := slices.IndexFunc(names, func(name string) bool { return sameRoute(name, r.method+" "+path) })
		if i < 0 {
			t.Errorf("%s is a row of no route and no frame", r)
			continue
		}
		seen[names[i]] = true
	}
	for _, name := range names {
		if !seen[name] {
			t.Errorf("nothing says who may use %s: add a row to the table of access", name)
		}
	}
}

// sameRoute compares routes, whose parameters may be called otherwise.
func sameRoute(a, b string) bool {
	return slices.EqualFunc(strings.Split(a, "/"), strings.Split(b, "/"), func(a, b string) bool {
		return a == b || strings.HasPrefix(a, "{") && strings.HasPrefix(b, "{")
	})
}

// Every call and every frame is answered as the table says, to everybody, of everything.
func TestWhoMayWhat(t *testing.T) {
	w := newWorld(t)
	nobodies, table := w.nobodies(), rules(t)
	for _, r := range table { // all there is, before anybody looks
		for _, name := range r.things {
			for _, role := range actors {
				w.find(name, role)
			}
		}
	}
	var frames []rule
	for _, r := range table {
		if r.method == "frame" {
			frames = append(frames, r)
			continue
		}
		for who, headers := range nobodies {
			_, id := w.find(r.things[0], store.Owner)
			a := call(t, r.method, w.server.URL+w.fill(r.path, id, w.owner), w.body(r, id, w.owner), headers...)
			w.expect(r, r.things[0], who, letterOf(a.status), r.cells[r.things[0]][0], string(a.body))
		}
		for _, name := range r.things {
			for i, role := range actors {
				w.try(r, name, role, r.cells[name][1+i])
			}
		}
	}
	w.tryFrames(frames, nobodies)
}

// try sends a call as somebody about something.
func (w *world) try(r rule, name string, role store.Role, want byte) {
	w.t.Helper()
	find := w.find
	if want == 'y' && r.method != http.MethodGet {
		find = w.make // it will be another afterwards
	}
	me, id := find(name, role)
	mark, statements := w.mark(), w.statements.statements.Load()
	a := me.call(r.method, w.fill(r.path, id, me), w.body(r, id, me))
	statements = w.statements.statements.Load() - statements
	w.expect(r, name, string(role), letterOf(a.status), want, string(a.body))
	w.checkSecrets(r, name, role, a.body)
	if want == 'y' {
		if statements > r.statements {
			w.t.Errorf("%s, %s as %s: %d statements", r, name, role, statements)
		}
		return
	}
	w.unchanged(mark, r, name, string(role))
	if r.aboutThing() && (want == 'h' || want == 'i') {
		nothing := uuid.NewString()
		if b := me.call(r.method, w.fill(r.path, nothing, me), w.body(r, nothing, me)); b.status != a.status || !bytes.Equal(a.body, b.body) {
			w.t.Errorf("%s, %s as %s tells what is there from what is not: %s, %s", r, name, role, a.body, b.body)
		}
	}
}

// expect compares letters.
func (w *world) expect(r rule, name, who string, got, want byte, answer string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s, %s as %s: %c, want %c: %.300s", r, name, who, got, want, answer)
	}
}

// checkSecrets wants nothing in an answer of what the role may not see.
func (w *world) checkSecrets(r rule, name string, role store.Role, answer []byte) {
	w.t.Helper()
	if bytes.Contains(answer, []byte(secretFromAll)) || role == store.Guest && bytes.Contains(answer, []byte(secretFromGuests)) {
		w.t.Errorf("%s, %s: %s is told what they may not see: %s", r, name, role, answer)
	}
}

// fill puts what there is in the place of parameters.
func (w *world) fill(text, id string, me user) string {
	return strings.NewReplacer("{id}", id, "{code}", id, "{name}", id, "{token}", id, "{me}", me.ID.String(), "{new}", uuid.NewString(),
		"{short}", uuid.NewString()[:8], "{emoji}", ":tada:", "{user_id}", w.extra.ID.String(), "{extra}", w.extra.ID.String(),
		"{outsider}", w.outsider.ID.String(), "{lobby}", w.lobby.String()).Replace(text)
}

// body is the request's; nil when it has none.
func (w *world) body(r rule, id string, me user) any {
	if r.body == "" {
		return nil
	}
	if r.body == "{form}" {
		return form("cat.png", pngOf(4, 4))
	}
	return w.fill(r.body, id, me)
}

// mark is a moment in the changes of the database.
func (w *world) mark() (id int64) {
	w.t.Helper()
	if err := w.db.QueryRow(w.t.Context(), "SELECT coalesce(max(id), 0) FROM changed").Scan(&id); err != nil {
		w.t.Fatal(err)
	}
	return id
}

// unchanged wants that nothing was changed since the mark.
func (w *world) unchanged(mark int64, what ...any) {
	w.t.Helper()
	var changes string
	err := w.db.QueryRow(w.t.Context(), "SELECT coalesce(string_agg(what, ', '), '') FROM changed WHERE id > $1", mark).Scan(&changes)
	if err != nil || changes != "" {
		w.t.Errorf("%s: was refused, and changed %s, %v", fmt.Sprint(what...), changes, err)
	}
}
