package chat_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"mime"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

func mimeOf(a answer, header string) (string, map[string]string, error) {
	return mime.ParseMediaType(a.header.Get(header))
}

// pngOf is a picture of one colour.
func pngOf(width, height int) string {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = 200
	}
	img.Set(0, 0, color.Black)
	var out bytes.Buffer
	_ = png.Encode(&out, img)
	return out.String()
}

// Files come with the message, over HTTP and the socket, live and later, and can be opened by whoever may read it.
func TestFilesOfAMessage(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	general := ada.general()
	listening, _ := bob.open(nil)
	listening.next("resumed")
	picture, notes := ada.upload("cat.png", pngOf(1000, 500)), ada.upload("notes.txt", "hello")
	if picture.Type != "image/png" || picture.Width != 1000 || picture.Height != 500 || picture.ThumbURL == "" || notes.ThumbURL != "" || notes.Size != 5 {
		t.Errorf("%+v, %+v", picture, notes)
	}
	want := []store.File{picture, notes}
	check := func(what string, m store.Message) {
		t.Helper()
		if diff := cmp.Diff(want, m.Files); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	client := uuid.New()
	body := object{"client_id": client, "file_ids": idsOf(want)}
	var sent, again store.Message
	ada.call("POST", channelPath(general, "/messages"), body).want(201).into(&sent)
	check("answer", sent)
	check("frame", listening.next("message").message(t))
	ada.call("POST", channelPath(general, "/messages"), body).want(200).into(&again)
	check("answer to the same", again)
	var page struct{ Messages []store.Message }
	bob.call("GET", channelPath(general, "/messages"), nil).want(200).into(&page)
	check("page", page.Messages[len(page.Messages)-1])
	if got := bob.call("GET", notes.URL, nil).want(200); string(got.body) != "hello" {
		t.Errorf("the content is %q", got.body)
	}
	thumb, err := png.DecodeConfig(bytes.NewReader(bob.call("GET", picture.ThumbURL, nil).want(200).body))
	if err != nil || thumb.Width != 720 || thumb.Height != 360 {
		t.Errorf("small it is %d × %d, %v", thumb.Width, thumb.Height, err)
	}
	bob.call("GET", notes.URL+"/thumb", nil).refused(404, "not_found")
	ada.call("POST", channelPath(general, "/messages"), object{"client_id": uuid.New(), "file_ids": idsOf(want)}).refused(422, "invalid", "file_ids")

	socket, _ := ada.open(nil)
	socket.next("resumed")
	want = []store.File{ada.upload("more.txt", "more")}
	socket.send(object{"type": "send", "client_id": uuid.New(), "channel_id": general, "file_ids": idsOf(want), "body": "see"})
	check("ack", socket.next("ack").message(t))
	socket.send(object{"type": "send", "client_id": uuid.New(), "channel_id": general, "file_ids": idsOf(want)})
	if f := socket.next("error"); f.Code != "invalid" || f.Fields["file_ids"] == "" {
		t.Errorf("%+v", f)
	}
	resumed, _ := bob.open(map[uuid.UUID]int64{general: sent.Seq})
	check("resume", resumed.next("message").message(t))

	ada.call("DELETE", "/api/messages/"+sent.ID.String(), nil).want(204)
	if m := listening.next("message_deleted").message(t); len(m.Files) > 0 {
		t.Errorf("deleted: %+v", m)
	}
	for _, u := range []user{ada, bob} {
		u.call("GET", notes.URL, nil).refused(404, "not_found")
		u.call("GET", picture.ThumbURL, nil).refused(404, "not_found")
	}
}

// What a file is, its content says, and not who uploads it. Nothing is shown that could run.
func TestTypesOfFiles(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	for _, test := range []struct{ name, content, mediaType, disposition string }{
		{"page.png", "<!DOCTYPE html><script>alert(1)</script>", "text/html", "attachment"},
		{"cat.txt", "  \n<html><body onload=x>", "text/html", "attachment"},
		{"cat.jpg", `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, "image/svg+xml", "attachment"},
		{"cat.png", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`, "image/svg+xml", "attachment"},
		{"doc.png", "%PDF-1.4\n", "application/pdf", "attachment"},
		{"x.html", pngOf(2, 2) + "<script>alert(1)</script>", "image/png", "inline"},
		{"x.html", "just words", "text/plain", "inline"},
		{"x.png", "GIF89a\x01\x00\x01\x00\x00\x00\x00<script>", "image/gif", "inline"},
		{"x.png", "\x7fELF\x02\x01\x01", "application/x-elf", "attachment"},
		{"x.txt", "PK\x03\x04", "application/zip", "attachment"},
		{"empty", "", "text/plain", "inline"},
	} {
		f := ada.upload(test.name, test.content)
		a := ada.call("GET", f.URL, nil).want(200)
		mediaType, _, _ := mimeOf(a, "Content-Type")
		disposition, _, _ := mimeOf(a, "Content-Disposition")
		if mediaType != test.mediaType || disposition != test.disposition || f.Type != a.header.Get("Content-Type") {
			t.Errorf("%.20q as %s: %s, %s, %+v", test.content, test.name, mediaType, disposition, f)
		}
		for header, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := a.header.Get(header); got != want {
				t.Errorf("%s: %q", header, got)
			}
		}
		if string(a.body) != test.content {
			t.Errorf("%s is not as it was uploaded", test.name)
		}
	}
}

// RFC 9110, sections 13 to 15.
func TestRangesOfFiles(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	f, empty := ada.upload("ten.txt", "0123456789"), ada.upload("none.txt", "")
	whole := ada.call("GET", f.URL, nil).want(200)
	etag := whole.header.Get("ETag")
	if whole.header.Get("Accept-Ranges") != "bytes" || etag == "" || whole.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("%v", whole.header)
	}
	for _, test := range []struct {
		headers []string
		status  int
		body    string
		ranged  string
	}{
		{[]string{"Range", "bytes=0-3"}, 206, "0123", "bytes 0-3/10"},
		{[]string{"Range", "bytes=7-"}, 206, "789", "bytes 7-9/10"},
		{[]string{"Range", "bytes=-2"}, 206, "89", "bytes 8-9/10"},
		{[]string{"Range", "bytes=-200"}, 206, "0123456789", "bytes 0-9/10"},
		{[]string{"Range", "bytes=4-400"}, 206, "456789", "bytes 4-9/10"},
		{[]string{"Range", "bytes=10-"}, 416, "", "bytes */10"},
		{[]string{"Range", "bytes=-0"}, 416, "", "bytes */10"},
		{[]string{"Range", "bytes=3-1"}, 200, "0123456789", ""},
		{[]string{"Range", "bytes=0-1,3-4"}, 200, "0123456789", ""},
		{[]string{"Range", "lines=0-1"}, 200, "0123456789", ""},
		{[]string{"Range", "bytes=0-1", "If-Range", etag}, 206, "01", "bytes 0-1/10"},
		{[]string{"Range", "bytes=0-1", "If-Range", `"other"`}, 200, "0123456789", ""},
		{[]string{"If-None-Match", etag}, 304, "", ""},
		{[]string{"If-None-Match", `"other"`}, 200, "0123456789", ""},
	} {
		a := ada.call("GET", f.URL, nil, test.headers...)
		if test.status == 416 {
			a.refused(416, "range_not_satisfiable")
		} else if string(a.body) != test.body {
			t.Errorf("%v: %q", test.headers, a.body)
		}
		if a.status != test.status || a.header.Get("Content-Range") != test.ranged {
			t.Errorf("%v: %d, %q", test.headers, a.status, a.header.Get("Content-Range"))
		}
		head := ada.call("HEAD", f.URL, nil, test.headers...)
		if head.status != test.status || len(head.body) > 0 || test.status < 300 && head.header.Get("Content-Length") != fmt.Sprint(len(test.body)) {
			t.Errorf("HEAD with %v: %d, %v", test.headers, head.status, head.header)
		}
	}
	ada.call("GET", empty.URL, nil, "Range", "bytes=0-").refused(416, "range_not_satisfiable")
}

// Who may open a file may read the message; before, it is the uploader's alone.
func TestWhoMayOpenFiles(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	channel := ada.create("cellar", true).ID
	f := ada.upload("cat.png", pngOf(800, 800))
	may := func(u user, want bool) {
		t.Helper()
		for _, url := range []string{f.URL, f.ThumbURL} {
			a := u.call("GET", url, nil)
			if want {
				a.want(200)
				continue
			}
			unknown := u.call("GET", "/api/files/"+uuid.NewString(), nil)
			if a.refused(404, "not_found"); string(a.body) != string(unknown.body) {
				t.Errorf("%s tells that it is there: %s", url, a.body)
			}
		}
	}
	may(ada, true)
	may(bob, false)
	bob.call("POST", channelPath(bob.general(), "/messages"), object{"client_id": uuid.New(), "file_ids": []uuid.UUID{f.ID}}).
		refused(422, "invalid", "file_ids")
	ada.sendFiles(channel, f)
	may(bob, false)
	ada.call("POST", channelPath(channel, "/members"), object{"user_ids": []uuid.UUID{bob.ID}}).want(200)
	may(bob, true)
	ada.call("DELETE", channelPath(channel, "/members/", bob.ID.String()), nil).want(204)
	may(bob, false)
	may(ada, true)
	call(t, "GET", s.URL+f.URL, nil).refused(401, "unauthenticated")
	ada.call("GET", "/api/files/none", nil).refused(404, "not_found")
	ada.call("DELETE", "/api/channels/"+channel.String(), nil).want(204)
	may(ada, false)
}

// A picture that would burst when it is decoded is kept as a file like others.
func TestPicturesThatClaimToBeLarge(t *testing.T) {
	s := chattest.Start(t, chattest.Options{Files: chat.Files{PictureMemory: 1 << 20}})
	ada := setUp(t, s)
	// The header of a small picture, with another size, and so with a wrong checksum; and one that is right.
	content := []byte(pngOf(2, 2))
	copy(content[16:], []byte{0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0})
	for name, content := range map[string]string{"claims": string(content), "broken": pngOf(9, 9)[:60]} {
		f := ada.upload(name+".png", content)
		if f.ThumbURL != "" || name == "claims" && f.Width != 0 {
			t.Errorf("%s: %+v", name, f)
		}
		ada.call("GET", f.URL, nil).want(200)
		ada.setAvatar(content).refused(422, "invalid", "file")
	}
	if f := ada.upload("large.png", pngOf(1000, 1000)); f.ThumbURL != "" || f.Width != 1000 {
		t.Errorf("decoding takes 4 MB, and 1 MB is allowed: %+v", f)
	}
}

// What no message has had for long goes, from the disk too; what was begun and never ended, at once when it is old.
func TestUnusedFilesAreSwept(t *testing.T) {
	files := t.TempDir()
	for _, name := range []string{"old", "young"} {
		if err := os.MkdirAll(filepath.Join(files, "tmp"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(files, "tmp", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chtimes(filepath.Join(files, "tmp", "old"), time.Time{}, time.Now().Add(-25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	first := chattest.Start(t, chattest.Options{Files: chat.Files{Dir: files}, New: chat.With(chat.Tuning{Sweep: 10 * time.Millisecond})})
	ada := setUp(t, first)
	used, unused, twin := ada.upload("used", pngOf(5, 5)), ada.upload("unused", "unused"), ada.upload("twin", pngOf(5, 5))
	m := ada.sendFiles(ada.general(), used)
	ada.call("GET", unused.URL, nil).want(200)
	eventually(t, func() error {
		if got := fmt.Sprint(onDisk(t, files)); strings.Contains(got, "old") || strings.Count(got, " ") != 3 {
			return fmt.Errorf("after a day's sweep there are %v", got)
		}
		return nil
	})
	// Another node, for which a day is over soon.
	second := chattest.Start(t, chattest.Options{DatabaseURL: first.DatabaseURL, Cache: first.Cache, Files: chat.Files{Dir: files},
		New: chat.With(chat.Tuning{Sweep: 10 * time.Millisecond, UnusedFiles: time.Millisecond})})
	gone := func(left int) func() error {
		return func() error {
			if got := onDisk(t, files); len(got) != left {
				return fmt.Errorf("there are %v", got)
			}
			return nil
		}
	}
	eventually(t, gone(2))
	ada.call("GET", unused.URL, nil).refused(404, "not_found")
	ada.call("GET", twin.URL, nil).refused(404, "not_found")
	ada.on(second).call("GET", used.URL, nil).want(200)
	ada.call("DELETE", "/api/messages/"+m.ID.String(), nil).want(204)
	eventually(t, gone(0))
}

// What one node has taken, the other gives out; one with a folder of its own says so.
func TestFilesOfTwoNodes(t *testing.T) {
	first := chattest.Start(t, chattest.Options{})
	shared := chattest.Options{DatabaseURL: first.DatabaseURL, Cache: first.Cache, Files: chat.Files{Dir: first.Files}}
	second := chattest.Start(t, shared)
	var log logBuffer
	shared.Files.Dir, shared.Logger = t.TempDir(), log.logger()
	alone := chattest.Start(t, shared)
	ada := setUp(t, first)
	bob := ada.invite("bob").on(second)
	socket, _ := bob.open(nil)
	socket.next("resumed")
	f := ada.upload("cat.png", pngOf(900, 900))
	ada.sendFiles(ada.general(), f)
	if m := socket.next("message").message(t); len(m.Files) != 1 || m.Files[0] != f {
		t.Errorf("%+v", m)
	}
	bob.call("GET", f.URL, nil).want(200)
	bob.call("GET", f.ThumbURL, nil).want(200)
	bob.on(alone).call("GET", f.URL, nil).refused(503, "unavailable")
	if !strings.Contains(log.String(), "share") {
		t.Errorf("told: %s", log.String())
	}
}
