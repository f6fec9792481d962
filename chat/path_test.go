package chat_test

import (
	"testing"

	"github.com/google/uuid"

	"snug/chat/chattest"
)

func TestFromSetupToALiveMessage(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	general := ada.general()

	bobs, _ := bob.open(nil)
	bobs.next("resumed")
	adas, _ := ada.open(nil)
	adas.next("resumed")
	id := uuid.NewString()
	adas.send(map[string]any{"type": "send", "client_id": id, "channel_id": general, "body": "Hello *Bob*"})
	if ack := adas.next("ack"); ack.ClientID != id || ack.message(t).HTML != "<p>Hello <em>Bob</em></p>\n" {
		t.Errorf("ack %+v %s", ack, ack.Message)
	}
	if m := bobs.next("message").message(t); m.Body != "Hello *Bob*" || m.Seq != 1 || m.Author.ID != ada.ID {
		t.Errorf("message %+v", m)
	}
}
