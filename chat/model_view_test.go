package chat_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"snug/store"
)

// view is a channel as a client has it that has seen nothing but the events: its messages by seq.
type view map[int64]store.Message

// take applies an event.
func (v view) take(t testing.TB, f frame) error {
	switch f.Type {
	case "message":
		m := f.message(t)
		v[m.Seq] = m
	case "message_updated", "message_deleted":
		m := f.message(t)
		if old, known := v[m.Seq]; !known || old.ID != m.ID {
			return wrong(fmt.Sprintf("%s of seq %d, which was not seen before", f.Type, m.Seq))
		}
		if (m.DeletedAt != nil) != (f.Type == "message_deleted") {
			return wrong(fmt.Sprintf("%s of %+v", f.Type, m))
		}
		v[m.Seq] = m
	case "reaction":
		for seq, m := range v {
			if m.ID == f.MessageID {
				m.Reactions = f.Reactions
				v[seq] = m
				return nil
			}
		}
		return wrong("a reaction to a message that was not seen before")
	}
	return nil
}

// fetchAll is the channel as who fetches all of it anew sees it.
func (u user) fetchAll(channel uuid.UUID) view {
	u.t.Helper()
	fetched := view{}
	for more, after := true, int64(0); more; {
		var page struct {
			Messages []store.Message
			HasMore  bool `json:"has_more"`
		}
		u.call("GET", fmt.Sprintf("/api/channels/%s/messages?after=%d&limit=200", channel, after), nil).want(200).into(&page)
		for _, m := range page.Messages {
			fetched[m.Seq], after = m, m.Seq
		}
		more = page.HasMore
	}
	return fetched
}
