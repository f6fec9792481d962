package chat_test

import (
	"testing"

	"snug/chat"
)

// A browser comes back from a planned restart before there is anything to say about it, and no request of it fails.
func TestABrowserShowsNothingOfAHandOver(t *testing.T) {
	r := startRelay(t, chat.Tuning{})
	ada := setUp(t, r.current)
	bob := ada.invite("bob")
	p := browse(t, "ada")
	p.signIn(r.current.URL, "ada")
	p.wait(online)
	ask[any](p, `window.alarms = [], new MutationObserver(() => window.alarms.push(document.querySelector("connection-strip").textContent))
		.observe(document.querySelector("connection-strip"), {childList: true, subtree: true, characterData: true})`)
	for _, words := range []string{"before", "between", "after"} {
		p.say("mine " + words)
		bob.send(bob.general(), "bob's "+words)
		r.handOver()
		p.say("mine again " + words)
		p.waitFor(".message-body", "mine again "+words)
		p.wait(allStored)
	}
	if got := p.messages(); len(got) != 9 {
		t.Errorf("the page shows %q", got)
	}
	if alarms := ask[[]string](p, `window.alarms`); len(alarms) > 0 {
		t.Errorf("the page said %q", alarms)
	}
}
