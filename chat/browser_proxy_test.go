package chat_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"snug/chat/chattest"
	"snug/chat/proxytest"
)

// Below a path, behind a proxy that leaves it in requests or takes it away, the web client does all that it does elsewhere.
// The console of the browser stays empty: nothing is missing, and nothing is against the policy of the pages.
func TestBrowsersBelowAPath(t *testing.T) {
	for _, site := range []proxytest.Site{proxytest.Left, proxytest.Taken} {
		t.Run(site.String(), func(t *testing.T) {
			place := proxytest.Find(t)
			s := chattest.Start(t, chattest.Options{PublicURL: place.URL(site), Proxies: "private"})
			place.Nginx(t, site, s.Addr)
			s.URL = place.URL(site) // where the browsers go
			mia, jon := browse(t, "mia"), browse(t, "jon")
			meet(t, s, mia, jon)
			mia.mustBeAt("/chat/")
			jon.mustBeAt("/chat/")
			mia.say("Hello from below")
			jon.waitFor(".message-body", "Hello from below")
			jon.say("Nice place")
			mia.waitFor(".message-body", "Nice place")
			mia.wait(allStored)
			mia.shoot("below-a-path")

			mia.click(".sidebar-channel")
			mia.wait(`location.pathname.startsWith("/chat/channel/")`)
			mia.do("load the deep page anew", chromedp.Reload())
			mia.waitFor(".message-body", "Nice place")
			mia.wait(`location.pathname.startsWith("/chat/channel/")`)
			mia.wait(online)
			mia.wait(`Array.from(document.images).every((i) => i.complete && i.naturalWidth > 0)`)
			mia.click(`[aria-label="Log out"]`)
			mia.waitFor("h1", "Good to see you")
			mia.mustBeAt("/chat/")
			mia.signIn(place.URL(site), "mia.osterberg") // without the slash
			mia.mustBeAt("/chat/")
			mia.open(place.URL(site) + "/api/docs")
			mia.waitFor("h1", "Snug: API")
			mia.wait(`getComputedStyle(document.querySelector("pre")).borderRadius !== "0px"`)
		})
	}
}

func (p *page) mustBeAt(path string) {
	p.t.Helper()
	if got := ask[string](p, `location.pathname`); got != path {
		p.t.Errorf("%s is at %s, want %s", p.name, got, path)
	}
}
