package chat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"snug/store"
)

// attemptLimit is how long a client waits for an answer before it tries again, elsewhere.
const attemptLimit = 3 * time.Second

// outcome is the answer to a request that was tried until there was one.
type outcome struct {
	status int
	body   []byte
	doubt  bool // an earlier try may have been done, or may be yet
}

func (o outcome) done() bool { return o.status/100 == 2 }

// ask sends a request until it is answered, first to that node. What is sent must do no harm when it is done twice.
func (d *device) ask(node int, method, path string, body any) outcome {
	var encoded []byte
	if body != nil {
		encoded, _ = json.Marshal(body)
	}
	o := outcome{}
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); node++ {
		request, err := http.NewRequest(method, d.nodes[node%2].URL+path, bytes.NewReader(encoded))
		if err != nil {
			d.problem("%v", err)
			return o
		}
		request.Header.Set("Authorization", "Bearer "+d.token)
		request.Header.Set("Content-Type", "application/json")
		response, err := d.client.Do(request)
		if err == nil {
			o.status = response.StatusCode
			o.body, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		switch {
		case err == nil && o.status != http.StatusServiceUnavailable:
			if o.status >= 500 {
				d.problem("%s: %s %s: %d %s", d.name, method, path, o.status, o.body)
			}
			return o
		case err == nil && response.Header.Get("Retry-After") == "":
			d.problem("%s: %s %s: %d without Retry-After", d.name, method, path, o.status)
		}
		o.doubt = true
		time.Sleep(20 * time.Millisecond)
	}
	d.problem("%s: %s %s is not answered", d.name, method, path)
	return o
}

func (d *device) fetchPage(channel uuid.UUID, after int64, limit int) (messages []store.Message, more, ok bool) {
	path := channelPath(channel, fmt.Sprintf("/messages?after=%d&limit=%d", after, limit))
	call := d.history.now()
	o := d.ask(int(after), "GET", path, nil)
	var page struct {
		Messages []store.Message
		HasMore  bool `json:"has_more"`
	}
	if !o.done() || json.Unmarshal(o.body, &page) != nil {
		return nil, false, false
	}
	d.history.fetched(channel, call, after, page.Messages, page.HasMore)
	return page.Messages, page.HasMore, true
}

// do does a step.
func (d *device) do(s step) {
	channel := d.channelFor(s)
	switch s.what {
	case "send":
		d.sendUntilAnswered(s, d.draft(s, channel, nil), d.history.now(), false)
	case "burst":
		d.burst(s, channel)
	case "reply":
		if parent, ok := d.known(channel, s.which); ok {
			d.sendUntilAnswered(s, d.draft(s, channel, &parent.ID), d.history.now(), false)
		}
	case "edit", "delete", "react", "take back", "pin", "unpin":
		if m, ok := d.known(channel, s.which); ok {
			d.change(s, m)
		}
	case "join", "leave", "add", "remove", "topic":
		d.changeChannel(s, channel)
	case "read":
		d.ask(s.node, "POST", channelPath(channel, "/read"), object{"seq": s.which})
	case "typing":
		if d.connect(s.node) {
			_ = d.socket.WriteJSON(object{"type": "typing", "channel_id": channel})
			_ = d.socket.WriteJSON(object{"type": "read", "channel_id": channel, "seq": s.which})
		}
	case "fetch":
		d.fetchPage(channel, int64(s.which%50), 200)
	case "hang up":
		d.hangUp(s.which)
	case "connect":
		d.connect(s.node)
	}
}

// channelFor is the channel of a step: mostly one that the device knows.
func (d *device) channelFor(s step) uuid.UUID {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.channels {
		if id := d.channels[(s.channel+i)%len(d.channels)]; d.replicas[id] != nil {
			return id
		}
		if s.which%4 == 0 || s.what == "join" {
			break
		}
	}
	return d.channels[s.channel]
}

// draft is a message to be sent.
func (d *device) draft(s step, channel uuid.UUID, parent *uuid.UUID) object {
	draft := object{"type": "send", "client_id": uuid.NewString(), "channel_id": channel, "body": fmt.Sprintf("%s says *%d*", d.name, s.which)}
	if parent != nil {
		draft["parent_id"], draft["also_to_channel"] = parent, s.which%2 == 0
	}
	return draft
}

// sendUntilAnswered sends a message over and over until it is acknowledged or refused. The first try was at call; in doubt
// it may be stored already.
func (d *device) sendUntilAnswered(s step, draft object, call int64, doubt bool) {
	for node, deadline := s.node, time.Now().Add(waitLimit); time.Now().Before(deadline); node++ {
		if s.http {
			o := d.ask(node, "POST", channelPath(draft["channel_id"].(uuid.UUID), "/messages"), draft)
			var m store.Message
			if o.done() && json.Unmarshal(o.body, &m) == nil {
				d.history.acked(draft, call, m.Seq)
			} else {
				d.history.refused(draft, call, o.doubt || doubt)
			}
			return
		}
		answer, ok := d.sendOnce(node%2, draft)
		if d.answered(draft, call, answer, ok, doubt) {
			return
		}
		doubt = true
		time.Sleep(20 * time.Millisecond)
	}
	d.problem("%s: %v is not answered", d.name, draft)
}

// answered notes what a message was answered with, and reports whether that is the end of it.
func (d *device) answered(draft object, call int64, f frame, ok, doubt bool) bool {
	switch {
	case !ok:
		return false
	case f.Type == "ack":
		d.history.acked(draft, call, f.message(d.t).Seq)
		return true
	case f.Code == "unavailable" && f.RetryAfter > 0:
		return false
	case f.Code == "not_found", f.Code == "forbidden", f.Code == "invalid", f.Code == "conflict":
		d.history.refused(draft, call, doubt)
		return true
	}
	d.problem("%s: send is answered with %+v", d.name, f)
	return true
}

// sendOnce sends a message over the WebSocket, and reports whether it was answered.
func (d *device) sendOnce(node int, draft object) (frame, bool) {
	if !d.connect(node) {
		return frame{}, false
	}
	answer := d.await(draft)
	if d.socket.WriteJSON(draft) != nil {
		d.hangUp(2)
		return frame{}, false
	}
	return d.receive(answer)
}

func (d *device) await(draft object) chan frame {
	answer := make(chan frame, 1)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting[draft["client_id"].(string)] = answer
	return answer
}

func (d *device) receive(answer chan frame) (frame, bool) {
	select {
	case f := <-answer:
		return f, true
	case <-d.ended:
	case <-time.After(attemptLimit):
		d.hangUp(1)
	}
	select { // the answer may have come just before the end
	case f := <-answer:
		return f, true
	default:
		return frame{}, false
	}
}

// burst sends several messages at once, without waiting in between. They are stored in their order.
func (d *device) burst(s step, channel uuid.UUID) {
	if !d.connect(s.node) {
		return
	}
	drafts, answers, calls := make([]object, 5), make([]chan frame, 5), make([]int64, 5)
	for i := range drafts {
		drafts[i] = d.draft(s, channel, nil)
		answers[i], calls[i] = d.await(drafts[i]), d.history.now()
		_ = d.socket.WriteJSON(drafts[i])
	}
	var last int64
	for i := range drafts {
		f, ok := frame{}, false
		if d.socket != nil {
			f, ok = d.receive(answers[i])
		}
		if ok && f.Type == "ack" {
			seq := f.message(d.t).Seq
			if seq <= last {
				d.problem("%s: of messages sent one after the other, the later got seq %d, after %d", d.name, seq, last)
			}
			last = seq
		}
		if !d.answered(drafts[i], calls[i], f, ok, false) {
			d.sendUntilAnswered(s, drafts[i], calls[i], true)
		}
	}
}

// emojis are those that devices use.
var emojis = []string{"👍", "🎉", "🚀"}

// change does something to a message.
func (d *device) change(s step, m store.Message) {
	at, emoji := "/api/messages/"+m.ID.String(), emojis[s.which%len(emojis)]
	reaction := at + "/reactions/" + url.PathEscape(emoji)
	call := d.history.now()
	switch s.what {
	case "edit":
		body := fmt.Sprintf("%s edits *%s*", d.name, uuid.NewString()[:8])
		d.history.wrote("body of "+m.ID.String(), body, call, d.ask(s.node, "PATCH", at, object{"body": body}))
	case "delete":
		if s.which%2 == 0 { // or little is left
			d.history.wrote("deletion of "+m.ID.String(), "yes", call, d.ask(s.node, "DELETE", at, nil))
		}
	case "react":
		d.history.wrote(reactionKey(m.ID, emoji, d.ID), "yes", call, d.ask(s.node, "PUT", reaction, nil))
	case "take back":
		d.history.wrote(reactionKey(m.ID, emoji, d.ID), "no", call, d.ask(s.node, "DELETE", reaction, nil))
	case "pin":
		d.history.wrote("pin of "+m.ID.String(), "yes", call, d.ask(s.node, "PUT", at+"/pin", nil))
	case "unpin":
		d.history.wrote("pin of "+m.ID.String(), "no", call, d.ask(s.node, "DELETE", at+"/pin", nil))
	}
}

func reactionKey(message uuid.UUID, emoji string, user uuid.UUID) string {
	return fmt.Sprint("reaction ", emoji, " of ", user, " to ", message)
}

// changeChannel does something to a channel, or to who is in it.
func (d *device) changeChannel(s step, channel uuid.UUID) {
	whom, call := d.users[s.which%len(d.users)], d.history.now()
	if whom.ID == d.users[0].ID || d.ID == d.users[0].ID && s.what == "leave" {
		whom = d.users[1] // the first stays everywhere, so that somebody can
	}
	switch s.what {
	case "join":
		d.history.wrote(memberKey(channel, d.ID), "yes", call, d.ask(s.node, "POST", channelPath(channel, "/join"), nil))
	case "leave":
		if d.ID != d.users[0].ID {
			d.history.wrote(memberKey(channel, d.ID), "no", call, d.ask(s.node, "POST", channelPath(channel, "/leave"), nil))
		}
	case "add":
		d.history.wrote(memberKey(channel, whom.ID), "yes", call,
			d.ask(s.node, "POST", channelPath(channel, "/members"), object{"user_ids": []uuid.UUID{whom.ID}}))
	case "remove":
		d.history.wrote(memberKey(channel, whom.ID), "no", call, d.ask(s.node, "DELETE", channelPath(channel, "/members/", whom.ID.String()), nil))
	case "topic":
		topic := fmt.Sprintf("%s thinks of %s", d.name, uuid.NewString()[:8])
		d.history.wrote("topic of "+channel.String(), topic, call, d.ask(s.node, "PATCH", channelPath(channel), object{"topic": topic}))
	}
}

func memberKey(channel, user uuid.UUID) string {
	return fmt.Sprint("membership of ", user, " in ", channel)
}
