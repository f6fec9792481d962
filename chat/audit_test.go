package chat_test

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

type auditPage struct {
	Entries []store.AuditEntry
	HasMore bool `json:"has_more"`
}

// audit is the log as an owner reads it, the oldest first.
func (u user) audit(query string) []store.AuditEntry {
	u.t.Helper()
	var page auditPage
	u.call("GET", "/api/admin/audit?"+query, nil).want(200).into(&page)
	slices.Reverse(page.Entries)
	return page.Entries
}

func TestTheAuditLogTellsWhoDidWhatToWhomFromWhere(t *testing.T) {
	socket := supervisor(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	s := chattest.Start(t, chattest.Options{Proxies: "private", ControlSocket: socket})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	from := []string{"X-Forwarded-For", "203.0.113.9", "User-Agent", "Lynx"}
	bobs := "/api/users/" + bob.ID.String()
	var reset struct{ Code string }
	call(t, "POST", s.URL+"/api/auth/login", object{"username": "bob", "password": "wrong guess"}, from...).want(401)
	call(t, "POST", s.URL+"/api/auth/login", object{"username": password, "password": "bob"}, from...).want(401) // in the wrong field
	ada.call("PATCH", bobs, object{"role": "admin"}, from...).want(200)
	ada.call("PATCH", bobs, object{"active": false}, from...).want(200)
	call(t, "POST", s.URL+"/api/auth/login", object{"username": "bob", "password": password}, from...).want(401)
	ada.call("PATCH", bobs, object{"active": true}, from...).want(200)
	ada.call("POST", bobs+"/password-reset", nil, from...).want(201).into(&reset)
	var in login
	call(t, "POST", s.URL+"/api/auth/reset", object{"code": reset.Code, "password": password}, from...).want(200).into(&in)
	bob.token = in.Token
	bob.call("POST", "/api/me/password", object{"old": password, "new": password + "!"}, from...).want(204)
	ada.call("POST", "/api/admin/services/cache/restart", nil, from...).want(200)
	bob.call("POST", "/api/auth/logout", object{"everywhere": true}, from...).want(204)

	var got []string
	for _, e := range ada.audit("limit=1000") {
		if e.IP == "203.0.113.9" {
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s %s%s", e.Action, e.Actor.Name, e.Target.Kind, e.Target.Name,
				e.Details["reason"], e.Details["from"], e.Details["to"])))
		}
	}
	want := []string{
		"login.failed  user bob wrong password",
		"login.failed    unknown username",
		"user.role_changed ada user bob  memberadmin",
		"user.deactivated ada user bob",
		"login.failed  user bob not active",
		"user.activated ada user bob",
		"password.reset_begun ada user bob",
		"password.reset bob user bob",
		"login.begun bob user bob",
		"password.changed bob user bob",
		"service.restart ada service cache",
		"login.all_ended bob user bob",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if first := ada.audit("limit=1000")[0]; first.Action != store.SetUp || first.Actor.Name != "ada" || first.IP != "127.0.0.1" {
		t.Errorf("it begins with %+v", first)
	}
	csv := string(ada.call("GET", "/api/admin/audit.csv", nil).want(200).body)
	for _, secret := range []string{password, reset.Code, ada.token, bob.token} {
		if strings.Contains(csv, secret) {
			t.Errorf("the log has %q in it", secret)
		}
	}
}

func TestTheAuditLogIsReadInParts(t *testing.T) {
	c := newCast(t)
	guest := c.roles[store.Guest]
	if list := c.owner.audit("actor=" + guest.ID.String()); len(list) != 2 || list[0].Action != store.UserRegistered || list[1].Action != store.LoggedIn {
		t.Errorf("of the guest: %+v", list)
	}
	if list := c.owner.audit("target=" + c.out.ID.String() + "&action=user.deactivated"); len(list) != 1 {
		t.Errorf("deactivated: %+v", list)
	}
	if list := c.owner.audit("since=" + time.Now().Add(time.Hour).UTC().Format(time.RFC3339)); len(list) != 0 {
		t.Errorf("in an hour: %+v", list)
	}
	var page auditPage
	c.owner.call("GET", "/api/admin/audit?limit=3", nil).want(200).into(&page)
	if len(page.Entries) != 3 || !page.HasMore {
		t.Errorf("%+v", page)
	}
	for query, field := range map[string]string{"limit=0": "limit", "limit=1001": "limit", "actor=bob": "actor", "since=yesterday": "since", "colour=red": "colour"} {
		c.owner.call("GET", "/api/admin/audit?"+query, nil).refused(422, "invalid", field)
	}
}

func TestTheAuditLogAsCSV(t *testing.T) {
	c := newCast(t)
	for i := range store.MaxAuditPage {
		event := store.Event{Action: "test.written", Target: store.Target{Kind: "service", Name: fmt.Sprintf("=cmd|%d", i)}, Details: map[string]string{"said": "\"a\",\nb"}}
		if err := c.server.Store.Record(store.By(t.Context(), store.Actor{Name: "+1", IP: "@x"}), event); err != nil {
			t.Fatal(err)
		}
	}
	a := c.owner.call("GET", "/api/admin/audit.csv", nil).want(200)
	if kind, disposition := a.header.Get("Content-Type"), a.header.Get("Content-Disposition"); !strings.HasPrefix(kind, "text/csv") || !strings.HasPrefix(disposition, "attachment") {
		t.Errorf("Content-Type %q, Content-Disposition %q", kind, disposition)
	}
	rows, err := csv.NewReader(strings.NewReader(string(a.body))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	all := len(c.owner.audit("limit=1000&action=login")) + len(c.owner.audit("limit=1000&action=user")) +
		len(c.owner.audit("limit=1000&action=invite")) + len(c.owner.audit("limit=1000&action=workspace")) + store.MaxAuditPage
	if len(rows) != all+2 || rows[0][0] != "id" || rows[len(rows)-1][0] != "end" {
		t.Fatalf("%d rows, want %d and two more; the last is %v", len(rows), all, rows[len(rows)-1])
	}
	if row := rows[1]; row[2] != "test.written" || row[4] != "'+1" || row[5] != "'@x" || row[8] != fmt.Sprintf("'=cmd|%d", store.MaxAuditPage-1) || row[9] != `{"said":"\"a\",\nb"}` {
		t.Errorf("row %q", row)
	}
	for i := 2; i < len(rows)-1; i++ {
		if len(rows[i][0]) > len(rows[i-1][0]) || len(rows[i][0]) == len(rows[i-1][0]) && rows[i][0] >= rows[i-1][0] {
			t.Fatalf("row %s comes after row %s", rows[i][0], rows[i-1][0])
		}
	}
	for text, want := range map[string]string{"": "", "a=b": "a=b", "=1": "'=1", "-1": "'-1", "\tx": "'\tx", "\rx": "'\rx", "é": "é"} {
		if got := chat.PlainCell(text); got != want {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

func TestTheAuditLogTellsOfDeletions(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	var channel store.Membership
	bob.call("POST", "/api/channels", object{"name": "plans"}).want(201).into(&channel)
	for _, by := range []user{bob, ada} {
		m := bob.send(bob.general(), "hello")
		by.call("DELETE", "/api/messages/"+m.ID.String(), nil).want(204)
	}
	bob.call("DELETE", "/api/channels/"+channel.ID.String(), nil).want(204)
	var got []string
	for _, e := range ada.audit("limit=1000") {
		if e.Target.Kind == "message" || e.Target.Kind == "channel" {
			got = append(got, fmt.Sprint(e.Action, " ", e.Actor.Name, " ", e.Target.Name))
		}
	}
	if want := []string{"message.deleted ada ", "channel.deleted bob plans"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
