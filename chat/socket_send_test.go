package chat_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"snug/chat/chattest"
)

// A client need not wait for one acknowledgement before it sends the next message: many of its messages are stored by one
// commit. They are stored and acknowledged in the order in which they were sent, whatever is refused in between.
func TestManySendsOfOneSocketAreStoredTogetherAndInOrder(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	socket, _ := ada.open(nil)
	socket.next("resumed")
	const count = 400
	refused := map[string]string{} // by client_id: the code
	go func() {
		for i := range count {
			frame := sendFrame(general, fmt.Sprint("number ", i))
			frame["client_id"] = numbered(i)
			switch i % 10 {
			case 3: // refused by the database
				frame["channel_id"] = uuid.NewString()
			case 7: // and before
				frame["body"] = ""
			}
			if err := socket.ws.WriteJSON(frame); err != nil {
				t.Errorf("send: %v", err)
				return
			}
		}
	}()
	var acked []string
	seq := int64(0)
	for len(acked)+len(refused) < count {
		switch f := socket.next("ack", "error"); f.Type {
		case "ack":
			if m := f.message(t); m.Seq != seq+1 {
				t.Fatalf("after %d is acknowledged %d", seq, m.Seq)
			}
			seq++
			acked = append(acked, f.ClientID)
		default:
			refused[f.ClientID] = f.Code
		}
	}
	next := 0
	for i := range count {
		switch code := refused[numbered(i)]; {
		case i%10 == 3 && code != "not_found", i%10 == 7 && code != "invalid", i%10 != 3 && i%10 != 7 && code != "":
			t.Errorf("number %d is answered with error %q", i, code)
		case code == "" && acked[next] != numbered(i):
			t.Fatalf("acknowledged at place %d is %s, want %s", next, acked[next], numbered(i))
		case code == "":
			next++
		}
	}
	var commits int
	row := connect(t, s.DatabaseURL).QueryRow(t.Context(), `SELECT count(DISTINCT created_at) FROM messages`)
	if err := row.Scan(&commits); err != nil || commits > len(acked)/2 {
		t.Errorf("%d messages are stored by %d commits (%v)", len(acked), commits, err)
	}
}

func numbered(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i+1) }
