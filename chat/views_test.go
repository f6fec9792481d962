package chat_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"snug/chat/chattest"
	"snug/store"
	"snug/store/postgres/postgrestest"
)

// view is a channel as a client has it that has seen nothing but the events: its messages by seq.
type view map[int64]store.Message

// take applies an event.
func (v view) take(t testing.TB, f frame) error {
	switch f.Type {
	case "message":
		m := f.message(t)
		v[m.Seq] = m
	case "message_updated", "message_deleted":
		m := f.message(t)
		if old, known := v[m.Seq]; !known || old.ID != m.ID {
			return wrong(fmt.Sprintf("%s of seq %d, which was not seen before", f.Type, m.Seq))
		}
		if (m.DeletedAt != nil) != (f.Type == "message_deleted") {
			return wrong(fmt.Sprintf("%s of %+v", f.Type, m))
		}
		v[m.Seq] = m
	case "reaction":
		for seq, m := range v {
			if m.ID == f.MessageID {
				m.Reactions = f.Reactions
				v[seq] = m
				return nil
			}
		}
		return wrong("a reaction to a message that was not seen before")
	}
	return nil
}

// check wants the view to be what the server answers now.
func (v view) check(t reporter, u user, channel uuid.UUID) {
	t.Helper()
	fetched := view{}
	for more, after := true, int64(0); more; {
		var page struct {
			Messages []store.Message
			HasMore  bool `json:"has_more"`
		}
		u.call("GET", fmt.Sprintf("/api/channels/%s/messages?after=%d&limit=200", channel, after), nil).want(200).into(&page)
		for _, m := range page.Messages {
			fetched[m.Seq], after = m, m.Seq
		}
		more = page.HasMore
	}
	if diff := cmp.Diff(fetched, v); diff != "" {
		t.Errorf("%s sees something else than there is (-fetched +seen):\n%s", u.Username, diff)
	}
}

// reporter is what *testing.T and *rapid.T have in common.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

// deed is something that one can do to a channel, to the one or other of its messages.
type deed struct {
	what  string
	which int
}

var deeds = []string{"send", "send", "reply", "reply", "edit", "delete", "react", "react", "take back", "pin", "unpin"}

// scene is a channel and what was said in it, for those who do something there.
type scene struct {
	channel uuid.UUID
	mu      sync.Mutex
	said    []store.Message
}

func (s *scene) pick(which int) (store.Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.said) == 0 {
		return store.Message{}, false
	}
	return s.said[which%len(s.said)], true
}

// do does a deed as the user, and again while the database is away. What is not allowed is refused, and that is all.
func (s *scene) do(u user, d deed) {
	m, known := s.pick(d.which)
	if !known {
		d.what = "send"
	}
	at, emoji := "/api/messages/"+m.ID.String(), url.PathEscape([]string{"👍", "🎉", ":+1:"}[d.which%3])
	message := map[string]any{"client_id": uuid.New(), "body": fmt.Sprint(d.what, " ", d.which)}
	method, path := "POST", fmt.Sprintf("/api/channels/%s/messages", s.channel)
	var body any = message
	switch d.what {
	case "reply":
		message["parent_id"], message["also_to_channel"] = m.ID, d.which%2 == 0
	case "edit":
		method, path, body = "PATCH", at, map[string]any{"body": fmt.Sprint("*edited* ", d.which)}
	case "delete":
		method, path, body = "DELETE", at, nil
	case "react":
		method, path, body = "PUT", at+"/reactions/"+emoji, nil
	case "take back":
		method, path, body = "DELETE", at+"/reactions/"+emoji, nil
	case "pin":
		method, path, body = "PUT", at+"/pin", nil
	case "unpin":
		method, path, body = "DELETE", at+"/pin", nil
	}
	for {
		switch a := u.call(method, path, body); a.status {
		case 201:
			var stored store.Message
			a.into(&stored)
			s.mu.Lock()
			s.said = append(s.said, stored)
			s.mu.Unlock()
			return
		case 503:
			continue
		case 200, 204, 403, 409, 422:
			return
		default:
			a.want(204)
		}
	}
}

// Whatever is done on either of two nodes, and whenever who comes and goes: what one sees by the events alone is what a
// client sees that fetches it anew.
func TestViewsByEventsAreWhatIsStored(t *testing.T) {
	servers := nodes(t, 2, chattest.Options{})
	ada := setUp(t, servers[0])
	users := ada.crowd(3)
	c := &coming{nodes: servers, author: ada, channel: ada.general()}
	for _, u := range users {
		c.readers = append(c.readers, &follower{user: u, channel: c.channel, bodies: map[int64]string{}, view: view{}})
	}
	play := &scene{channel: c.channel}
	rapid.Check(t, func(t *rapid.T) {
		t.Repeat(map[string]func(*rapid.T){
			"do": func(t *rapid.T) {
				who := rapid.SampledFrom(users).Draw(t, "who").on(c.node(t))
				play.do(who, deed{rapid.SampledFrom(deeds).Draw(t, "deed"), rapid.IntRange(0, 1000).Draw(t, "which")})
			},
			"come": c.come,
			"leave": func(t *rapid.T) {
				if r := c.reader(t); r.socket != nil {
					r.leave(rapid.Bool().Draw(t, "politely"))
				}
			},
		})
		last := ada.send(c.channel, "last").Seq // when this has come, all that was done before has
		for _, r := range c.readers {
			if r.socket == nil {
				if err := r.come(c.node(t)); err != nil {
					t.Fatal(err)
				}
			}
			for r.cursor < last {
				if err := r.read(); err != nil {
					t.Fatalf("%s: %v", r.Username, err)
				}
			}
			r.view.check(t, r.user, c.channel)
		}
	})
}

// The same while PostgreSQL's processes and the cache are killed, by many at once.
func TestViewsByEventsAreWhatIsStoredWhateverIsKilled(t *testing.T) {
	cluster := postgrestest.Cluster(t)
	chattest.Migrate(t, cluster.URL())
	cache := chattest.StartCache(t)
	servers := nodes(t, 2, chattest.Options{DatabaseURL: cluster.URL(), Cache: cache})
	ada := setUp(t, servers[0])
	s, play := &storm{t: t, nodes: servers, channel: ada.general()}, &scene{channel: ada.general()}
	users := ada.crowd(7)
	var readers []*follower
	var until atomic.Int64
	var reading, doing, killing sync.WaitGroup
	for _, u := range users[:3] {
		r := &follower{user: u, channel: s.channel, bodies: map[int64]string{}, view: view{}}
		readers = append(readers, r)
		reading.Go(func() { s.follow(r, &until) })
	}
	for _, u := range users[3:] {
		doing.Go(func() {
			for range 60 {
				play.do(u.on(servers[rand.IntN(2)]), deed{deeds[rand.IntN(len(deeds))], rand.IntN(1000)})
			}
		})
	}
	finished := make(chan struct{})
	killing.Go(func() { killInTurn(t, cluster, cache, finished) })
	doing.Wait()
	close(finished)
	killing.Wait()
	play.do(ada, deed{what: "send"})
	until.Store(play.said[len(play.said)-1].Seq)
	reading.Wait()
	for _, r := range readers {
		r.view.check(t, r.user, s.channel)
	}
}
