package chat_test

import (
	"net/http"
	"strings"
	"testing"

	"snug/chat"
	"snug/chat/chattest"
)

// Whoever adds a route says who may.
func TestEveryRouteIsInTheTableAndDescribed(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	var document struct {
		OpenAPI    string
		Components struct{ Schemas map[string]any }
		Paths      map[string]map[string]struct {
			OperationID string
			Security    []any
			Responses   map[string]any
		}
	}
	call(t, "GET", s.URL+"/api/openapi.json", nil).want(http.StatusOK).into(&document)
	if !strings.HasPrefix(document.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %q", document.OpenAPI)
	}
	if schemas := document.Components.Schemas; schemas["Problem"] == nil || schemas["Message"] == nil || schemas["ErrorModel"] != nil {
		t.Errorf("schemas %v", schemas)
	}
	count, ids := 0, map[string]bool{}
	for _, operations := range document.Paths {
		count += len(operations)
	}
	for _, r := range chat.Routes() {
		op, ok := document.Paths[r.Path][strings.ToLower(r.Method)]
		switch {
		case !ok:
			t.Errorf("%s %s is not described", r.Method, r.Path)
		case (len(op.Security) > 0) != (r.Access != "public"):
			t.Errorf("%s %s: the description says of the login: %v", r.Method, r.Path, op.Security)
		case ids[op.OperationID] || op.OperationID == "":
			t.Errorf("%s %s: operation id %q is not its own", r.Method, r.Path, op.OperationID)
		case op.Responses["default"] == nil:
			t.Errorf("%s %s: errors are not described", r.Method, r.Path)
		}
		ids[op.OperationID] = true
	}
	if count != len(chat.Routes()) {
		t.Errorf("%d operations are described, the table has %d", count, len(chat.Routes()))
	}
}

func TestOtherSitesCannotActWithTheCookie(t *testing.T) {
	s := chattest.Start(t, chattest.Options{PublicURL: "https://chat.example.org"})
	ada := setUp(t, s)
	cookie := "snug_session=" + ada.token
	for _, test := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"own origin", []string{"Cookie", cookie, "Origin", s.URL}, 200},
		{"public origin", []string{"Cookie", cookie, "Origin", "https://chat.example.org"}, 200},
		{"same-origin fetch", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-origin"}, 200},
		{"other origin", []string{"Cookie", cookie, "Origin", "https://evil.example"}, 403},
		{"opaque origin", []string{"Cookie", cookie, "Origin", "null"}, 403},
		{"public host over http", []string{"Cookie", cookie, "Origin", "http://chat.example.org"}, 403},
		{"cross-site fetch", []string{"Cookie", cookie, "Sec-Fetch-Site", "cross-site", "Origin", s.URL}, 403},
		{"same-site fetch", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-site"}, 403},
		{"a program with a cookie", []string{"Cookie", cookie}, 200},
		{"bearer from elsewhere", []string{"Authorization", "Bearer " + ada.token, "Origin", "https://evil.example"}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := call(t, "PATCH", s.URL+"/api/me", map[string]string{"display_name": test.name}, test.headers...)
			if test.status == http.StatusForbidden {
				a.refused(http.StatusForbidden, "forbidden")
			}
			a.want(test.status)
			call(t, "GET", s.URL+"/api/me", nil, test.headers...).want(http.StatusOK) // reading is safe
		})
	}
	t.Run("login from elsewhere", func(t *testing.T) {
		call(t, "POST", s.URL+"/api/auth/login", map[string]string{"username": "ada", "password": password},
			"Origin", "https://evil.example").refused(http.StatusForbidden, "forbidden")
	})
}
