package slack

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// attachment is what is set off from the text: https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments.
type attachment struct {
	Fallback   text     `json:"fallback"` // for where nothing else can be shown
	Color      text     `json:"color"`
	Pretext    text     `json:"pretext"`
	AuthorName text     `json:"author_name"`
	AuthorLink text     `json:"author_link"`
	Title      text     `json:"title"`
	TitleLink  text     `json:"title_link"`
	Text       text     `json:"text"`
	Fields     []field  `json:"fields"`
	ImageURL   text     `json:"image_url"`
	ThumbURL   text     `json:"thumb_url"`
	Footer     text     `json:"footer"`
	Time       text     `json:"ts"`
	MrkdwnIn   []string `json:"mrkdwn_in"` // where there is markup, if not everywhere
	Blocks     []block  `json:"blocks"`
	Actions    []button `json:"actions"`
}

type field struct {
	Title text `json:"title"`
	Value text `json:"value"`
}

// button is of those of which only the ones that lead somewhere are shown.
type button struct {
	Text json.RawMessage `json:"text"` // a string in attachments, an object in blocks
	URL  text            `json:"url"`
}

// attachment translates one: the pretext, and what follows it as a quotation.
func (t *translator) attachment(a attachment) string {
	markup := func(where string) bool { return a.MrkdwnIn == nil || slices.Contains(a.MrkdwnIn, where) }
	parts := []string{
		strong(linked(a.AuthorName, a.AuthorLink)),
		strong(linked(a.Title, a.TitleLink)),
		t.text(string(a.Text), markup("text")),
	}
	for _, f := range a.Fields {
		title := strong(oneLine(unescape(string(f.Title))))
		parts = append(parts, strings.TrimPrefix(title+"\n"+t.text(string(f.Value), markup("fields")), "\n"))
	}
	for _, address := range []text{a.ImageURL, a.ThumbURL} {
		if address != "" {
			parts = append(parts, link(string(address), "picture"))
		}
	}
	parts = append(parts, t.blocks(a.Blocks), t.buttons(a.Actions), t.footer(a))
	inside := join(parts...)
	pretext := t.text(string(a.Pretext), markup("pretext"))
	if inside == "" && pretext == "" {
		inside = t.text(string(a.Fallback), false)
	}
	return join(pretext, quoted(withColour(a.Color, inside)))
}

func linked(title, address text) string {
	if address == "" {
		return oneLine(unescape(string(title)))
	}
	if title == "" {
		return ""
	}
	return link(string(address), unescape(string(title)))
}

// strong is a line of Markdown in bold.
func strong(line string) string {
	if line == "" {
		return ""
	}
	return "**" + line + "**"
}

func (t *translator) footer(a attachment) string {
	var parts []string
	if f := t.text(string(a.Footer), false); f != "" {
		parts = append(parts, f)
	}
	if seconds, err := strconv.ParseFloat(string(a.Time), 64); err == nil && seconds > 0 && seconds < 1e11 {
		parts = append(parts, time.Unix(int64(seconds), 0).UTC().Format("2006-01-02 15:04 UTC"))
	}
	return strings.Join(parts, " · ")
}

// withColour puts a mark of the colour before what is said: colours are how many programs tell good from bad.
func withColour(colour text, inside string) string {
	mark := colourMark(strings.ToLower(string(colour)))
	heading, isHeading := strings.CutPrefix(inside, "### ")
	switch {
	case mark == "" || inside == "":
		return inside
	case isHeading:
		return "### " + mark + " " + heading
	case strings.IndexByte(">-`0123456789", inside[0]) >= 0: // it would not be what it is
		return mark + "\n\n" + inside
	}
	return mark + " " + inside
}

func colourMark(colour string) string {
	switch colour {
	case "good":
		return "🟢"
	case "warning":
		return "🟡"
	case "danger":
		return "🔴"
	}
	rgb, err := strconv.ParseUint(strings.TrimPrefix(colour, "#"), 16, 24)
	if err != nil || len(strings.TrimPrefix(colour, "#")) != 6 {
		return ""
	}
	red, green, blue := int(rgb>>16), int(rgb>>8&0xff), int(rgb&0xff)
	most, least := max(red, green, blue), min(red, green, blue)
	switch {
	case most-least < 40:
		return "" // grey
	case most == blue:
		return "🔵"
	case most == green:
		return "🟢"
	case (green-least)*100 > (most-least)*65:
		return "🟡"
	case (green-least)*100 > (most-least)*35:
		return "🟠"
	}
	return "🔴"
}
