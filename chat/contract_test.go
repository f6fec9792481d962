package chat_test

import (
	"fmt"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat/chattest"
)

// client knows nothing of our code: only what is promised to programs that were written elsewhere.
type client struct {
	t          *testing.T
	url, token string
}

// do sends a request, wants the status, and returns the answer's object; nil when it has no body.
func (c client) do(status int, method, path string, body any) object {
	c.t.Helper()
	headers := []string{}
	if c.token != "" {
		headers = append(headers, "Authorization", "Bearer "+c.token)
	}
	a := call(c.t, method, c.url+path, body, headers...).want(status)
	if len(a.body) == 0 {
		return nil
	}
	var o object
	a.into(&o)
	if status >= http.StatusBadRequest {
		c.checkError(a, o)
	}
	return o
}

// checkError wants the one form of errors.
func (c client) checkError(a answer, o object) {
	c.t.Helper()
	code := map[int]string{401: "unauthenticated", 403: "forbidden", 404: "not_found", 409: "conflict", 413: "too_large", 422: "invalid", 429: "rate_limited", 503: "unavailable"}
	e, _ := o["error"].(object)
	if e["code"] != code[a.status] || e["message"] == "" || len(o) != 1 {
		c.t.Errorf("%s: error %s", a.what, a.body)
	}
	if fields, _ := e["fields"].(object); a.status == 422 && len(fields) == 0 {
		c.t.Errorf("%s: 422 without fields: %s", a.what, a.body)
	}
	if after := a.header.Get("Retry-After"); (a.status == 429 || a.status == 503) && (after == "" || after == "0") {
		c.t.Errorf("%s: Retry-After %q", a.what, after)
	}
}

// has wants an object to have these fields, "a.b" for one of an object in it.
func (c client) has(o object, fields ...string) {
	c.t.Helper()
	for _, field := range fields {
		at, ok := o, true
		names := strings.Split(field, ".")
		for _, name := range names[:len(names)-1] {
			at, _ = at[name].(object)
		}
		if _, ok = at[names[len(names)-1]]; !ok {
			c.t.Errorf("%v has no %s", o, field)
		}
	}
}

// id is the object's, which is a UUIDv7.
func (c client) id(o object) string {
	c.t.Helper()
	text, _ := o["id"].(string)
	if id, err := uuid.Parse(text); err != nil || id.Version() != 7 {
		c.t.Errorf("id %q is no UUIDv7: %v", text, err)
	}
	return text
}

func (c client) list(o object, field string) (list []object) {
	c.t.Helper()
	all, ok := o[field].([]any)
	if !ok {
		c.t.Errorf("%v has no list %s", o, field)
	}
	for _, each := range all {
		list = append(list, each.(object))
	}
	return list
}

// find is the object of a list whose field is so.
func find(list []object, field string, value any) object {
	i := slices.IndexFunc(list, func(o object) bool { return o[field] == value })
	if i < 0 {
		return nil
	}
	return list[i]
}

// checkMessage wants all fields of a message.
func (c client) checkMessage(m object) object {
	c.t.Helper()
	c.has(m, "id", "channel_id", "seq", "author.id", "author.username", "author.display_name", "author.avatar_url", "body", "html", "client_id",
		"parent_id", "reply_count", "reactions", "files", "pinned", "created_at", "edited_at", "deleted_at")
	c.id(m)
	if at, err := time.Parse(time.RFC3339, fmt.Sprint(m["created_at"])); err != nil || at.Location() != time.UTC || time.Since(at) > time.Hour {
		c.t.Errorf("created_at %v: %v", m["created_at"], err)
	}
	return m
}

// contract is an instance with an owner, ada, and a member, bob.
type contract struct {
	client
	nobody, bob client
	general     string
}

// Every call that is promised does what is promised of it, by the names that are promised.
func TestContract(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	nobody := client{t: t, url: s.URL}
	c := &contract{client: nobody, nobody: nobody, bob: nobody}
	c.setUp()
	c.people()
	c.channels()
	c.history()
	c.aMessage()
	c.files()
	c.search()
	c.hooks()
	c.admin()
	c.sockets()
}

func (c *contract) setUp() {
	if state := c.nobody.do(200, "GET", "/api/setup", nil); state["needed"] != true {
		c.t.Errorf("before: %v", state)
	}
	first := object{"workspace": "Home", "username": "ada", "display_name": "Ada", "password": password}
	c.nobody.do(422, "POST", "/api/setup", object{"workspace": "Home", "username": "A B", "password": "short"})
	a := call(c.t, "POST", c.url+"/api/setup", first).want(201)
	if !strings.Contains(a.header.Get("Set-Cookie"), "HttpOnly") {
		c.t.Errorf("the cookie of the first login: %q", a.header.Get("Set-Cookie"))
	}
	c.nobody.do(409, "POST", "/api/setup", first)
	if state := c.nobody.do(200, "GET", "/api/setup", nil); state["needed"] != false {
		c.t.Errorf("after: %v", state)
	}
	c.nobody.do(401, "POST", "/api/auth/login", object{"username": "ada", "password": "wrong guess"})
	a = call(c.t, "POST", c.url+"/api/auth/login", object{"username": "ada", "password": password}).want(200)
	var in object
	a.into(&in)
	c.has(in, "token", "user.id", "user.username", "user.display_name", "user.role", "user.avatar_url")
	c.token = in["token"].(string)
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	if me := c.do(200, "GET", "/api/me", nil); me["username"] != "ada" || me["role"] != "owner" {
		c.t.Errorf("me: %v", me)
	}
	call(c.t, "GET", c.url+"/api/me", nil, "Cookie", cookie).want(200)
	c.nobody.do(401, "GET", "/api/me", nil)
	again := c.client
	again.token = c.nobody.do(200, "POST", "/api/auth/login", object{"username": "ada", "password": password})["token"].(string)
	again.do(204, "POST", "/api/auth/logout", nil)
	again.do(401, "GET", "/api/me", nil)
	general := find(c.list(c.do(200, "GET", "/api/channels", nil), "channels"), "name", "general")
	c.has(general, "unread", "mentions", "last_seq", "read_seq")
	c.general = c.id(general)
}

func (c *contract) people() {
	invite := c.do(201, "POST", "/api/invites", object{"role": "member", "max_uses": 1, "expires_in": 3600, "channels": []string{c.general}})
	c.has(invite, "code", "url")
	c.do(422, "POST", "/api/invites", object{"role": "king"})
	bob := object{"invite": invite["code"], "username": "bob", "display_name": "Bob", "password": password}
	in := c.nobody.do(201, "POST", "/api/auth/register", bob)
	c.bob.token = in["token"].(string)
	c.nobody.do(404, "POST", "/api/auth/register", object{"invite": invite["code"], "username": "eve", "display_name": "Eve", "password": password})
	if find(c.list(c.do(200, "GET", "/api/invites", nil), "invites"), "code", invite["code"]) == nil {
		c.t.Error("the invite is not listed")
	}
	c.do(204, "DELETE", "/api/invites/"+c.id(invite), nil)
	c.do(404, "DELETE", "/api/invites/"+c.id(invite), nil)
	c.bob.do(403, "POST", "/api/invites", object{})

	if me := c.bob.do(200, "PATCH", "/api/me", object{"display_name": "Bobby"}); me["display_name"] != "Bobby" {
		c.t.Errorf("me: %v", me)
	}
	user := find(c.list(c.do(200, "GET", "/api/users", nil), "users"), "username", "bob")
	at := "/api/users/" + c.id(user)
	for _, role := range []string{"admin", "guest", "owner", "member"} {
		if changed := c.do(200, "PATCH", at, object{"role": role}); changed["role"] != role {
			c.t.Errorf("role: %v", changed)
		}
	}
	c.do(422, "PATCH", at, object{"role": "king"})
	c.do(409, "PATCH", "/api/users/"+c.id(c.do(200, "GET", "/api/me", nil)), object{"role": "member"}) // the last owner
	c.bob.do(403, "PATCH", at, object{"role": "owner"})
	c.do(404, "PATCH", "/api/users/"+uuid.NewString(), object{"active": false})
	c.do(200, "PATCH", at, object{"active": false})
	c.bob.do(401, "GET", "/api/me", nil)
	c.do(200, "PATCH", at, object{"active": true})
	c.bob.token = c.nobody.do(200, "POST", "/api/auth/login", object{"username": "bob", "password": password})["token"].(string)
}

func (c *contract) channels() {
	room := c.do(201, "POST", "/api/channels", object{"name": "kitchen", "private": false, "topic": "tea"})
	c.has(room, "unread", "mentions", "last_seq", "read_seq")
	at := "/api/channels/" + c.id(room)
	c.do(409, "POST", "/api/channels", object{"name": "kitchen"})
	cellar := c.do(201, "POST", "/api/channels", object{"name": "cellar", "private": true})
	open := c.list(c.bob.do(200, "GET", "/api/channels?browse=1", nil), "channels")
	if find(open, "name", "kitchen") == nil || find(open, "name", "cellar") != nil {
		c.t.Errorf("bob may join %v", open)
	}
	c.bob.do(404, "GET", "/api/channels/"+c.id(cellar), nil)
	c.bob.do(404, "POST", "/api/channels/"+c.id(cellar)+"/join", nil)
	for _, change := range []object{{"name": "galley"}, {"topic": "coffee"}, {"description": "hot drinks"}, {"archived": true}, {"archived": false}} {
		changed := c.do(200, "PATCH", at, change)
		for field, value := range change {
			if changed[field] != value {
				c.t.Errorf("%v: %v", change, changed)
			}
		}
	}
	c.bob.do(200, "POST", at+"/join", nil)
	c.bob.do(204, "POST", at+"/leave", nil)
	bob := c.id(c.bob.do(200, "GET", "/api/me", nil))
	c.do(200, "POST", at+"/members", object{"user_ids": []string{bob}})
	if find(c.list(c.do(200, "GET", at+"/members", nil), "members"), "id", bob) == nil {
		c.t.Error("bob is not listed as a member")
	}
	c.do(204, "DELETE", at+"/members", object{"user_ids": []string{bob}})
	if find(c.list(c.bob.do(200, "GET", "/api/channels", nil), "channels"), "name", "galley") != nil {
		c.t.Error("bob is still a member")
	}
	direct := c.do(201, "POST", "/api/dms", object{"user_ids": []string{bob}})
	if same := c.bob.do(200, "POST", "/api/dms", object{"user_ids": []string{c.id(c.do(200, "GET", "/api/me", nil))}}); same["id"] != direct["id"] {
		c.t.Errorf("another conversation: %v, %v", direct, same)
	}
	c.do(204, "DELETE", at, nil)
	c.do(404, "GET", at, nil)
}

// history is pages of messages, and how far one has read.
func (c *contract) history() {
	at := "/api/channels/" + c.general
	for n := 1; n <= 7; n++ {
		m := c.do(201, "POST", at+"/messages", object{"client_id": uuid.NewString(), "body": fmt.Sprint("message ", n)})
		if m["seq"] != float64(n) {
			c.t.Errorf("message %d has seq %v", n, m["seq"])
		}
	}
	for query, want := range map[string]string{
		"": "[1 2 3 4 5 6 7] false", "?limit=3": "[5 6 7] true", "?limit=200": "[1 2 3 4 5 6 7] false",
		"?before=4": "[1 2 3] false", "?before=4&limit=2": "[2 3] true", "?after=5": "[6 7] false", "?after=0&limit=2": "[1 2] true",
		"?after=7": "[] false", "?before=1": "[] false", "?around=4&limit=3": "[3 4 5] true", "?around=4&limit=200": "[1 2 3 4 5 6 7] false",
	} {
		page := c.bob.do(200, "GET", at+"/messages"+query, nil)
		seqs := []any{}
		for _, m := range c.list(page, "messages") {
			seqs = append(seqs, c.checkMessage(m)["seq"])
		}
		if got := fmt.Sprint(seqs, " ", page["has_more"]); got != want {
			c.t.Errorf("messages%s: %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=201", "?limit=x", "?before=1&after=1", "?after=-1"} {
		c.do(422, "GET", at+"/messages"+query, nil)
	}
	if general := c.bob.do(200, "GET", at, nil); general["unread"] != 7.0 || general["read_seq"] != 0.0 || general["last_seq"] != 7.0 {
		c.t.Errorf("unread: %v", general)
	}
	c.bob.do(200, "POST", at+"/read", object{"seq": 5})
	c.do(201, "POST", at+"/messages", object{"client_id": uuid.NewString(), "body": "look, @bob"})
	if general := c.bob.do(200, "GET", at, nil); general["unread"] != 3.0 || general["mentions"] != 1.0 || general["read_seq"] != 5.0 {
		c.t.Errorf("after reading up to 5: %v", general)
	}
}

func (c *contract) aMessage() {
	at := "/api/channels/" + c.general + "/messages"
	sent := object{"client_id": uuid.NewString(), "body": "**hello** :tada: <script>alert(1)</script>"}
	m := c.checkMessage(c.do(201, "POST", at, sent))
	if again := c.do(200, "POST", at, sent); again["id"] != m["id"] || again["seq"] != m["seq"] {
		c.t.Errorf("sent again: %v, %v", m, again)
	}
	if html := fmt.Sprint(m["html"]); !strings.Contains(html, "<strong>hello</strong>") || strings.Contains(html, "<script") {
		c.t.Errorf("html %q", html)
	}
	for _, wrong := range []object{{"client_id": uuid.NewString(), "body": strings.Repeat("x", 10_001)}, {"client_id": "x", "body": "x"}, {"body": "x"}, {"client_id": uuid.NewString(), "body": ""}} {
		c.do(422, "POST", at, wrong)
	}
	c.do(201, "POST", at, object{"client_id": uuid.NewString(), "body": strings.Repeat("é", 10_000)})
	c.do(413, "POST", at, `{"client_id": "`+strings.Repeat("x", 2<<20)+`"}`)
	reply := c.checkMessage(c.bob.do(201, "POST", at, object{"client_id": uuid.NewString(), "body": "a reply", "parent_id": m["id"]}))
	if reply["parent_id"] != m["id"] {
		c.t.Errorf("reply: %v", reply)
	}
	one := "/api/messages/" + c.id(m)
	thread := c.do(200, "GET", one+"/thread", nil)
	if replies := c.list(thread, "replies"); len(replies) != 1 || replies[0]["id"] != reply["id"] {
		c.t.Errorf("thread: %v", thread)
	}
	c.bob.do(403, "PATCH", one, object{"body": "not mine"})
	if edited := c.checkMessage(c.do(200, "PATCH", one, object{"body": "bye"})); edited["body"] != "bye" || edited["edited_at"] == nil {
		c.t.Errorf("edited: %v", edited)
	}
	bob := c.id(c.bob.do(200, "GET", "/api/me", nil))
	c.bob.do(204, "PUT", one+"/reactions/%F0%9F%8E%89", nil)
	if got := fmt.Sprint(c.do(200, "GET", one, nil)["reactions"]); got != "[map[emoji:🎉 user_ids:["+bob+"]]]" {
		c.t.Errorf("reactions %s", got)
	}
	c.bob.do(204, "DELETE", one+"/reactions/%F0%9F%8E%89", nil)
	for _, what := range []string{"/pin", "/save"} {
		c.bob.do(204, "PUT", one+what, nil)
		if pinned := c.do(200, "GET", one, nil)["pinned"]; pinned != (what == "/pin") {
			c.t.Errorf("after %s pinned is %v", what, pinned)
		}
		c.bob.do(204, "DELETE", one+what, nil)
	}
	c.bob.do(403, "DELETE", one, nil)
	c.do(204, "DELETE", one, nil)
	if gone := c.checkMessage(c.do(200, "GET", one, nil)); gone["deleted_at"] == nil || gone["body"] != "" || gone["html"] != "" {
		c.t.Errorf("deleted: %v", gone)
	}
	c.do(404, "GET", "/api/messages/"+uuid.NewString(), nil)
}

func (c *contract) files() {
	var form strings.Builder
	w := multipart.NewWriter(&form)
	part, _ := w.CreateFormFile("file", "notes.txt")
	_, _ = part.Write([]byte("milk, tea"))
	_ = w.Close()
	var file object
	call(c.t, "POST", c.url+"/api/files", form.String(), "Content-Type", w.FormDataContentType(), "Authorization", "Bearer "+c.token).want(201).into(&file)
	c.has(file, "id", "name", "size", "type", "url")
	if file["name"] != "notes.txt" || file["size"] != 9.0 {
		c.t.Errorf("file: %v", file)
	}
	m := c.do(201, "POST", "/api/channels/"+c.general+"/messages", object{"client_id": uuid.NewString(), "body": "see this", "file_ids": []any{file["id"]}})
	if files := c.list(m, "files"); len(files) != 1 || files[0]["id"] != file["id"] {
		c.t.Errorf("files: %v", m)
	}
	a := call(c.t, "GET", c.url+"/api/files/"+c.id(file), nil, "Authorization", "Bearer "+c.bob.token).want(200)
	if string(a.body) != "milk, tea" {
		c.t.Errorf("content %q", a.body)
	}
	c.nobody.do(401, "GET", "/api/files/"+c.id(file), nil)
	c.bob.do(404, "GET", "/api/files/"+uuid.NewString(), nil)
}

func (c *contract) search() {
	said := c.do(201, "POST", "/api/channels/"+c.general+"/messages", object{"client_id": uuid.NewString(), "body": "the marmalade is on the shelf"})
	secret := c.do(201, "POST", "/api/channels", object{"name": "pantry", "private": true})
	c.do(201, "POST", "/api/channels/"+c.id(secret)+"/messages", object{"client_id": uuid.NewString(), "body": "hide the marmalade"})
	for query, want := range map[string]int{
		"marmalade": 1, "marmalade+in:general": 1, "marmalade+from:ada": 1, "marmalade+from:bob": 0, "marmalade+-shelf": 0,
		"%22on+the+shelf%22": 1, "%22shelf+marmalade%22": 0, "marmalade+before:2020-01-01": 0, "marmalade+after:2020-01-01": 1, "marmalade+has:file": 0,
	} {
		hits := c.list(c.bob.do(200, "GET", "/api/search?q="+query, nil), "hits")
		if len(hits) != want {
			c.t.Errorf("bob finds by %s %v", query, hits)
		} else if want == 1 && hits[0]["message"].(object)["id"] != said["id"] {
			c.t.Errorf("bob finds by %s %v", query, hits)
		}
	}
}

func (c *contract) hooks() {
	hook := c.do(201, "POST", "/api/hooks", object{"channel_id": c.general, "name": "Oven"})
	url, _ := hook["url"].(string)
	if a := call(c.t, "POST", url, object{"text": "*done*"}).want(200); string(a.body) != "ok" {
		c.t.Errorf("a webhook answers %q", a.body)
	}
	form := "payload=%7B%22text%22%3A%22by+a+form%22%7D"
	if a := call(c.t, "POST", url, form, "Content-Type", "application/x-www-form-urlencoded").want(200); string(a.body) != "ok" {
		c.t.Errorf("a webhook answers a form %q", a.body)
	}
	page := c.list(c.bob.do(200, "GET", "/api/channels/"+c.general+"/messages?limit=2", nil), "messages")
	if len(page) != 2 || page[0]["body"] != "**done**" || page[1]["body"] != "by a form" {
		c.t.Errorf("webhooks wrote %v", page)
	}
	call(c.t, "POST", url+"x", object{"text": "x"}).want(404)
}

func (c *contract) admin() {
	if len(c.list(c.do(200, "GET", "/api/admin/audit", nil), "entries")) == 0 {
		c.t.Error("the audit log is empty")
	}
	c.bob.do(403, "GET", "/api/admin/audit", nil)
	c.do(503, "GET", "/api/admin/status", nil) // without a supervisor
	c.do(503, "POST", "/api/admin/services/chat/restart", nil)
	health := c.nobody.do(200, "GET", "/api/health", nil)
	c.has(health, "status", "timestamp", "version", "uptime_seconds", "services")
	for range 25 {
		if a := call(c.t, "POST", c.url+"/api/auth/login", object{"username": "nobody-here", "password": "guess guess"}); a.status == 429 {
			var o object
			a.into(&o)
			c.checkError(a, o)
			return
		}
	}
	c.t.Error("guesses are not limited")
}
