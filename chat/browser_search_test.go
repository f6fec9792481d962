package chat_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"snug/chat/chattest"
)

// What was said long ago is found from the keyboard and shown at its place, and from there it goes back to now; who is
// called sees so; and what is marked as unread stays so.
func TestSearchInTheBrowser(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	people := converse(t, server)
	mia, jon := people[0], people[1]
	general := jon.general()
	jon.send(general, "The **kettle** is on the third shelf, behind the <tea>")
	for i := range 150 {
		jon.send(general, fmt.Sprintf("and on it goes %d", i))
	}
	mia.call("POST", "/api/channels/"+general.String()+"/read", object{"seq": 1000}).want(200)
	p := browse(t, "mia")
	p.signIn(server.URL, mia.Username)
	p.waitFor(".message-body", "and on it goes 149")

	p.press("k", chromedp.ModifierCtrl)
	p.wait(`document.activeElement.id === "search-query"`)
	p.keys("before:soon")
	p.waitFor(".search-note", "before:2026-01-31")
	p.wait(`(document.activeElement.select(), true)`)
	p.keys("kettles from:@" + jon.Username)
	p.waitFor(".search-hit mark", "kettle")
	p.waitFor(".search-note", "1 message")
	p.mustHave("dialog Search", "searchbox Search messages")
	p.everyLook("search")
	p.press("ArrowDown")
	p.press("Enter")
	p.waitFor(".message[data-found] .message-body", "behind the <tea>")
	p.wait(`document.activeElement.matches(".message[data-found]")`)
	p.waitFor(".message-pill", "To the newest messages")
	p.shoot("found-desk-dark")
	p.click(".message-pill")
	p.waitFor(".message:last-child .message-body", "and on it goes 149")
	p.wait(`document.querySelector(".message-pill").hidden`)

	p.click(".sidebar-search")
	p.wait(`document.activeElement.id === "search-query"`)
	p.press("Escape")

	p.wait(`(document.querySelector(".message:last-child .message-more").focus(), true)`)
	p.press("Enter")
	p.waitFor("[role=menuitem]", "Mark as unread")
	p.wait(`(Array.from(document.querySelectorAll("[role=menuitem]")).find((item) => item.textContent === "Mark as unread").click(), true)`)
	p.waitFor(".message-unread-line", "New")
	p.waitFor(".sidebar-channel[aria-current] .sidebar-badge", "1")
	jon.send(general, "look at this, @"+mia.Username)
	p.waitFor(".sidebar-badge[data-personal]", "@1")
	p.waitFor(".message-body .mention", "@"+mia.Username)
	p.shoot("mention-desk-dark")
	p.click(`channel-header [aria-label="Mentions"]`)
	p.waitFor(".collection-list .message-body", "look at this")
	p.shoot("mentions-desk-dark")
	p.click(".collection-list .text-button")
	p.waitFor(".message[data-found] .message-body", "look at this")
}
