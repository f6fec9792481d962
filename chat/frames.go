package chat

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"github.com/google/uuid"

	"snug/store"
)

// The codes a WebSocket is closed with: RFC 6455, section 7.4, and of the private range 4000 to 4999 our own.
const (
	closeNormal          = 1000
	closeProtocol        = 1002
	closePolicy          = 1008
	closeTooLong         = 1009
	closeRestart         = 1012
	closeTryAgain        = 1013
	closeUnauthenticated = 4401
	closeTooSlow         = 4408
	closeTooMuch         = 4429
)

// clientFrame is any frame of a client; Type says which of the rest matters.
type clientFrame struct {
	Type      string           `json:"type"`
	Resume    map[string]int64 `json:"resume"`          // hello: of each channel the seq of the last message seen
	ClientID  string           `json:"client_id"`       // send
	ChannelID string           `json:"channel_id"`      // send, typing, read
	Body      string           `json:"body"`            // send
	ParentID  *uuid.UUID       `json:"parent_id"`       // send
	Also      bool             `json:"also_to_channel"` // send
	FileIDs   []uuid.UUID      `json:"file_ids"`        // send
	Seq       int64            `json:"seq"`             // read
	ReadSeq   int64            `json:"read_seq"`        // read: how far the client takes the channel for read
}

// The frames of the server.
type (
	welcomeFrame struct {
		Type     string             `json:"type"`
		User     store.User         `json:"user"`
		Channels []store.Membership `json:"channels"`
		Session  store.Session      `json:"session"`
		Online   []uuid.UUID        `json:"online"` // the users who are; presence frames tell of changes
	}
	plainFrame struct { // resumed, pong
		Type string `json:"type"`
	}
	gapFrame struct { // these messages are not sent: fetch them over HTTP
		Type      string    `json:"type"`
		ChannelID uuid.UUID `json:"channel_id"`
		From      int64     `json:"from"`
		To        int64     `json:"to"`
	}
	updatedFrame struct { // a message that was sent before is now like this
		Type    string          `json:"type"`
		Message json.RawMessage `json:"message"`
	}
	deletedFrame struct { // only this is left of a message
		Type      string          `json:"type"`
		ChannelID uuid.UUID       `json:"channel_id"`
		MessageID uuid.UUID       `json:"message_id"`
		Seq       int64           `json:"seq"`
		Message   json.RawMessage `json:"message"`
	}
	reactionFrame struct { // somebody has put an emoji under a message, or taken it back
		Type      string           `json:"type"`
		ChannelID uuid.UUID        `json:"channel_id"`
		MessageID uuid.UUID        `json:"message_id"`
		Emoji     string           `json:"emoji"`
		UserID    uuid.UUID        `json:"user_id"`
		Added     bool             `json:"added"`
		Reactions []store.Reaction `json:"reactions"` // all of the message now
	}
	threadReadFrame struct { // how far the user has read a thread
		Type string `json:"type"`
		store.ThreadRead
	}
	errorFrame struct {
		Type       string            `json:"type"`
		Code       store.Code        `json:"code"`
		Message    string            `json:"message"`
		ClientID   string            `json:"client_id,omitempty"`
		RetryAfter int               `json:"retry_after,omitempty"` // seconds
		Fields     map[string]string `json:"fields,omitempty"`
	}
	typingFrame struct {
		Type      string    `json:"type"`
		ChannelID uuid.UUID `json:"channel_id"`
		UserID    uuid.UUID `json:"user_id"`
	}
	readFrame struct {
		Type      string    `json:"type"`
		ChannelID uuid.UUID `json:"channel_id"`
		Seq       int64     `json:"seq"`
		Unread    int64     `json:"unread"`
		Mentions  int64     `json:"mentions"`
	}
	memberFrame struct {
		Type      string     `json:"type"`
		ChannelID uuid.UUID  `json:"channel_id"`
		User      store.User `json:"user"`
		Left      bool       `json:"left,omitempty"`
	}
	channelFrame struct { // a channel has become one of the user's, or is now like this to the user
		Type    string           `json:"type"`
		Channel store.Membership `json:"channel"`
	}
	stateFrame struct { // one of the user's channels is now like this to everybody
		Type    string        `json:"type"`
		Channel store.Channel `json:"channel"`
	}
	removedFrame struct { // a channel is none of the user's any more
		Type      string    `json:"type"`
		ChannelID uuid.UUID `json:"channel_id"`
		Removed   bool      `json:"removed"`
	}
	userFrame struct { // how a user is now: profile, role, active
		Type string     `json:"type"`
		User store.User `json:"user"`
	}
	presenceFrame struct {
		Type   string    `json:"type"`
		UserID uuid.UUID `json:"user_id"`
		Online bool      `json:"online"`
	}
	goodbyeFrame struct {
		Type       string `json:"type"`
		Reason     string `json:"reason"`
		RetryAfter int    `json:"retry_after"` // seconds
	}
)

// encodeJSON is v as JSON on one line. What is encoded are types of this package, which cannot fail.
func encodeJSON(v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

// encodeFrame is v as a WebSocket frame.
func encodeFrame(v any) []byte { return appendFrame(nil, encodeJSON(v)) }

// appendFrame appends the parts as one text frame, final and unmasked as a server's are: RFC 6455, section 5.2.
func appendFrame(dst []byte, parts ...[]byte) []byte {
	const finalText = 0x81
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	switch {
	case length < 126:
		dst = append(dst, finalText, byte(length))
	case length < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, finalText, 126), uint16(length))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, finalText, 127), uint64(length))
	}
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}
