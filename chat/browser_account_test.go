package chat_test

import (
	"testing"

	"snug/chat/chattest"
)

// Somebody sees where they are logged in, ends a login, changes the password, and logs out everywhere.
func TestAccountInTheBrowser(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	ada := setUp(t, server)
	p := browse(t, "ada")
	p.signIn(server.URL, "ada")
	p.click(".sidebar-me")
	p.click("account-security summary")
	p.waitFor("account-security .dialog-list", "Go-http-client")
	p.waitFor("account-security .dialog-list", "this one")
	p.click(`account-security [aria-label="End the login of Go-http-client"]`)
	p.wait(`document.querySelectorAll("account-security li").length === 1`)
	ada.call("GET", "/api/me", nil).refused(401, "unauthenticated")

	p.fill("password-old", password)
	p.fill("password-new", "a better password")
	p.press("Enter")
	p.waitFor("account-security [role=status]", "The password is changed")
	call(t, "POST", server.URL+"/api/auth/login", object{"username": "ada", "password": password}).want(401)

	p.click("account-security .dialog-more > .button")
	p.waitFor("h1", "Good to see you")
}
