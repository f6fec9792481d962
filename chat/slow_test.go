package chat_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
)

// A client that does not read is closed with 4408 once too much waits for it; others do not notice. Back again, it gets
// what it missed.
func TestASlowReaderIsCutOffAndOthersAreServed(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Write: time.Minute, Outbox: 256 << 10})})
	ada := setUp(t, s)
	general := ada.general()
	crowd := ada.crowd(2)
	quick, _ := crowd[0].open(nil)
	quick.next("resumed")

	slow := crowd[1]
	slows := slow.dial()
	// Of what it does not read, little is to wait in its own kernel.
	if err := slows.ws.NetConn().(*net.TCPConn).SetReadBuffer(64 << 10); err != nil {
		t.Fatal(err)
	}
	slows.send(object{"type": "hello"})
	slows.next("resumed")

	const count = 150
	for seq := int64(1); seq <= count; seq++ {
		sendAndSee(t, quick, general, seq)
	}
	last := readUntilCutOff(t, slows)
	if last == 0 || last == count {
		t.Errorf("the slow reader got %d messages before it was cut off", last)
	}
	again, _ := slow.open(map[uuid.UUID]int64{general: last})
	for ; last < count; last++ {
		if m := again.next("message", "gap").message(t); m.Seq != last+1 {
			t.Fatalf("slow reader, back again: after %d came %d", last, m.Seq)
		}
	}
}

// What a client is answered waits for it like messages: who asks without end and reads nothing is cut off too.
func TestWhoAsksAndDoesNotReadIsCutOff(t *testing.T) {
	s := chattest.Start(t, chattest.Options{
		Listener: smallBuffers{chattest.Listen(t).(*net.TCPListener)},
		New:      chat.With(chat.Tuning{Write: time.Minute, Outbox: 16 << 10}),
	})
	ada := setUp(t, s)
	asks := ada.dial()
	if err := asks.ws.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	asks.send(object{"type": "hello"})
	asks.next("resumed")
	for range 30_000 {
		asks.send(object{"type": "ping"})
	}
	if last := readUntilCutOff(t, asks); last != 0 {
		t.Errorf("it is sent message %d", last)
	}
}

// sendAndSee sends a long message, and returns when it was acknowledged and delivered.
func sendAndSee(t *testing.T, s *socket, channel uuid.UUID, seq int64) {
	t.Helper()
	s.send(sendFrame(channel, strings.Repeat("'", 10_000))) // five times as long in HTML
	for got := map[string]bool{}; !got["ack"] || !got["message"]; {
		f := s.next("ack", "message", "error")
		if m := f.message(t); m.Seq != seq {
			t.Fatalf("%s of %d, want %d", f.Type, m.Seq, seq)
		}
		got[f.Type] = true
	}
}

// readUntilCutOff reads what is there, in order, until the socket is closed as too slow, and returns the last seq.
func readUntilCutOff(t *testing.T, s *socket) (last int64) {
	t.Helper()
	for {
		f, err := s.read()
		switch {
		case err != nil:
			if !websocket.IsCloseError(err, 4408) {
				t.Errorf("the slow reader's socket ended with %v, want 4408", err)
			}
			return last
		case f.Type == "message":
			if m := f.message(t); m.Seq != last+1 {
				t.Fatalf("slow reader: after %d came %d", last, m.Seq)
			}
			last++
		}
	}
}
