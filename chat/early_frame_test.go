package chat_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"snug/chat/chattest"
)

// What a client sends together with the request for a WebSocket is read as the first frame.
func TestAHelloInOneWriteWithTheUpgrade(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(waitLimit))
	const hello = `{"type":"hello"}`
	begin := ada.upgradeRequest() + string([]byte{0x81, 0x80 | byte(len(hello)), 0, 0, 0, 0}) + hello // masked with zeros
	if _, err := io.WriteString(conn, begin); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%+v, %v", response, err)
	}
	var got strings.Builder
	for !strings.Contains(got.String(), `{"type":"welcome"`) {
		b, err := reader.ReadByte()
		if err != nil {
			t.Fatalf("after %q: %v", got.String(), err)
		}
		got.WriteByte(b)
	}
}

// upgradeRequest asks for a WebSocket.
func (u user) upgradeRequest() string {
	return "GET /api/ws HTTP/1.1\r\nHost: " + u.server.Addr + "\r\nAuthorization: Bearer " + u.token +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}
