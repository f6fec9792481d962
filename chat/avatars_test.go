package chat_test

import (
	"bytes"
	"encoding/json"
	"image/png"
	"strings"
	"testing"

	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

func (u user) setAvatar(content string) answer {
	u.t.Helper()
	return u.call("PUT", "/api/me/avatar", form("me.png", content))
}

// Who may see somebody sees their picture, and hears when it changes.
func TestAvatars(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	c := &cast{t: t, server: s, owner: setUp(t, s)}
	ada, bob := c.owner, c.join("bob", store.InviteParams{})
	guest := c.join("guest", store.InviteParams{Role: store.Guest})
	watching, _ := bob.open(nil)
	watching.next("resumed")
	stranger, _ := guest.open(nil)
	stranger.next("resumed")

	var me store.User
	ada.setAvatar(pngOf(640, 480) + "a secret behind it").want(200).into(&me)
	if !strings.HasPrefix(me.AvatarURL, "/api/users/"+ada.ID.String()+"/avatar?v=") {
		t.Fatalf("%+v", me)
	}
	var told store.User
	if err := json.Unmarshal(watching.next("user").User, &told); err != nil || told != me {
		t.Errorf("told: %+v, %v", told, err)
	}
	a := bob.call("GET", me.AvatarURL, nil).want(200)
	picture, err := png.DecodeConfig(bytes.NewReader(a.body))
	if err != nil || picture.Width != 256 || picture.Height != 256 || bytes.Contains(a.body, []byte("secret")) || a.header.Get("Content-Type") != "image/png" {
		t.Errorf("%+v, %v, %v", picture, err, a.header)
	}
	bob.call("GET", me.AvatarURL, nil, "If-None-Match", a.header.Get("ETag")).want(304)
	bob.call("GET", "/api/users/"+bob.ID.String()+"/avatar", nil).refused(404, "not_found")
	unknown := guest.call("GET", "/api/users/"+uuid.NewString()+"/avatar", nil)
	if a := guest.call("GET", me.AvatarURL, nil); a.status != 404 || !bytes.Equal(a.body, unknown.body) {
		t.Errorf("a guest who does not see ada is answered %d: %s", a.status, a.body)
	}
	if m := ada.send(ada.general(), "hello"); m.Author.AvatarURL != me.AvatarURL {
		t.Errorf("%+v", m.Author)
	}
	ada.call("PATCH", "/api/me", object{"display_name": "Ada L."}).want(200).into(&told)
	if told.AvatarURL != me.AvatarURL || told.DisplayName != "Ada L." {
		t.Errorf("%+v", told)
	}

	for _, wrong := range []string{"no picture", "<svg xmlns='http://www.w3.org/2000/svg'/>", pngOf(9, 9)[:50]} {
		ada.setAvatar(wrong).refused(422, "invalid", "file")
	}
	ada.setAvatar(pngOf(2, 2)+strings.Repeat("x", 11<<20)).refused(413, "too_large")
	ada.call("DELETE", "/api/me/avatar", nil).want(200).into(&told)
	if told.AvatarURL != "" {
		t.Errorf("%+v", told)
	}
	bob.call("GET", me.AvatarURL, nil).refused(404, "not_found")
	ada.call("DELETE", "/api/me/avatar", nil).want(200)
	if files := onDisk(t, s.Files); len(files) > 0 {
		t.Errorf("left: %v", files)
	}
}
