// Package slack understands what programs send to Slack's incoming webhooks, and says the same in Markdown.
package slack

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Payload is what a program sends: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks. What is not
// here, as the channel to send to or the thread, is not followed.
type Payload struct {
	Text        text         `json:"text"`
	Mrkdwn      *bool        `json:"mrkdwn"` // false: the text has no markup
	Username    text         `json:"username"`
	IconEmoji   text         `json:"icon_emoji"`
	Attachments []attachment `json:"attachments"`
	Blocks      []block      `json:"blocks"`
	ClientID    text         `json:"client_id"` // not Slack's: what was sent twice with the same one is stored once
}

// The most that one payload may have.
const (
	maxAttachments = 100
	maxBlocks      = 50
)

// The errors of a payload, with the texts of Slack's answers.
var (
	ErrInvalid            = errors.New("invalid_payload")
	ErrNoText             = errors.New("no_text")
	ErrTooManyAttachments = errors.New("too_many_attachments")
	ErrInvalidBlocks      = errors.New("invalid_blocks")
)

// Decode reads a payload.
func Decode(raw []byte) (*Payload, error) {
	var p *Payload
	if err := json.Unmarshal(bytes.TrimPrefix(raw, []byte("\ufeff")), &p); err != nil || p == nil {
		return nil, ErrInvalid
	}
	switch {
	case len(p.Attachments) > maxAttachments:
		return nil, ErrTooManyAttachments
	case len(p.Blocks) > maxBlocks:
		return nil, ErrInvalidBlocks
	}
	return p, nil
}

// text is a string, or what programs send in the place of one.
type text string

// UnmarshalJSON takes numbers and truth values for their texts, as Slack does.
func (t *text) UnmarshalJSON(raw []byte) error {
	var s string
	switch {
	case raw[0] == '"':
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
	case raw[0] == '{' || raw[0] == '[':
		return fmt.Errorf("%.20s is no text", raw)
	case string(raw) != "null":
		s = string(raw)
	}
	*t = text(s)
	return nil
}

// idPattern is a UUID: RFC 9562, section 4.
var idPattern = regexp.MustCompile(`[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}`)

// IDs returns what may be ids of users in raw JSON, of which [Payload.Markdown] asks the names.
func IDs(raw []byte) (ids []uuid.UUID) {
	for _, found := range idPattern.FindAll(raw, 100) {
		ids = append(ids, uuid.MustParse(string(found)))
	}
	return ids
}

// Name is what the program calls itself in this message; empty if it does not.
func (p *Payload) Name() string {
	name := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(p.Username), ""))
	if name = strings.TrimSpace(name); utf8.RuneCountInString(name) > 80 {
		name = strings.TrimSpace(string([]rune(name)[:80]))
	}
	return name
}

// Markdown is what the payload says, in at most so many characters. What does not fit is cut off at the end of a line, and
// a last line says so. Users returns the name of a user by id, or nothing. It answers ErrNoText when the payload says
// nothing.
func (p *Payload) Markdown(most int, users func(id string) string) (string, error) {
	t := &translator{users: users}
	var body string
	if len(p.Blocks) > 0 { // then the text is for where blocks cannot be shown
		body = t.blocks(p.Blocks)
	}
	if body == "" {
		body = t.text(string(p.Text), p.Mrkdwn == nil || *p.Mrkdwn)
	}
	parts := []string{body}
	for _, a := range p.Attachments {
		parts = append(parts, t.attachment(a))
	}
	if body = join(parts...); body == "" {
		return "", ErrNoText
	}
	return fit(body, t.cut, most), nil
}

// fit cuts a body that is too long, or of which something was cut before.
func fit(body string, cut, most int) string {
	if utf8.RuneCountInString(body) <= most && cut == 0 {
		return body
	}
	const room = 100 // for the last line
	if runes := []rune(body); len(runes) > most-room {
		body = string(runes[:most-room])
		if end := strings.LastIndexAny(body, "\n"); end > len(body)/2 {
			body = body[:end]
		} else if end := strings.LastIndexAny(body, " "); end > len(body)/2 {
			body = body[:end]
		}
		cut += len(runes) - utf8.RuneCountInString(body)
	}
	return body + openFence(body) + fmt.Sprintf("\n\n*… cut here: %d characters more.*", cut)
}

// openFence closes the block of code that is open at the end of the body.
func openFence(body string) string {
	open := ""
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimLeft(line, "> ")
		run := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case open == "" && len(run) >= 3:
			open = run
		case line == open:
			open = ""
		}
	}
	if open == "" {
		return ""
	}
	prefix := ""
	if last := body[strings.LastIndex(body, "\n")+1:]; strings.HasPrefix(last, ">") {
		prefix = "> "
	}
	return "\n" + prefix + open
}
