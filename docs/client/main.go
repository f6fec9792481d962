// A whole client of Snug: it shows what is said in the channels of a user, and sends the lines of its standard input to
// #general. It comes back by itself when the connection breaks, misses nothing, and sends nothing twice.
//
//	SNUG_PASSWORD=… go run ./docs/client http://localhost:8080 ada
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/uuid"
)

// message is what this client needs of one.
type message struct {
	Seq       int64
	ChannelID string `json:"channel_id"`
	Author    struct{ Username string }
	Body      string
}

// frame is any frame of the server.
type frame struct {
	Type     string
	Channels []struct {
		ID, Name string
		LastSeq  int64 `json:"last_seq"`
	}
	Message   message
	ChannelID string `json:"channel_id"`
	To        int64
	ClientID  string `json:"client_id"`
	Code      string
}

type client struct {
	url, token string
	general    string
	seen       map[string]int64  // by channel, the seq of the last message: where to resume
	unsent     map[string]string // by client_id, what is not acknowledged yet
	order      []string          // its client_ids, the oldest first
	lines      chan string
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: SNUG_PASSWORD=… client URL USERNAME")
	}
	c := &client{url: os.Args[1], seen: map[string]int64{}, unsent: map[string]string{}, lines: make(chan string)}
	if err := c.logIn(os.Args[2], os.Getenv("SNUG_PASSWORD")); err != nil {
		log.Fatal(err)
	}
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			c.lines <- in.Text()
		}
	}()
	for {
		log.Print("connection lost: ", c.follow())
		time.Sleep(time.Second)
	}
}

func (c *client) logIn(username, password string) error {
	body, _ := json.Marshal(map[string]string{"username": username, "password": password})
	response, err := http.Post(c.url+"/api/auth/login", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("log in: %s", response.Status)
	}
	answer := struct{ Token *string }{&c.token}
	return json.NewDecoder(response.Body).Decode(&answer)
}

// follow serves one connection until it breaks.
func (c *client) follow() error {
	ws, _, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(c.url, "http")+"/api/ws",
		http.Header{"Authorization": {"Bearer " + c.token}})
	if err != nil {
		return err
	}
	defer ws.Close()
	if err := ws.WriteJSON(map[string]any{"type": "hello", "resume": c.seen}); err != nil {
		return err
	}
	frames, broken := make(chan frame), make(chan error, 1)
	go func() {
		for {
			var f frame
			if err := ws.ReadJSON(&f); err != nil {
				broken <- err
				return
			}
			frames <- f
		}
	}()
	for {
		select {
		case f := <-frames:
			c.take(f, ws)
		case line := <-c.lines:
			id := uuid.Must(uuid.NewV7()).String()
			c.unsent[id], c.order = line, append(c.order, id)
			c.send(ws, id)
		case err := <-broken:
			return err
		}
	}
}

func (c *client) take(f frame, ws *websocket.Conn) {
	switch f.Type {
	case "welcome":
		for _, channel := range f.Channels {
			if _, known := c.seen[channel.ID]; !known {
				c.seen[channel.ID] = channel.LastSeq
			}
			if channel.Name == "general" {
				c.general = channel.ID
			}
		}
		for _, id := range c.order { // the server may have stored it or not: it knows by the client_id
			c.send(ws, id)
		}
	case "message":
		c.show(f.Message)
	case "gap":
		if err := c.fetch(f.ChannelID, f.To); err != nil {
			_ = ws.Close() // and then resume where it ended
		}
	case "ack":
		delete(c.unsent, f.ClientID)
	case "error":
		log.Print("error: ", f.Code)
	}
}

func (c *client) show(m message) {
	c.seen[m.ChannelID] = m.Seq
	fmt.Printf("%d %s: %s\n", m.Seq, m.Author.Username, m.Body)
}

// fetch shows the messages up to a seq that were too many to be sent.
func (c *client) fetch(channel string, to int64) error {
	for c.seen[channel] < to {
		var page struct{ Messages []message }
		request, err := http.NewRequest("GET", fmt.Sprintf("%s/api/channels/%s/messages?after=%d&limit=200", c.url, channel, c.seen[channel]), nil)
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+c.token)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		err = json.NewDecoder(response.Body).Decode(&page)
		_ = response.Body.Close()
		if err != nil || len(page.Messages) == 0 {
			return fmt.Errorf("fetch messages: %s, %w", response.Status, err)
		}
		for _, m := range page.Messages {
			if m.Seq <= to {
				c.show(m)
			}
		}
	}
	return nil
}

// send sends what is not acknowledged. An error shows up where the connection is read.
func (c *client) send(ws *websocket.Conn, id string) {
	if body, wanted := c.unsent[id]; wanted {
		_ = ws.WriteJSON(map[string]string{"type": "send", "client_id": id, "channel_id": c.general, "body": body})
	}
}
