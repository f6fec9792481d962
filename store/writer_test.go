package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestSendTwiceIsStoredOnce(t *testing.T) {
	in := newInstance(t)
	w := startWriter(t, WriterConfig{Store: in.Store})
	send := Send{ClientID: uuid.New(), ChannelID: in.general, AuthorID: in.owner.ID, Body: "hello"}
	first, err := w.Send(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	if !first.Created || first.Message.Seq != 1 || first.Message.Body != "hello" || first.Message.Author.DisplayName != "Ada" {
		t.Errorf("first send: %+v", first)
	}
	send.Body = "something else"
	again, err := w.Send(t.Context(), send)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Stored{Message: first.Message}, again); diff != "" {
		t.Errorf("second send (-first +second):\n%s", diff)
	}
	list, more, err := in.Messages(t.Context(), in.general, Page{})
	if err != nil || more {
		t.Fatalf("more %v, err %v", more, err)
	}
	if diff := cmp.Diff([]Message{first.Message}, list); diff != "" {
		t.Errorf("stored (-answered +stored):\n%s", diff)
	}
}
