package chat_test

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"snug/chat/chattest"
	"snug/store"
)

// severable is a listener whose connections can be cut without a word.
type severable struct {
	*net.TCPListener
	mu    sync.Mutex
	conns []net.Conn
}

func (l *severable) Accept() (net.Conn, error) {
	conn, err := l.TCPListener.Accept()
	if err == nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns = append(l.conns, conn)
	}
	return conn, err
}

func (l *severable) sever() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}

const (
	online = `document.querySelector("workspace-page") !== null && document.querySelector("connection-strip").textContent === ""`
	// allStored is true when no message waits any more.
	allStored = `document.querySelectorAll('.message:not([data-state="stored"])').length === 0`
)

// signIn logs in through the form.
func (p *page) signIn(url, username string) {
	p.t.Helper()
	p.open(url)
	p.fill("username", username)
	p.fill("password", password)
	p.click("form .button-primary")
	p.waitFor("channel-header h2", "#general")
	p.wait(online)
}

func TestTwoBrowsersConverse(t *testing.T) {
	listener := &severable{TCPListener: chattest.Listen(t).(*net.TCPListener)}
	options := chattest.Options{DatabaseURL: chattest.Database(t), Cache: chattest.StartCache(t), Listener: listener}
	server := chattest.Start(t, options)
	mia, jon := browse(t, "mia"), browse(t, "jon")
	meet(t, server, mia, jon)

	var said []string
	say := func(who *page, text string) {
		t.Helper()
		said = append(said, text)
		who.say(text)
	}
	agree := func(what string) {
		t.Helper()
		for _, who := range []*page{mia, jon} {
			who.waitFor(".message-body", said[len(said)-1])
			who.wait(allStored)
			if diff := cmp.Diff(said, who.messages()); diff != "" {
				t.Fatalf("%s: what was said (-) and what %s sees (+):\n%s", what, who.name, diff)
			}
		}
	}
	say(mia, "Hello Jon")
	jon.waitFor(".message-body", "Hello Jon")
	say(jon, "Hello Mia, nice in here")
	agree("at first")

	mia.tolerateFailures()
	jon.tolerateFailures()
	listener.sever()
	say(mia, "said while the line was cut")
	mia.waitFor(".message-body", said[len(said)-1])
	agree("after the line was cut")

	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	mia.waitFor("connection-strip", "Snug is restarting")
	say(mia, "said while the server was away")
	say(mia, "and more of it")
	mia.waitFor(".message-note", "Waiting to be sent")
	mia.shoot("restarting")
	chattest.Start(t, options)
	mia.waitFor(".message-body", said[len(said)-1])
	jon.waitFor(".message-body", said[len(said)-1])
	say(jon, "and on it goes")
	agree("after the restart")

	mia.do("load the page anew", chromedp.Reload())
	mia.waitFor(".message-body", said[len(said)-1])
	agree("after a reload")
}

// meet sets the instance up in one browser, makes an invite there, and registers with it in the other.
func meet(t *testing.T, server *chattest.Server, mia, jon *page) {
	t.Helper()
	mia.open(server.URL)
	mia.waitFor("h1", "Welcome to Snug")
	mia.fill("workspace", "Juniper Studio")
	mia.fill("display_name", "Mia Österberg")
	if suggested := ask[string](mia, `document.getElementById("username").value`); suggested != "mia.osterberg" {
		t.Errorf("username %q is suggested", suggested)
	}
	mia.fill("password", password)
	mia.click("form .button-primary")
	mia.waitFor(".channel-welcome", "Welcome to Juniper Studio")
	mia.wait(online)
	mia.click(".channel-welcome button")
	mia.click(".invite-form .button-primary")
	mia.waitFor(".invite-terms", "nobody joined yet")
	link := ask[string](mia, `document.querySelector(".invite-link").value`)
	mia.press("Escape")

	jon.open(link)
	jon.waitFor("h1", "Come and join Juniper Studio")
	jon.fill("display_name", "Jon")
	jon.fill("password", password)
	jon.click("form .button-primary")
	jon.waitFor("channel-header h2", "#general")
	jon.wait(online)
	mia.waitFor(".sidebar-person[data-online]", "Jon")
}

// A message written while the server is away goes out once, even if the page is loaded anew in between.
func TestUnsentMessagesSurviveAReload(t *testing.T) {
	listener := chattest.Listen(t)
	options := chattest.Options{DatabaseURL: chattest.Database(t), Cache: chattest.StartCache(t), Listener: listener}
	server := chattest.Start(t, options)
	ada := setUp(t, server)
	p := browse(t, "ada")
	p.signIn(server.URL, "ada")
	p.tolerateFailures()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	p.waitFor("connection-strip", "restarting")
	p.say("written in the dark")
	p.waitFor(".message-note", "Waiting to be sent")
	reloaded := make(chan struct{})
	go func() {
		defer close(reloaded)
		p.do("load the page anew", chromedp.Reload())
	}()
	chattest.Start(t, options)
	<-reloaded
	p.waitFor(".message-body", "written in the dark")
	p.wait(allStored)
	p.wait(online)
	var list struct{ Messages []store.Message }
	ada.call("GET", fmt.Sprintf("/api/channels/%s/messages", ada.general()), nil).want(http.StatusOK).into(&list)
	if len(list.Messages) != 1 || list.Messages[0].Body != "written in the dark" {
		t.Errorf("stored: %+v", list.Messages)
	}
}

// A long channel opens at its end, reads older messages when scrolled up, and stays where it is when new ones come.
func TestScrollingBack(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	ada := setUp(t, server)
	bob := ada.invite("bob")
	general := ada.general()
	for n := range 130 {
		bob.send(general, fmt.Sprintf("message %d", n+1))
	}
	ada.call("POST", fmt.Sprintf("/api/channels/%s/read", general), map[string]any{"seq": 120}).want(http.StatusOK)
	p := browse(t, "ada")
	p.signIn(server.URL, "ada")
	p.waitFor(".message-unread-line", "New")
	if got := len(p.messages()); got != 50 {
		t.Errorf("at first there are %d messages, want the newest 50", got)
	}

	// To the very top, page by page; each time what was in sight stays where it was.
	const scroll = `document.querySelector(".message-scroll")`
	for p.messages()[0] != "message 1" {
		first := p.messages()[0]
		ask[any](p, scroll+`.scrollTop = 40`)
		p.wait(fmt.Sprintf(`document.querySelector(".message-body").innerText.trim() !== %q`, first))
		where := ask[float64](p, fmt.Sprintf(`Array.from(document.querySelectorAll(".message-body")).find((e) => e.innerText.trim() === %q).getBoundingClientRect().top`, first))
		if where < 0 || where > 300 {
			t.Fatalf("%q, which was at the top, is at %v after older messages came", first, where)
		}
	}
	if got := p.messages(); len(got) != 130 || got[129] != "message 130" {
		t.Fatalf("%d messages, of which the last is %q", len(got), got[len(got)-1])
	}
	p.waitFor(".channel-welcome", "the room where everybody is")

	before := ask[float64](p, scroll+`.scrollTop`)
	bob.send(general, "from below")
	p.waitFor(".message-pill", "1 new message")
	p.wait(`document.title.startsWith("(")`)
	if after := ask[float64](p, scroll+`.scrollTop`); after != before {
		t.Errorf("a new message scrolled the list from %v to %v", before, after)
	}
	p.click(".message-pill")
	p.wait(scroll + `.scrollHeight - ` + scroll + `.scrollTop - ` + scroll + `.clientHeight < 2`)
	p.wait(`document.querySelector(".message-pill").hidden && !document.title.startsWith("(")`)
}

// Everything can be done with the keyboard.
func TestKeyboardAlone(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	setUp(t, server)
	p := browse(t, "ada")
	p.open(server.URL)
	p.wait(`document.activeElement.id === "username"`)
	p.keys("ada")
	p.press("Tab")
	p.keys("wrong password")
	p.tolerateFailures()
	p.press("Enter")
	p.waitFor("[role=alert]", "Username or password is wrong.")
	p.wait(`document.activeElement.id === "password"`)
	p.press("Tab", chromedp.ModifierShift)
	p.press("Tab")
	p.keys(password)
	p.press("Enter")
	p.wait(`document.activeElement.matches("message-composer textarea")`)
	p.wait(online)
	p.keys("two lines")
	p.press("Enter", chromedp.ModifierShift)
	p.keys("in one message")
	p.press("Enter")
	p.waitFor(".message-body", "two lines\nin one message")
	p.wait(`document.activeElement.value === ""`)

	p.tabTo("Invite people", `button.sidebar-invite`)
	p.press("Enter")
	p.wait(`document.querySelector("dialog").open && document.querySelector("dialog").contains(document.activeElement)`)
	p.press("Escape")
	p.wait(`!document.querySelector("dialog").open && document.activeElement.matches(".sidebar-invite")`)
	p.tabTo("the messages", ".message-scroll")
	p.tabTo("the skip link", ".skip-link")
	if outline := ask[string](p, `getComputedStyle(document.activeElement).outlineStyle`); outline == "none" {
		t.Error("the focus cannot be seen")
	}
	p.press("Enter")
	p.wait(`document.activeElement.id === "content"`)
	p.tabTo("log out", `[aria-label="Log out"]`)
	p.press("Enter")
	p.waitFor("h1", "Good to see you")
}

// tabTo presses Tab until the focus is on what matches the selector.
func (p *page) tabTo(what, selector string) {
	p.t.Helper()
	for range 40 {
		p.press("Tab")
		if ask[bool](p, fmt.Sprintf(`document.activeElement.matches(%q)`, selector)) {
			return
		}
	}
	p.t.Fatalf("%s: Tab does not lead to %s", p.name, what)
}

// On a phone nothing is wider than the screen, the channels slide in, and the button sends.
func TestPhone(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	ada := setUp(t, server)
	general := ada.general()
	ada.call("PATCH", "/api/me", map[string]string{"display_name": strings.Repeat("W", 80)}).want(http.StatusOK)
	for _, body := range []string{
		strings.Repeat("long", 80), "```\n" + strings.Repeat("code ", 60) + "\n```", "https://example.org/" + strings.Repeat("a/", 200),
		"| a | b |\n|---|---|\n| " + strings.Repeat("cell ", 40) + " | " + strings.Repeat("x", 100) + " |",
	} {
		ada.send(general, body)
	}
	p := browse(t, "ada")
	p.resize(360, 640)
	fits := func(what string) {
		t.Helper()
		if wide := ask[int](p, `document.documentElement.scrollWidth`); wide > 360 {
			t.Errorf("%s is %d wide on a screen of 360", what, wide)
		}
		if wide := ask[int](p, `Math.max(0, ...Array.from(document.querySelectorAll(".message-scroll, dialog[open]"), (e) => e.scrollWidth - e.clientWidth))`); wide > 0 {
			t.Errorf("%s scrolls sideways by %d", what, wide)
		}
	}
	p.open(server.URL)
	p.waitFor("h1", "Good to see you")
	fits("the login")
	p.signIn(server.URL, "ada")
	p.waitFor(".message-body", "https://example.org/")
	fits("the conversation")
	p.wait(`document.querySelector("channel-sidebar").inert && !document.querySelector(".conversation").inert`)
	p.click(".channel-header-menu")
	p.wait(`!document.querySelector("channel-sidebar").inert && document.activeElement.matches(".sidebar-close")`)
	fits("the list of channels")
	p.press("Escape")
	p.wait(`document.activeElement.matches(".channel-header-menu")`)
	p.click(".channel-header-menu")
	p.wait(`document.querySelector("channel-sidebar").getBoundingClientRect().left === 0`)
	p.click(".sidebar-invite")
	p.click(".invite-form .button-primary")
	p.waitFor(".invite-terms", "joined")
	fits("the invite dialog")
	p.press("Escape")

	p.do("write a message", chromedp.SendKeys(chromedp.CSS("message-composer textarea"), "from the phone"))
	p.press("Enter") // a new line there
	p.click(".composer-send")
	p.waitFor(".message-body", "from the phone")
	p.wait(allStored)
	if bottom := ask[float64](p, `document.querySelector("message-composer").getBoundingClientRect().bottom`); bottom > 640 {
		t.Errorf("the composer ends at %v, below the screen", bottom)
	}
}

// Screen readers find every control by name.
func TestAccessibleNames(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	ada := setUp(t, server)
	ada.invite("bob")
	ada.send(ada.general(), "something to read")
	p := browse(t, "ada")
	p.open(server.URL)
	p.waitFor("h1", "Good to see you")
	p.mustHave("heading Good to see you", "textbox Username", "textbox Password", "button Show password", "button Log in")
	p.signIn(server.URL, "ada")
	p.waitFor(".message-body", "something to read")
	p.mustHave(
		"link Skip to the conversation", "navigation Channels and people", "link general", "button Invite people",
		"button Log out", "heading #general", "log Messages in #general", "StaticText something to read", "textbox Message #general", "button Send message",
	)
	p.click(".sidebar-invite")
	p.mustHave("dialog Invite people", "combobox They become", "combobox Good for", "combobox Ends after", "button Make a link", "button Close")
}

// mustHave fails the test unless the accessibility tree has the nodes, as "role name".
func (p *page) mustHave(nodes ...string) {
	p.t.Helper()
	tree := p.accessible()
	for _, node := range nodes {
		has := slices.ContainsFunc(tree, func(have string) bool { return have == node || strings.HasPrefix(have, node+" ") })
		if !has {
			p.t.Errorf("screen readers do not find %q among\n%s", node, strings.Join(tree, "\n"))
		}
	}
}

// Who forgot the password opens the link that somebody hands over, and is in.
func TestANewPasswordInABrowser(t *testing.T) {
	server := chattest.Start(t, chattest.Options{})
	ada := setUp(t, server)
	bob := ada.invite("bob")
	var reset struct{ URL string }
	ada.call("POST", "/api/users/"+bob.ID.String()+"/password-reset", nil).want(http.StatusCreated).into(&reset)
	p := browse(t, "bob")
	p.open(reset.URL)
	p.waitFor("h1", "Choose a new password")
	p.fill("password", "battery staple horse")
	p.click("form .button-primary")
	p.waitFor("channel-header h2", "#general")
	p.wait(online)
	p.wait(`location.pathname === "/"`)
	bob.login("battery staple horse").call("PATCH", "/api/me", object{"display_name": "Robert"}).want(http.StatusOK)
	p.waitFor(".sidebar-person[data-online]", "Robert (you)")

	p.tolerateFailures()
	p.open(reset.URL)
	p.fill("password", "battery staple horse")
	p.click("form .button-primary")
	p.waitFor("[role=alert]", "no longer works")
}
