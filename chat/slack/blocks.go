package slack

import (
	"encoding/json"
	"fmt"
	"strings"
)

// block is a part of a message: https://docs.slack.dev/reference/block-kit/blocks.
type block struct {
	Type      string            `json:"type"`
	Text      json.RawMessage   `json:"text"`   // an object; of markdown, a string
	Fields    []textObject      `json:"fields"` // of a section
	Accessory json.RawMessage   `json:"accessory"`
	Elements  []json.RawMessage `json:"elements"` // of context, actions and rich_text
	ImageURL  text              `json:"image_url"`
	AltText   text              `json:"alt_text"`
	Title     json.RawMessage   `json:"title"`
}

// textObject is a text with or without markup.
type textObject struct {
	Type string `json:"type"` // plain_text or mrkdwn
	Text text   `json:"text"`
}

// object reads a text that is an object, or a mere string.
func object(raw json.RawMessage) (o textObject) {
	if len(raw) == 0 || json.Unmarshal(raw, &o) != nil {
		o = textObject{Type: "plain_text"}
		_ = json.Unmarshal(raw, &o.Text) // else it is empty
	}
	return o
}

func (t *translator) object(o textObject) string { return t.text(string(o.Text), o.Type == "mrkdwn") }

func (t *translator) blocks(list []block) string {
	parts := make([]string, 0, min(len(list), maxBlocks))
	for _, b := range list[:min(len(list), maxBlocks)] {
		parts = append(parts, t.block(b))
	}
	if strings.Trim(join(parts...), "-\n") == "" { // nothing but lines
		return ""
	}
	return join(parts...)
}

func (t *translator) block(b block) string {
	switch b.Type {
	case "section":
		parts := []string{t.object(object(b.Text))}
		for _, f := range b.Fields {
			parts = append(parts, t.object(f))
		}
		return join(append(parts, t.element(b.Accessory))...)
	case "header":
		if line := oneLine(unescape(string(object(b.Text).Text))); line != "" {
			return "### " + line
		}
		return ""
	case "divider":
		return "---"
	case "image":
		return image(b.ImageURL, b.AltText, b.Title)
	case "context", "actions":
		var parts []string
		for _, e := range b.Elements {
			if part := t.element(e); part != "" {
				parts = append(parts, part)
			}
		}
		return strings.Join(parts, " ")
	case "markdown":
		return t.clean(string(object(b.Text).Text))
	case "rich_text":
		return t.richText(b.Elements)
	}
	return "*" + oneLine(fmt.Sprintf("(There is a block here that cannot be shown: %.40s)", b.Type)) + "*"
}

// element translates what stands in a block beside its text: a text, a picture, a button that leads somewhere. Others, with
// which one could do something, are left out.
func (t *translator) element(raw json.RawMessage) string {
	var e struct {
		Type     string          `json:"type"`
		Text     json.RawMessage `json:"text"`
		URL      text            `json:"url"`
		ImageURL text            `json:"image_url"`
		AltText  text            `json:"alt_text"`
	}
	if len(raw) == 0 || json.Unmarshal(raw, &e) != nil {
		return ""
	}
	switch e.Type {
	case "mrkdwn", "plain_text":
		return t.object(object(raw))
	case "image":
		return image(e.ImageURL, e.AltText, nil)
	case "button":
		return t.buttons([]button{{Text: e.Text, URL: e.URL}})
	}
	return ""
}

// image is a link to a picture: to show it would tell its server who reads here.
func image(address, alt text, title json.RawMessage) string {
	if address == "" {
		return ""
	}
	for _, label := range []text{object(title).Text, alt, "picture"} {
		if label != "" {
			return link(string(address), unescape(string(label)))
		}
	}
	return ""
}

func (t *translator) buttons(list []button) string {
	var links []string
	for _, b := range list {
		if b.URL != "" {
			links = append(links, link(string(b.URL), unescape(string(object(b.Text).Text))))
		}
	}
	return strings.Join(links, " · ")
}
