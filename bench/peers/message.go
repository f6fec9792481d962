// Package peers holds the servers that Snug is measured against. Each does what a small honest chat server does, and speaks
// as much of Snug's protocol as the load needs.
package peers

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// send is the client's frame with a message; hello is the other one that the peers know.
type send struct {
	Type      string    `json:"type"`
	ClientID  uuid.UUID `json:"client_id"`
	ChannelID uuid.UUID `json:"channel_id"`
	Body      string    `json:"body"`
}

// message has the fields of Snug's, so that frames are of the same size.
type message struct {
	ID         uuid.UUID  `json:"id"`
	ChannelID  uuid.UUID  `json:"channel_id"`
	Seq        int64      `json:"seq"`
	Author     author     `json:"author"`
	Body       string     `json:"body"`
	HTML       string     `json:"html"`
	ClientID   uuid.UUID  `json:"client_id"`
	ParentID   *uuid.UUID `json:"parent_id"`
	ReplyCount int        `json:"reply_count"`
	Reactions  []string   `json:"reactions"`
	Files      []string   `json:"files"`
	Pinned     bool       `json:"pinned"`
	CreatedAt  time.Time  `json:"created_at"`
	EditedAt   *time.Time `json:"edited_at"`
	DeletedAt  *time.Time `json:"deleted_at"`
}

type author struct {
	ID          uuid.UUID `json:"id"`
	Username    string    `json:"username"`
	DisplayName string    `json:"display_name"`
	AvatarURL   string    `json:"avatar_url"`
}

// ack and news are the server's frames for a message: to who sent it, and to all.
type ack struct {
	Type     string  `json:"type"`
	ClientID string  `json:"client_id"`
	Message  message `json:"message"`
}

type news struct {
	Type    string  `json:"type"`
	Message message `json:"message"`
}

func newMessage(s send, by author) message {
	return message{
		ID: uuid.Must(uuid.NewV7()), ChannelID: s.ChannelID, Author: by, Body: s.Body, HTML: "<p>" + s.Body + "</p>\n",
		ClientID: s.ClientID, Reactions: []string{}, Files: []string{}, CreatedAt: time.Now().UTC(),
	}
}

// encode is v as JSON; what is encoded here cannot fail.
func encode(v any) []byte {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return encoded
}
