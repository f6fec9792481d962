package chat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"snug/store"
)

// tryFrames sends each kind of frame as somebody of every role about everything, and as nobody.
func (w *world) tryFrames(rules []rule, nobodies map[string][]string) {
	w.t.Helper()
	watcher, _ := w.owner.open(nil)
	watcher.next("resumed")
	for _, r := range rules {
		for who, headers := range nobodies {
			_, id := w.find(r.things[0], store.Owner)
			if code := w.sendAsNobody(r, id, headers); code != 4401 {
				w.t.Errorf("%s as %s: the socket was closed with %d", r, who, code)
			}
		}
		for _, role := range actors {
			socket := w.roles[role].dial()
			if r.path != "hello" {
				socket.send(object{"type": "hello"})
				socket.next("resumed")
			}
			for _, name := range r.things {
				if r.path == "hello" {
					socket = w.roles[role].dial()
				}
				w.tryFrame(r, name, role, socket, watcher)
			}
		}
	}
}

func (w *world) sendAsNobody(r rule, id string, headers []string) int {
	w.t.Helper()
	socket := (user{t: w.t, server: w.server}).dial(headers...)
	socket.send(w.frame(r, id, w.owner))
	return socket.closed()
}

// frame is what the row says to send.
func (w *world) frame(r rule, id string, me user) map[string]any {
	w.t.Helper()
	f := map[string]any{}
	if r.body != "" {
		if err := json.Unmarshal([]byte(w.fill(r.body, id, me)), &f); err != nil {
			w.t.Fatalf("%s: %v", r, err)
		}
	}
	f["type"] = r.path
	return f
}

// tryFrame sends a frame about something, and looks at what comes of it.
func (w *world) tryFrame(r rule, name string, role store.Role, socket, watcher *socket) {
	w.t.Helper()
	me, id := w.find(name, role)
	want := r.cells[name][1+slices.Index(actors, role)]
	mark := w.mark()
	letter, answer, told := w.outcome(r, id, me, socket)
	if want != 'y' {
		w.unchanged(mark, r, name, string(role))
	}
	if r.path == "typing" && w.heardTyping(id, watcher) {
		letter = 'y'
	}
	w.expect(r, name, string(role), letter, want, told)
	w.checkSecrets(r, name, role, []byte(told))
	if r.path == "hello" || want == 'y' || want == 'n' {
		return
	}
	if again, other, _ := w.outcome(r, uuid.NewString(), me, socket); again != letter || other != answer {
		w.t.Errorf("%s, %s as %s tells what is there from what is not: %s, %s", r, name, role, answer, other)
	}
}

// outcome is the letter of what a frame does, the error it is answered with, and all that its sender is told until then.
func (w *world) outcome(r rule, id string, me user, socket *socket) (letter byte, answer, told string) {
	w.t.Helper()
	socket.send(w.frame(r, id, me))
	if r.path != "hello" && r.path != "send" { // this is answered when all before it is
		socket.send(object{"type": "read", "channel_id": w.lobby, "seq": 0})
	}
	letter = 's'
	var all strings.Builder
	for {
		f, err := socket.read()
		if err != nil {
			w.t.Fatalf("%s as %s: %v", r, me.Username, err)
		}
		inLobby := f.ChannelID == w.lobby || bytes.Contains(f.Message, []byte(w.lobby.String()))
		last := r.path == "send" && f.ClientID != ""
		switch {
		case f.Type == "resumed", f.Type == "read" && inLobby:
			return letter, answer, all.String()
		case inLobby || f.Type == "presence":
			continue
		case f.Type == "error":
			letter, answer = letterOf(statusOfCode[f.Code]), fmt.Sprint(f.Code, " ", string(f.Message), f.Fields)
		case f.Type == "ack", f.Type == "pong", f.Type == "read", f.Type == "message" && r.path == "hello" && bytes.Contains(f.Message, []byte(id)):
			letter = 'y'
		}
		fmt.Fprintf(&all, "%+v %s\n", f, f.Message)
		if last {
			return letter, answer, all.String()
		}
	}
}

// heardTyping reports whether another member of the channel was told that somebody is typing there.
func (w *world) heardTyping(id string, watcher *socket) (heard bool) {
	w.t.Helper()
	last := w.owner.send(w.lobby, "that was it")
	for {
		f := watcher.next("typing", "message")
		if f.Type == "message" && f.message(w.t).ID == last.ID {
			return heard
		}
		heard = heard || f.Type == "typing" && f.ChannelID.String() == id
	}
}

// statusOfCode is the status that HTTP has for the codes that errors of frames have.
var statusOfCode = map[string]int{"forbidden": 403, "not_found": 404, "conflict": 409, "invalid": 422}
