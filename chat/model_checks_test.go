package chat_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"snug/store"
)

// settle has everybody connected, and returns when all have what was said last, and the channels that they are in.
func (s *scene) settle() {
	for _, channel := range s.channels {
		s.devices[0].sendUntilAnswered(step{http: true}, s.devices[0].draft(step{}, channel, nil), s.history.now(), false)
	}
	deadline := time.Now().Add(waitLimit)
	for _, d := range s.devices {
		for !d.hasAll() {
			time.Sleep(10 * time.Millisecond)
			if time.Now().After(deadline) {
				s.problem("%s does not come to have all that there is: %s", d.name, d.state())
				break
			}
		}
	}
}

// hasAll reports whether the device is connected and has the user's channels up to their last message.
func (d *device) hasAll() bool {
	var list struct{ Channels []store.Membership }
	if o := d.ask(0, "GET", "/api/channels", nil); !d.connect(0) || json.Unmarshal(o.body, &list) != nil {
		return false
	}
	heads := map[uuid.UUID]int64{}
	for _, c := range list.Channels {
		if d.scene.has(c.ID) {
			heads[c.ID] = c.LastSeq
		}
	}
	select {
	case <-d.resumed:
		return d.has(heads)
	default:
		return false
	}
}

func (d *device) state() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	text := ""
	for i, id := range d.channels {
		if r := d.replicas[id]; r != nil {
			text += fmt.Sprintf("channel %d up to %d, ", i, r.cursor)
		}
	}
	return text
}

// truth is a channel as a client is answered that asks now.
type truth struct {
	store.Membership
	messages view
	members  map[uuid.UUID]bool
}

// check wants every promise kept, now that nothing happens any more.
func (s *scene) check() {
	devices := append(slices.Clone(s.devices), s.latecomer())
	for _, d := range devices {
		d.hangUp(0)
	}
	for i, id := range s.channels {
		first := s.users[0]
		is := truth{messages: first.fetchAll(id), members: map[uuid.UUID]bool{}}
		first.call("GET", channelPath(id), nil).want(200).into(&is.Membership)
		var page struct{ Members []store.User }
		first.call("GET", channelPath(id, "/members?limit=200"), nil).want(200).into(&page)
		for _, u := range page.Members {
			is.members[u.ID] = true
		}
		for _, d := range devices {
			if r := d.replicas[id]; r != nil {
				d.checkReplica(i, r, is)
			}
		}
		s.checkLog(i, is)
		s.checkLast(i, is)
	}
	s.checkCounts()
}

// latecomer is a device of the first user that says to have nothing, and is told all from the beginning.
func (s *scene) latecomer() *device {
	d := &device{scene: s, user: s.users[0], name: "latecomer", replicas: map[uuid.UUID]*replica{}, waiting: map[string]chan frame{}}
	for _, id := range s.channels {
		d.replicas[id] = &replica{view: view{}, members: map[uuid.UUID]bool{}}
	}
	for deadline := time.Now().Add(waitLimit); !d.hasAll(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.problem("who comes last does not come to have all that there is: %s", d.state())
			break
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.replicas {
		r.members = nil // who was there from the beginning has not come since
	}
	return d
}

// checkReplica wants what the device was told to be what there is.
func (d *device) checkReplica(i int, r *replica, is truth) {
	switch diff := cmp.Diff(is.messages, r.view); {
	case r.partial:
		d.problem("%s could not fetch channel %d", d.name, i)
	case diff != "":
		d.problem("%s has something else in channel %d than there is (-fetched +told):\n%s", d.name, i, diff)
	case r.topic != is.Topic || r.archived != is.Archived:
		d.problem("%s has channel %d as %q, it is %q", d.name, i, r.topic, is.Topic)
	case r.members != nil && !maps.Equal(r.members, is.members):
		d.problem("%s has the members of channel %d as %v, they are %v", d.name, i, r.members, is.members)
	}
}

// checkLog wants stored what was acknowledged, once and in order, and nothing that was refused.
func (s *scene) checkLog(i int, is truth) {
	seqs := map[string]int64{}
	stored := make([]store.Message, len(is.messages))
	for n := range stored {
		m, there := is.messages[int64(n+1)]
		if !there {
			s.problem("channel %d: of %d messages none has seq %d", i, len(stored), n+1)
			return
		}
		stored[n], seqs[m.ClientID.String()] = m, m.Seq
		if _, known := s.history.sent[m.ClientID.String()]; !known {
			s.problem("channel %d: seq %d was sent by nobody", i, m.Seq)
		}
	}
	if len(seqs) != len(stored) || is.LastSeq != int64(len(stored)) {
		s.problem("channel %d: %d messages are %d, the last is said to be %d", i, len(stored), len(seqs), is.LastSeq)
	}
	for id, sent := range s.history.sent {
		seq, there := seqs[id]
		switch {
		case sent.draft["channel_id"] != is.ID:
		case sent.seq != 0 && seq != sent.seq:
			s.problem("channel %d: %v was acknowledged as seq %d, stored is %d", i, sent.draft, sent.seq, seq)
		case sent.refused && there:
			s.problem("channel %d: %v was refused, and is stored as seq %d", i, sent.draft, seq)
		}
	}
	if err := s.history.checkLog(is.ID, stored); err != nil {
		s.problem("channel %d: %v", i, err)
	}
}

// checkLast wants of everything that was written to the last value.
func (s *scene) checkLast(i int, is truth) {
	for _, m := range is.messages {
		id := m.ID.String()
		s.wantLast("deletion of "+id, yes(m.DeletedAt != nil), "no")
		if m.DeletedAt != nil {
			continue
		}
		if sent, known := s.history.sent[m.ClientID.String()]; known {
			s.wantLast("body of "+id, m.Body, sent.draft["body"].(string))
		}
		s.wantLast("pin of "+id, yes(m.Pinned), "no")
		for _, emoji := range emojis {
			for _, u := range s.users {
				there := slices.ContainsFunc(m.Reactions, func(r store.Reaction) bool {
					return r.Emoji == emoji && slices.Contains(r.UserIDs, u.ID)
				})
				s.wantLast(reactionKey(m.ID, emoji, u.ID), yes(there), "no")
			}
		}
	}
	for _, u := range s.users {
		if key := memberKey(is.ID, u.ID); len(s.history.writes[key]) > 0 {
			first := i != 1 // see newScene; nobody leaves a direct conversation or comes to it
			if is.Kind == store.Direct {
				first = is.members[u.ID]
			}
			s.wantLast(key, yes(is.members[u.ID]), yes(first))
		}
	}
	s.wantLast("topic of "+is.ID.String(), is.Topic, is.Topic)
}

func (s *scene) wantLast(what, value, first string) {
	if !s.history.mayBe(what, value, first) {
		s.problem("%s is %q at last, after %+v", what, value, s.history.writes[what])
	}
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// checkCounts wants what is kept beside the rows that it is counted from to be right.
func (s *scene) checkCounts() {
	conn := connect(s.t, s.cluster.URL())
	for what, sql := range map[string]string{
		"messages count their replies wrongly": `SELECT count(*) FROM messages m WHERE reply_count <> (
			SELECT count(*) FROM messages r WHERE r.channel_id = m.channel_id AND r.parent_seq = m.seq AND r.deleted_at IS NULL)`,
		"messages have other reactions than there are": `SELECT count(*) FROM messages m
			WHERE (SELECT count(*) FROM reactions r WHERE r.message_id = m.id)
				<> (SELECT coalesce(sum(jsonb_array_length(r->'user_ids')), 0) FROM jsonb_array_elements(coalesce(reactions, '[]')) r)`,
		"messages are pinned and not among the pins, or the other way round": `SELECT count(*) FROM messages m
			WHERE pinned <> EXISTS (SELECT FROM pins p WHERE p.message_id = m.id)`,
		"channels count their members wrongly": `SELECT count(*) FROM channels c
			WHERE member_count <> (SELECT count(*) FROM channel_members m WHERE m.channel_id = c.id)`,
		"messages of channels have a rev that is not below the channel's": `SELECT count(*) FROM messages m JOIN channels c ON c.id = m.channel_id
			WHERE m.rev > c.last_rev OR m.created_rev > m.rev`,
	} {
		var n int
		if err := conn.QueryRow(s.t.Context(), sql).Scan(&n); err != nil {
			s.problem("%s: %v", what, err)
		} else if n > 0 {
			s.problem("%d %s", n, what)
		}
	}
}
