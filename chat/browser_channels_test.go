package chat_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

// Two people make, find, join, describe and leave a channel, bring each other in, and write directly.
func TestTwoBrowsersUseChannels(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	owner := setUp(t, server)
	owner.invite("bob")
	ada, bob := browse(t, "ada"), browse(t, "bob")
	ada.signIn(server.URL, "ada")
	bob.signIn(server.URL, "bob")

	// Ada makes a channel, with the keyboard alone.
	ada.tabTo("the channels", ".sidebar-browse")
	ada.press("Enter")
	ada.waitFor("channels-dialog .dialog-empty", "no other channel")
	ada.fill("channel-name", "Team Lunch")
	ada.fill("channel-topic", "what and where")
	ada.press("Enter")
	ada.waitFor("channel-header h2", "#team-lunch")
	ada.waitFor("channel-header p", "what and where")
	ada.waitFor(".channel-header-members", "1 person")
	ada.say("Soup today")

	// Bob finds it.
	bob.click(".sidebar-browse")
	bob.waitFor("channels-dialog .dialog-list", "what and where")
	if tree := bob.accessible(); !slices.Contains(tree, "button Join #team-lunch") || !slices.Contains(tree, "dialog Channels") {
		t.Errorf("to screen readers:\n%s", strings.Join(tree, "\n"))
	}
	bob.click(`channels-dialog .dialog-list button`)
	bob.waitFor("channel-header h2", "#team-lunch")
	bob.waitFor(".message-body", "Soup today")
	ada.waitFor(".channel-header-members", "2 people")

	// The topic is changed, and seen by both.
	ada.click(".channel-header-members")
	ada.waitFor("channel-dialog .dialog-list", "@bob")
	ask[string](ada, `document.getElementById("about-topic").value = ""`)
	ada.fill("about-topic", "soup")
	ada.press("Enter")
	bob.waitFor("channel-header p", "soup")

	// A program writes by a webhook that Ada makes.
	ada.click("channel-hooks summary")
	ada.fill("hook-name", "Backups")
	ada.press("Enter")
	ada.waitFor("channel-hooks .dialog-list", "made by you")
	address := ask[string](ada, `document.querySelector(".channel-hooks-link").value`)
	hook{t: t, URL: address}.post(object{"text": "*done*", "username": "Nightly", "icon_emoji": "package"}, 200, "ok")
	bob.waitFor(".message-app", "App")
	bob.waitFor(".message-author", "Nightly")
	bob.waitFor(".avatar-emoji", "📦")
	bob.waitFor(".message-body strong", "done")
	ada.click(`channel-hooks [aria-label="Delete the webhook Backups"]`)
	ada.wait(`document.querySelectorAll("channel-hooks li").length === 0`)
	hook{t: t, URL: address}.post(object{"text": "late"}, 404, "no_service")

	// She describes the channel, and archives it for a moment.
	ada.click("channel-settings summary")
	ada.fill("settings-description", "who eats where")
	ada.press("Enter")
	ada.wait(`document.getElementById("settings-description").value === "who eats where"`)
	ada.click("channel-settings .dialog-row .button")
	ada.waitFor("channel-settings .dialog-row .button", "Bring the channel back")
	ada.click("channel-settings .dialog-row .button")
	ada.waitFor("channel-settings .dialog-row .button", "Archive")
	var described store.Channel
	owner.call("GET", "/api/channels/"+channelNamed(t, owner, "team-lunch").String(), nil).want(200).into(&described)
	if described.Description != "who eats where" || described.Archived {
		t.Errorf("the channel is %+v", described)
	}

	// Ada takes Bob out, who is led elsewhere, and brings him back in.
	ada.click(`channel-dialog [aria-label="Take bob out"]`)
	bob.waitFor("channel-header h2", "#general")
	bob.wait(`document.querySelectorAll(".sidebar-channel").length === 1`)
	ada.waitFor("channel-dialog .dialog-row option", "@bob")
	ada.click(`channel-dialog .dialog-row:has(select) button`)
	ada.waitFor("channel-dialog .dialog-list", "@bob")
	ada.press("Escape")
	bob.waitFor(".sidebar-channel", "team-lunch")
	bob.click(`.sidebar-channel[href*="` + channelNamed(t, owner, "team-lunch").String() + `"]`)
	bob.waitFor("channel-header h2", "#team-lunch")
	bob.waitFor(".message-body", "Soup today")

	// Bob leaves.
	bob.click(".channel-header-members")
	bob.waitFor("channel-dialog .dialog-list", "@ada")
	bob.click("channel-dialog .dialog-body > .button:last-child")
	bob.waitFor("channel-header h2", "#general")
	ada.waitFor(".channel-header-members", "1 person")

	// A click on a person begins a direct conversation.
	ada.click(`li:not(:first-child) > .sidebar-person`)
	ada.waitFor("channel-header h2", "bob")
	ada.say("between us")
	bob.waitFor(".sidebar-badge", "1")
	bob.waitFor(".sidebar-channel[data-unread]", "Ada")
}

func channelNamed(t *testing.T, u user, name string) uuid.UUID {
	t.Helper()
	var list struct{ Channels []store.Membership }
	u.call("GET", "/api/channels", nil).want(200).into(&list)
	for _, c := range list.Channels {
		if c.Name == name {
			return c.ID
		}
	}
	t.Fatalf("no channel %s", name)
	return uuid.Nil
}
