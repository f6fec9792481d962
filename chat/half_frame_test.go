package chat_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
)

// smallBuffers is a port of whose connections the kernel holds little that is not read.
type smallBuffers struct{ *net.TCPListener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return conn, conn.SetWriteBuffer(8 << 10)
}

// Who sends half a frame and no more is closed, and so is who takes half of one and no more. Others are served meanwhile as
// fast as ever.
func TestWhoStopsInTheMiddleOfAFrameIsCutOff(t *testing.T) {
	s := chattest.Start(t, chattest.Options{
		Listener: smallBuffers{chattest.Listen(t).(*net.TCPListener)},
		New:      chat.With(chat.Tuning{Silence: 2 * time.Second, Ping: 500 * time.Millisecond, Write: time.Second, PresenceGrace: time.Millisecond}),
	})
	ada := setUp(t, s)
	general := ada.general()
	users := ada.crowd(3)
	reader, _ := users[2].open(nil)
	reader.next("resumed")
	before := exchange(t, reader, ada, general, 30)

	sends, _ := users[0].open(nil)
	sends.next("resumed")
	half := append([]byte{0x81, 0x80 | 126, 0x10, 0x00, 1, 2, 3, 4}, make([]byte, 100)...) // of 4 KiB, masked
	if _, err := sends.ws.NetConn().Write(half); err != nil {
		t.Fatal(err)
	}
	code := make(chan int, 1)
	go func() { code <- sends.closed() }()
	takes := users[1].dial()
	if err := takes.ws.NetConn().(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	takes.send(object{"type": "hello"})
	takes.next("resumed")
	for range 10 {
		ada.send(general, strings.Repeat("'", 10_000)) // five times as long in HTML
	}
	during := exchange(t, reader, ada, general, 30)
	awaitOffline(t, reader, users[0], users[1])
	if code := <-code; code != 1008 {
		t.Errorf("who sends half a frame is closed with %d", code)
	}
	if whole := readToTheEnd(takes); whole >= 10 {
		t.Error("who takes half a frame is sent all of them")
	}
	t.Logf("a message took %v at most, and %v meanwhile", before, during)
}

// awaitOffline waits until the users are told to be away.
func awaitOffline(t *testing.T, s *socket, users ...user) {
	t.Helper()
	for away := map[uuid.UUID]bool{}; len(away) < len(users); {
		if f := s.next("presence"); string(f.Online) == "false" {
			away[f.UserID] = true
		}
	}
}

// exchange has messages sent by one and read by another, one after the other, and returns the longest time of one.
func exchange(t *testing.T, reader *socket, writer user, channel uuid.UUID, count int) (longest time.Duration) {
	t.Helper()
	s, _ := writer.open(nil)
	s.next("resumed")
	defer s.ws.Close()
	for i := range count {
		begin, body := time.Now(), fmt.Sprint("as ever ", i)
		s.send(object{"type": "send", "client_id": uuid.New(), "channel_id": channel, "body": body})
		for reader.next("message").message(t).Body != body {
		}
		longest = max(longest, time.Since(begin))
	}
	return longest
}

// readToTheEnd reads until the socket ends, and returns how many long frames there were.
func readToTheEnd(s *socket) (long int) {
	_ = s.ws.SetReadDeadline(time.Now().Add(waitLimit))
	for {
		_, raw, err := s.ws.ReadMessage()
		if err != nil {
			return long
		}
		if len(raw) > 10_000 {
			long++
		}
	}
}
