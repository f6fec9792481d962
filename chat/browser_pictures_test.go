package chat_test

import (
	"bytes"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"snug/chat/chattest"
	"snug/store"
)

// TestPictures takes the pictures of the documentation, and of every page in light and dark, on a desk and on a phone,
// into the folder that SNUG_SCREENSHOTS names.
func TestPictures(t *testing.T) {
	if picturePath("") == "" {
		t.Skip("set SNUG_SCREENSHOTS to a folder for pictures of the web client")
	}
	server := chattest.Start(t, chattest.Options{})
	p := browse(t, "painter")
	p.open(server.URL)
	p.waitFor("h1", "Welcome to Snug")
	p.everyLook("setup")
	people := converse(t, server)
	p.open(server.URL)
	p.waitFor("h1", "Good to see you")
	p.everyLook("login")
	p.open(server.URL + "/invite/abc")
	p.waitFor("h1", "Come and join Juniper Studio")
	p.everyLook("invite")

	for _, u := range people[1:] {
		socket, _ := u.open(nil)
		socket.next("resumed")
	}
	p.signIn(server.URL, people[0].Username)
	p.waitFor(".message-body", "the good bread")
	p.wait(fmt.Sprintf(`document.querySelectorAll(".sidebar-person[data-online]").length === %d`, len(people)))
	p.do("point at nothing", chromedp.MouseEvent(chromedp.MouseMoved, 640, 10))
	p.everyLook("conversation")
	split(t, "screenshot", "conversation-desk-light", "conversation-desk-dark")
	p.click(".sidebar-invite")
	p.click(".invite-form .button-primary")
	p.waitFor(".invite-terms", "joined")
	p.everyLook("inviting")
	p.press("Escape")
	for name, topic := range map[string]string{"garden": "what grows, and who waters it", "printers": "out of paper, again"} {
		people[1].call("POST", "/api/channels", map[string]any{"name": name, "topic": topic}).want(201)
	}
	p.click(".sidebar-browse")
	p.waitFor(".dialog-list", "who waters it")
	p.everyLook("channels")
	p.press("Escape")
	p.click(".channel-header-members")
	p.waitFor("channel-dialog .dialog-list", "@tove")
	p.everyLook("members")
	p.press("Escape")
	p.resize(390, 844)
	p.click(".channel-header-menu")
	p.wait(`document.querySelector("channel-sidebar").getBoundingClientRect().left === 0`)
	p.shoot("channels-phone-dark")
}

// split joins two pictures of one size along a slanting line: day and evening.
func split(t *testing.T, name, left, right string) {
	t.Helper()
	day, evening := readPicture(t, left), readPicture(t, right)
	size := day.Bounds()
	joined := image.NewRGBA(size)
	for y := range size.Dy() {
		border := size.Dx()*3/5 - y/3
		draw.Draw(joined, image.Rect(0, y, border, y+1), day, image.Pt(0, y), draw.Src)
		draw.Draw(joined, image.Rect(border, y, size.Dx(), y+1), evening, image.Pt(border, y), draw.Src)
	}
	var encoded bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&encoded, joined); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(picturePath(name), encoded.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func readPicture(t *testing.T, name string) image.Image {
	t.Helper()
	file, err := os.Open(picturePath(name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	picture, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return picture
}

// line is something said in a sample conversation.
type line struct {
	who    int // index of the person
	before time.Duration
	body   string
}

// converse makes people and lets them talk, and returns them.
func converse(t *testing.T, server *chattest.Server) []user {
	t.Helper()
	var owner login
	call(t, "POST", server.URL+"/api/setup", map[string]string{
		"workspace": "Juniper Studio", "username": "mia", "display_name": "Mia Österberg", "password": password,
	}).want(201).into(&owner)
	people := []user{{t: t, server: server, token: owner.Token, User: owner.User}}
	const mia, jon, ada, lin, tove = 0, 1, 2, 3, 4
	for _, name := range []string{"Jon Castellanos", "Ada Okafor", "Lin Wei", "Tove Berg"} {
		first, _, _ := strings.Cut(strings.ToLower(name), " ")
		u := people[0].invite(first)
		u.call("PATCH", "/api/me", map[string]string{"display_name": name}).want(200)
		people = append(people, u)
	}
	tell(t, people, []line{
		{jon, 26 * time.Hour, "The new heating is in, and it *purrs*."},
		{ada, 26*time.Hour - time.Minute, "Finally! I have been typing with gloves on since Thursday 🧤"},
		{tove, 95 * time.Minute, "The open evening is on Friday. Three things to do before:\n\n" +
			"- a sign for the door, with the **new** opening hours\n- chairs, twelve more than last time\n- the `guests` list, by name"},
		{jon, 88 * time.Minute, "Sign is at the printer. And for whoever asked, the soup:\n\n" +
			"```\nonions, carrots, a leek      20 min, slowly\nred lentils, stock, thyme    35 min\n```\n\nDouble it if Lin is coming."},
		{ada, 80 * time.Minute, "> Double it if Lin is coming.\n\nI am coming as well, so do it twice."},
		{lin, 34 * time.Minute, "Chairs are here, all twelve of them, and the neighbours want to be on the list."},
		{mia, 31 * time.Minute, "You are all wonderful. Soup is on the stove, come down when you are done."},
		{mia, 31 * time.Minute, "Whoever is first puts the kettle on."},
		{lin, 29 * time.Minute, "🍲🔥"},
		{jon, 2 * time.Minute, "That is me. I also found the good bread."},
	})
	return people
}

// tell sends the lines and gives them the times at which they would have been said.
func tell(t *testing.T, people []user, lines []line) {
	t.Helper()
	db, err := pgx.Connect(t.Context(), people[0].server.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	general := people[0].general()
	var last store.Message
	for _, l := range lines {
		last = people[l.who].send(general, l.body)
		if _, err := db.Exec(t.Context(), `UPDATE messages SET created_at = now() - $2::interval WHERE id = $1`, last.ID, l.before); err != nil {
			t.Fatal(err)
		}
	}
	markRead(people[0], general, last.Seq)
}

func markRead(u user, channel uuid.UUID, seq int64) {
	u.t.Helper()
	u.call("POST", fmt.Sprintf("/api/channels/%s/read", channel), map[string]any{"seq": seq}).want(200)
}
