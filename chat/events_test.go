package chat_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
)

// told is ada with two sockets, and bob with one who has just come.
func told(t *testing.T) (ada, bob user, adas []*socket, bobs *socket) {
	t.Helper()
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{PresenceGrace: time.Millisecond})})
	ada = setUp(t, s)
	bob = ada.invite("bob")
	for range 2 {
		socket, _ := ada.open(nil)
		socket.next("resumed")
		adas = append(adas, socket)
	}
	bobs, welcome := bob.open(nil)
	if !strings.Contains(string(welcome.Online), ada.ID.String()) {
		t.Errorf("online %s", welcome.Online)
	}
	bobs.next("resumed")
	for _, socket := range adas {
		if f, err := socket.read(); err != nil || f.Type != "presence" || f.UserID != bob.ID || string(f.Online) != "true" {
			t.Errorf("when bob comes: %+v %v", f, err)
		}
	}
	return ada, bob, adas, bobs
}

func TestTypingIsToldToTheOthersOnceInAWhile(t *testing.T) {
	ada, bob, adas, bobs := told(t)
	general := ada.general()
	bobs.send(object{"type": "typing", "channel_id": uuid.New()})
	bobs.send(object{"type": "typing", "channel_id": general})
	bobs.send(object{"type": "typing", "channel_id": general})
	bobs.send(object{"type": "ping"})
	if f, err := bobs.read(); err != nil || f.Type != "pong" {
		t.Errorf("bob is told %+v %v", f, err)
	}
	for _, socket := range adas {
		if f, err := socket.read(); err != nil || f.Type != "typing" || f.UserID != bob.ID || f.ChannelID != general {
			t.Errorf("when bob types: %+v %v", f, err)
		}
		socket.send(object{"type": "ping"})
		if f, err := socket.read(); err != nil || f.Type != "pong" {
			t.Errorf("then came %+v %v", f, err)
		}
	}
}

func TestReadIsToldToOnesOwnSockets(t *testing.T) {
	ada, _, adas, bobs := told(t)
	general := ada.general()
	bobs.send(sendFrame(general, "hi"))
	for _, socket := range append(adas, bobs) {
		socket.next("message")
	}
	adas[0].send(object{"type": "read", "channel_id": general, "seq": 1})
	for _, socket := range adas {
		if f, err := socket.read(); err != nil || f.Type != "read" || f.ChannelID != general || f.Seq != 1 || f.Unread != 0 {
			t.Errorf("when ada has read: %+v %v", f, err)
		}
	}
	bobs.send(object{"type": "ping"})
	if f := bobs.next("read", "pong"); f.Type != "pong" {
		t.Errorf("bob is told %+v", f)
	}
}

func TestMembersAndPresenceAreTold(t *testing.T) {
	ada, bob, adas, bobs := told(t)
	eve := ada.invite("eve")
	for _, socket := range append(adas, bobs) {
		if f, err := socket.read(); err != nil || f.Type != "member" || f.ChannelID != ada.general() || !strings.Contains(string(f.User), eve.ID.String()) {
			t.Errorf("when eve joins: %+v %v", f, err)
		}
	}
	// One socket of two is closed: still online. The last is closed: not any more.
	for _, socket := range []*socket{adas[1], bobs} {
		if err := socket.ws.Close(); err != nil {
			t.Error(err)
		}
	}
	if f := adas[0].next("presence"); f.UserID != bob.ID || string(f.Online) != "false" {
		t.Errorf("when bob goes: %+v", f)
	}
	adas[0].alive()
}
