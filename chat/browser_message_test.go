package chat_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

// Everything that can be done to a message is done from the keyboard, and what others do is seen at once.
func TestMessagesInTheBrowser(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	people := converse(t, server)
	mia, jon := people[0], people[1]
	p := browse(t, "mia")
	p.signIn(server.URL, mia.Username)
	p.waitFor(".message-body", "the good bread")

	jon.send(jon.general(), "@mia, see #general and `@mia` :tada:\n```go\nreturn 1 // one\n```")
	p.waitFor(".mention[data-me]", "@mia")
	p.waitFor("button.channel-link", "#general")
	p.waitFor(".message-body .hl-comment", "// one")
	if style := ask[string](p, `getComputedStyle(document.querySelector(".hl-comment")).fontStyle`); style != "italic" {
		t.Errorf("comments are %s", style)
	}
	p.say("helo all")
	p.waitFor(".message-body", "helo all")
	p.wait(allStored)
	if sent := jon.lastMessage(jon.general()); sent.ClientID.Version() != 7 {
		t.Errorf("the page sends under %s, which does not begin with the time", sent.ClientID)
	}
	p.press("ArrowUp")
	p.waitFor(".composer-note", "editing")
	p.wait(`document.querySelector("message-composer textarea").value === "helo all"`)
	p.keys(" of you")
	p.press("Enter")
	p.waitFor(".message-body", "helo all of you")
	p.waitFor(".message-note", "edited")

	p.wait(`(document.querySelector(".message:last-child .message-more").focus(), document.activeElement.dataset.control === "more")`)
	p.press("Enter")
	p.wait(`document.activeElement.getAttribute("aria-label") === "React with 👍"`)
	if tree := p.accessible(); !slices.Contains(tree, "menuitem Reply in thread") || !slices.Contains(tree, "menu Message") {
		t.Errorf("the menu is not there for screen readers: %v", tree)
	}
	p.press("Enter")
	p.waitFor(`.message-reaction[aria-pressed="true"]`, "👍 1")
	last := jon.lastMessage(jon.general())
	jon.call("PUT", "/api/messages/"+last.ID.String()+"/reactions/"+url.PathEscape("👍"), nil).want(204)
	jon.call("PUT", "/api/messages/"+last.ID.String()+"/pin", nil).want(204)
	p.waitFor(".message-reaction", "👍 2")
	p.waitFor(".message-note", "pinned")
	p.click(".message-reaction")
	p.waitFor(`.message-reaction[aria-pressed="false"]`, "👍 1")

	jon.reply(last, "hello Mia")
	p.click(".message:last-child .message-replies")
	p.waitFor("thread-panel .message-body", "hello Mia")
	p.keys("and hello Jon")
	p.press("Enter")
	p.waitFor("thread-panel .message-body", "and hello Jon")
	p.waitFor("message-list .message-replies", "2 replies")
	if list := ask[string](p, `document.querySelector("message-list").innerText`); strings.Contains(list, "and hello Jon") {
		t.Errorf("the channel shows what was said in the thread: %s", list)
	}
	for _, look := range []struct {
		name          string
		width, height int64
	}{{"desk", 1280, 800}, {"phone", 390, 844}} {
		p.resize(look.width, look.height)
		for _, scheme := range []string{"light", "dark"} {
			p.prefer(scheme)
			p.wait(`document.getAnimations().every((animation) => animation.playState !== "running" || animation.effect.getTiming().iterations === Infinity)`)
			p.shoot("thread-" + look.name + "-" + scheme)
		}
	}
	p.click(`thread-panel [aria-label="Close thread"]`)
	for _, scheme := range []string{"light", "dark"} {
		p.prefer(scheme)
		p.click(".message:last-child .message-more")
		p.shoot("menu-phone-" + scheme)
		p.press("Escape")
	}
	p.resize(1280, 800)
	p.click(`channel-header [aria-label="Pinned messages"]`)
	p.waitFor(".collection-list .message-body", "helo all of you")
	p.shoot("pins-desk-dark")
	p.press("Escape")
	p.click(`channel-header [aria-label="Threads"]`)
	p.waitFor(".collection-list", "Open")
	p.press("Escape")
	jon.call("GET", "/api/threads?unread=true", nil).want(200)

	p.wait(`(document.querySelector("message-list .message:last-child .message-more").focus(), true)`)
	p.press("Enter")
	p.press("End")
	p.press("Enter")
	p.waitFor(".message-menu-danger", "Really delete?")
	p.shoot("menu-desk-dark")
	p.press("Enter")
	p.waitFor(".message-deleted", "This message was deleted.")
}

// lastMessage is the newest message of a channel.
func (u user) lastMessage(channel uuid.UUID) store.Message {
	u.t.Helper()
	var page struct{ Messages []store.Message }
	u.call("GET", fmt.Sprintf("/api/channels/%s/messages?limit=1", channel), nil).want(200).into(&page)
	return page.Messages[0]
}
