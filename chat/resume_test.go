package chat_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

func TestResumeBringsWhatWasMissed(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	for i := range 5 {
		ada.send(general, fmt.Sprint(i+1))
	}
	var sockets []*socket
	for resume, want := range map[int64][]int64{0: {1, 2, 3, 4, 5}, 3: {4, 5}, 5: nil, 99: nil} {
		socket, _ := ada.open(map[uuid.UUID]int64{general: resume, uuid.New(): 7})
		var got []int64
		for f := socket.next("message", "resumed"); f.Type == "message"; f = socket.next("message", "resumed") {
			got = append(got, f.message(t).Seq)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("resumed at %d, got %v, want %v", resume, got, want)
		}
		sockets = append(sockets, socket)
	}
	ada.send(general, "live")
	for _, socket := range sockets {
		if m := socket.next("message").message(t); m.Seq != 6 {
			t.Errorf("then came %+v", m)
		}
	}
	for _, resume := range []any{object{"x": 1}, object{general.String(): -1}} {
		socket := ada.dial()
		socket.send(object{"type": "hello", "resume": resume})
		if f := socket.next("error", "welcome"); f.Type != "error" || f.Fields["resume"] == "" {
			t.Errorf("resume %v gets %+v", resume, f)
		}
	}
}

func TestAGapTooLargeIsTold(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	storeMessages(t, s, ada, general, chat.ReplayLimit+5)
	last := int64(chat.ReplayLimit + 5)

	within, _ := ada.open(map[uuid.UUID]int64{general: 5})
	for seq := int64(6); seq <= last; seq++ {
		if m := within.next("message", "gap", "resumed").message(t); m.Seq != seq {
			t.Fatalf("got seq %d, want %d", m.Seq, seq)
		}
	}
	within.next("resumed")
	beyond, _ := ada.open(map[uuid.UUID]int64{general: 4})
	if gap := beyond.next("message", "gap", "resumed"); gap.Type != "gap" || gap.ChannelID != general || gap.From != 5 || gap.To != last {
		t.Errorf("got %+v, want a gap", gap)
	}
	beyond.next("resumed")
	ada.send(general, "next")
	if m := beyond.next("message").message(t); m.Seq != last+1 {
		t.Errorf("after the gap came %+v", m)
	}
}

// storeMessages stores messages behind the server's back.
func storeMessages(t *testing.T, s *chattest.Server, author user, channel uuid.UUID, n int) {
	t.Helper()
	w := store.NewWriter(store.WriterConfig{Store: s.Store})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	results := make(chan error, n)
	limit := make(chan struct{}, 500)
	for i := range n {
		limit <- struct{}{}
		go func() {
			_, err := w.Send(ctx, store.Send{ClientID: uuid.New(), ChannelID: channel, AuthorID: author.ID, Body: fmt.Sprint("quiet ", i)})
			<-limit
			results <- err
		}()
	}
	for range n {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A message that no event tells of, since its node died or the cache did, is found all the same.
func TestAMessageThatNobodyTellsOfIsFound(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Poll: 50 * time.Millisecond})})
	ada := setUp(t, s)
	general := ada.general()
	adas, _ := ada.open(nil)
	adas.next("resumed")
	storeMessages(t, s, ada, general, 3)
	for seq := int64(1); seq <= 3; seq++ {
		if m := adas.next("message").message(t); m.Seq != seq {
			t.Fatalf("got seq %d, want %d", m.Seq, seq)
		}
	}
}
