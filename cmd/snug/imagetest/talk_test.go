//go:build image

package imagetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"
)

const talkerPassword = "correct horse battery"

// talker is the owner of a workspace, in its first channel. It can talk to any node of it.
type talker struct {
	t              testing.TB
	token, channel string

	mu    sync.Mutex
	acked map[string]int64 // seq by client_id
	acks  []time.Time
}

// foundWorkspace sets an instance up by HTTP, as the first visitor does.
func foundWorkspace(t testing.TB, base string) *talker {
	t.Helper()
	who := &talker{t: t, acked: map[string]int64{}}
	if err := who.enter(base, "/api/setup"); err != nil {
		t.Fatal(err)
	}
	var mine struct{ Channels []struct{ ID string } }
	if err := who.ask("GET", base+"/api/channels", nil, &mine); err != nil || len(mine.Channels) != 1 {
		t.Fatalf("channels %v: %v", mine, err)
	}
	who.channel = mine.Channels[0].ID
	return who
}

// enter founds the workspace, or logs in to it.
func (who *talker) enter(base, path string) error {
	var login struct{ Token string }
	body := map[string]string{"username": "ada", "password": talkerPassword}
	if path == "/api/setup" {
		body["workspace"], body["display_name"] = "Analysts", "Ada"
	}
	err := who.ask("POST", base+path, body, &login)
	who.token = login.Token
	return err
}

// ask calls the API; an answer other than 2xx is an error.
func (who *talker) ask(method, url string, body, answer any, headers ...string) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(who.t.Context(), method, url, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+who.token)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %d %s", method, url, response.StatusCode, content)
	}
	return json.Unmarshal(content, answer)
}

// say posts a message, again and again under the same client_id until it is acknowledged or ctx ends.
func (who *talker) say(ctx context.Context, base string) error {
	message := map[string]string{"client_id": uuid.NewString(), "body": "Hello there."}
	var stored struct{ Seq int64 }
	for {
		err := who.ask("POST", base+"/api/channels/"+who.channel+"/messages", message, &stored)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond)
	}
	who.mu.Lock()
	defer who.mu.Unlock()
	who.acked[message["client_id"]] = stored.Seq
	who.acks = append(who.acks, time.Now())
	return nil
}

// sayMany posts so many messages to a node.
func (who *talker) sayMany(base string, n int) {
	who.t.Helper()
	ctx, cancel := context.WithTimeout(who.t.Context(), 30*time.Second)
	defer cancel()
	for range n {
		if err := who.say(ctx, base); err != nil {
			who.t.Fatal(err)
		}
	}
}

// keepTalking posts one message after the other until the returned function is called, which tells the longest time
// between two acknowledgements.
func (who *talker) keepTalking(base string) (stop func() time.Duration) {
	ctx, cancel := context.WithCancel(who.t.Context())
	done := make(chan struct{})
	began := len(who.acks)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = who.say(ctx, base)
		}
	}()
	return sync.OnceValue(func() time.Duration {
		cancel()
		<-done
		var longest time.Duration
		for i := began + 1; i < len(who.acks); i++ {
			longest = max(longest, who.acks[i].Sub(who.acks[i-1]))
		}
		return longest
	})
}

// said is how many messages were acknowledged.
func (who *talker) said() int {
	who.mu.Lock()
	defer who.mu.Unlock()
	return len(who.acked)
}

// goesOn waits until more messages are acknowledged.
func (who *talker) goesOn(limit time.Duration) {
	who.t.Helper()
	before := who.said()
	eventually(who.t, limit, func() error {
		if n := who.said() - before; n < 20 {
			return fmt.Errorf("%d messages were acknowledged", n)
		}
		return nil
	})
}

// checkLog wants the message log to have no gap, and all that was acknowledged in it, once.
func (who *talker) checkLog(base string) {
	who.t.Helper()
	stored := map[string]int64{}
	var last int64
	for more := true; more; {
		var page struct {
			Messages []struct {
				Seq      int64
				ClientID string `json:"client_id"`
			}
			HasMore bool `json:"has_more"`
		}
		eventually(who.t, 30*time.Second, func() error {
			return who.ask("GET", fmt.Sprintf("%s/api/channels/%s/messages?limit=200&after=%d", base, who.channel, last), nil, &page)
		})
		for _, m := range page.Messages {
			if m.Seq != last+1 || stored[m.ClientID] != 0 {
				who.t.Errorf("after message %d there is %d, which is stored as %d too", last, m.Seq, stored[m.ClientID])
			}
			stored[m.ClientID], last = m.Seq, m.Seq
		}
		more = page.HasMore
	}
	who.mu.Lock()
	defer who.mu.Unlock()
	for id, seq := range who.acked {
		if stored[id] != seq {
			who.t.Errorf("message %d was acknowledged, and is stored as %d", seq, stored[id])
		}
	}
}

// ear is a WebSocket client that hears a channel, and connects anew, from where it was, when its socket breaks.
type ear struct {
	mu      sync.Mutex
	last    int64
	wrong   []string
	sockets int
	err     error
	stop    func()
}

// listen hears the channel at a node until the test ends.
func (who *talker) listen(base string) *ear {
	ctx, cancel := context.WithCancel(context.Background())
	e, done := &ear{}, make(chan struct{})
	e.stop = func() { cancel(); <-done }
	who.t.Cleanup(e.stop)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			err := e.hear(ctx, who, base)
			e.mu.Lock()
			e.err = err
			e.mu.Unlock()
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return e
}

// hear follows one socket until it ends.
func (e *ear) hear(ctx context.Context, who *talker, base string) error {
	ws, _, err := (&websocket.Dialer{HandshakeTimeout: 5 * time.Second}).DialContext(ctx,
		"ws"+strings.TrimPrefix(base, "http")+"/api/ws", http.Header{"Authorization": {"Bearer " + who.token}})
	if err != nil {
		return err
	}
	defer ws.Close()
	defer context.AfterFunc(ctx, func() { _ = ws.Close() })()
	e.mu.Lock()
	last := e.last
	e.sockets++
	e.mu.Unlock()
	if err := ws.WriteJSON(map[string]any{"type": "hello", "resume": map[string]int64{who.channel: last}}); err != nil {
		return err
	}
	for {
		var frame struct {
			Type    string
			To      int64
			Message struct{ Seq int64 }
		}
		if err := ws.ReadJSON(&frame); err != nil {
			return err
		}
		e.heard(frame.Type, frame.Message.Seq, frame.To)
	}
}

func (e *ear) heard(kind string, seq, to int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch kind {
	case "message":
		if seq != e.last+1 {
			e.wrong = append(e.wrong, fmt.Sprintf("message %d came after message %d", seq, e.last))
		}
		e.last = seq
	case "gap":
		e.last = to
	}
}

// hears waits until the message of a number has come, and wants all to have come in order.
func (e *ear) hears(t testing.TB, seq int64) {
	t.Helper()
	eventually(t, 30*time.Second, func() error {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.last < seq {
			return fmt.Errorf("heard %d of %d messages over %d sockets: %v", e.last, seq, e.sockets, e.err)
		}
		return nil
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, text := range e.wrong {
		t.Error(text)
	}
}

// connections is how many sockets the ear has had.
func (e *ear) connections() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.sockets
}
