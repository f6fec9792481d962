package chat_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

// hook is an incoming webhook, as it was made.
type hook struct {
	t testing.TB
	store.Hook
	URL string `json:"url"`
}

func (u user) hook(channel uuid.UUID, name string) hook {
	u.t.Helper()
	h := hook{t: u.t}
	u.call("POST", "/api/hooks", object{"channel_id": channel, "name": name}).want(201).into(&h)
	return h
}

// post sends a payload, and wants Slack's answer.
func (h hook) post(payload any, status int, text string, headers ...string) answer {
	h.t.Helper()
	a := call(h.t, "POST", h.URL, payload, headers...)
	if a.status != status || string(a.body) != text || a.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		h.t.Errorf("%v is answered with %d %s %q, want %d %q", payload, a.status, a.header.Get("Content-Type"), a.body, status, text)
	}
	return a
}

func TestHooks(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	general := ada.general()
	socket, _ := bob.open(nil)
	h := ada.hook(general, " CI ")
	if h.Name != "CI" || h.ChannelID != general || !strings.HasPrefix(h.URL, s.URL+"/hooks/") || h.CreatedBy != ada.ID {
		t.Errorf("made %+v", h)
	}

	h.post(object{"text": "*built* for <!channel> &amp; <@" + bob.ID.String() + ">", "username": "Build 7", "icon_emoji": ":hammer:"}, 200, "ok")
	m := socket.next("message").message(t)
	want := store.Author{ID: h.UserID, Username: m.Author.Username, DisplayName: "Build 7", Bot: true, Emoji: "🔨"}
	if diff := cmp.Diff(want, m.Author); diff != "" || m.Body != `**built** for @channel \& @bob` || m.Seq != 1 ||
		!strings.Contains(m.HTML, `<strong>built</strong> for <span class="mention">@channel</span> &amp; <span class="mention">@bob</span>`) {
		t.Errorf("it has sent %+v\n%s", m, diff)
	}
	h.post(object{"text": "again"}, 200, "ok")
	if m := socket.next("message").message(t); m.Author.DisplayName != "CI" || m.Author.Emoji != "" {
		t.Errorf("as itself: %+v", m.Author)
	}
	if diff := cmp.Diff(m, ada.message(m.ID)); diff != "" {
		t.Errorf("(-event +fetched)\n%s", diff)
	}
	var c store.Membership
	bob.call("GET", "/api/channels/"+general.String(), nil).want(200).into(&c)
	if c.Unread != 2 || c.Mentions != 1 || c.Members != 2 {
		t.Errorf("%+v", c)
	}
	if body := ada.call("GET", "/api/users", nil).want(200).body; strings.Contains(string(body), h.UserID.String()) {
		t.Error("the bot is among the people")
	}
	ada.call("GET", "/api/users/"+h.UserID.String(), nil).refused(404, "not_found")

	// What has a name is stored once.
	for _, headers := range [][]string{nil, {"Idempotency-Key", "k"}} {
		payload := object{"text": "once"}
		if headers == nil {
			payload["client_id"] = "build-7"
		}
		for range 3 {
			h.post(payload, 200, "ok", headers...)
		}
	}
	h.post(object{"text": "another"}, 200, "ok", "Idempotency-Key", "other")
	if last := ada.lastMessage(general); last.Seq != 5 || last.Body != "another" {
		t.Errorf("the last of 5 is %+v", last)
	}

	var list struct{ Hooks []store.Hook }
	if body := bob.call("GET", "/api/hooks?channel_id="+general.String(), nil).want(200).into(&list).body; len(list.Hooks) != 1 || list.Hooks[0] != h.Hook ||
		strings.Contains(string(body), "url") {
		t.Errorf("listed: %s", body)
	}
	bob.call("DELETE", "/api/hooks/"+h.ID.String(), nil).refused(403, "forbidden")
	ada.call("DELETE", "/api/hooks/"+h.ID.String(), nil).want(204)
	h.post(object{"text": "late"}, 404, "no_service")
}

func TestAnswersOfHooksAreSlacks(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{})})
	ada := setUp(t, s)
	var c store.Channel
	ada.call("POST", "/api/channels", object{"name": "alerts"}).want(201).into(&c)
	h := ada.hook(c.ID, "CI")
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	many := func(n int, of string) string { return "[" + strings.Repeat(of+",", n-1) + of + "]" }
	for _, test := range []struct {
		payload string
		headers []string
		status  int
		answer  string
	}{
		{`{"text": "json"}`, nil, 200, "ok"},
		{`{"text": "no type"}`, []string{"Content-Type", ""}, 200, "ok"},
		{`{"text": "said to be a form"}`, form, 200, "ok"},
		{"payload=" + url.QueryEscape(`{"text": "form + more"}`), form, 200, "ok"},
		{`{"text": 7, "unknown": {}, "channel": "#other", "icon_url": "https://example.org/a.png"}`, nil, 200, "ok"},
		{`{"attachments": [{"fallback": "seen"}]}`, nil, 200, "ok"},
		{"", nil, 400, "invalid_payload"},
		{"hello", nil, 400, "invalid_payload"},
		{"null", nil, 400, "invalid_payload"},
		{"[]", nil, 400, "invalid_payload"},
		{`{"text": {}}`, nil, 400, "invalid_payload"},
		{`{"attachments": {}}`, nil, 400, "invalid_payload"},
		{"payload=%zz", form, 400, "invalid_payload"},
		{"text=hello", form, 400, "invalid_payload"},
		{"{}", nil, 400, "no_text"},
		{`{"text": " \n"}`, nil, 400, "no_text"},
		{`{"text": null, "blocks": [{"type": "divider"}], "attachments": [{}]}`, nil, 400, "no_text"},
		{`{"attachments": ` + many(101, `{"text": "a"}`) + `}`, nil, 400, "too_many_attachments"},
		{`{"blocks": ` + many(51, `{"type": "divider"}`) + `}`, nil, 400, "invalid_blocks"},
	} {
		h.post(test.payload, test.status, test.answer, test.headers...)
	}
	if last := ada.lastMessage(c.ID); last.Seq != 6 || last.Body != "> seen" {
		t.Errorf("the last of 6 is %+v", last)
	}

	long := "```" + strings.Repeat("0123456789\n", 2000) + "```"
	h.post(object{"text": long}, 200, "ok")
	if last := ada.lastMessage(c.ID); len([]rune(last.Body)) > store.MaxBody || !strings.HasSuffix(last.HTML, "characters more.</em></p>\n") {
		t.Errorf("of a long text: %.200q … %.200q", last.Body, last.HTML[len(last.HTML)-200:])
	}
	if a := call(t, "POST", h.URL, strings.Repeat("x", 1<<20+1)); a.status != 413 {
		t.Errorf("of too much: %d", a.status)
	}

	ada.call("PATCH", "/api/channels/"+c.ID.String(), object{"archived": true}).want(200)
	h.post(object{"text": "late"}, 410, "channel_is_archived")
	ada.call("PATCH", "/api/channels/"+c.ID.String(), object{"archived": false}).want(200)
	limited := false
	for range 60 {
		a := call(t, "POST", h.URL, "{}")
		if limited = a.status == http.StatusTooManyRequests; limited {
			if a.header.Get("Retry-After") == "" || string(a.body) != "rate_limited" {
				t.Errorf("limited: %v %s", a.header, a.body)
			}
			break
		}
	}
	if !limited {
		t.Error("a program may send without end")
	}
	ada.hook(c.ID, "other").post(object{"text": "others are not limited by it"}, 200, "ok")
	ada.call("DELETE", "/api/channels/"+c.ID.String(), nil).want(204)
	h.post(object{"text": "late"}, 404, "no_service")
	var entries struct{ Entries []store.AuditEntry }
	ada.call("GET", "/api/admin/audit?action=hook", nil).want(200).into(&entries)
	if len(entries.Entries) != 2 || entries.Entries[0].Target.Name != "other" || entries.Entries[0].Actor.Name != "ada" {
		t.Errorf("audited %+v", entries.Entries)
	}
}

// Messages of programs that many use are shown as they mean them. testdata/hooks has what they send, and what becomes of it.
func TestWhatProgramsSend(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	h := ada.hook(general, "Program")
	files, err := filepath.Glob("testdata/hooks/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		payload, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		h.post(string(payload), 200, "ok")
		m := ada.lastMessage(general)
		got := fmt.Sprintf("%s %s\n\n%s\n\n%s", m.Author.DisplayName, m.Author.Emoji, m.Body, m.HTML)
		golden := strings.TrimSuffix(file, ".json") + ".txt"
		want, err := os.ReadFile(golden)
		if diff := cmp.Diff(string(want), got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", file, err, diff)
			if os.Getenv("SNUG_UPDATE") != "" {
				_ = os.WriteFile(golden, []byte(got), 0o600)
			}
		}
	}
}

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// The examples of the documentation work.
func TestExamplesOfHooks(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl here")
	}
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	h := ada.hook(ada.general(), "CI")
	text, err := os.ReadFile("../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := shellBlock.FindAllSubmatch(text, -1)
	for _, example := range examples {
		commands := strings.NewReplacer("https://chat.example.org/hooks/TOKEN", h.URL, "https://chat.example.org", s.URL, "MY_TOKEN", ada.token,
			"CHANNEL_ID", ada.general().String()).Replace(string(example[1]))
		out, err := exec.CommandContext(t.Context(), "sh", "-ec", commands).CombinedOutput()
		if answer := strings.TrimSpace(string(out)); err != nil || !strings.HasSuffix(answer, "ok") && !strings.Contains(answer, `"url"`) {
			t.Errorf("%s\n%v: %s", commands, err, out)
		}
	}
	if last := ada.lastMessage(ada.general()); len(examples) < 4 || last.Seq < 3 {
		t.Errorf("%d examples have sent %d messages", len(examples), last.Seq)
	}
}
