package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// richElement is a part of a rich_text block, and a part of such a part.
type richElement struct {
	Type     string        `json:"type"`
	Elements []richElement `json:"elements"`
	Style    richStyle     `json:"style"`
	Indent   int           `json:"indent"` // of a list
	Offset   int           `json:"offset"`

	Text      text `json:"text"`
	URL       text `json:"url"`
	Name      text `json:"name"` // of an emoji
	UserID    text `json:"user_id"`
	ChannelID text `json:"channel_id"`
	Range     text `json:"range"` // of a broadcast: here, channel, everyone
}

// richStyle is how a text is written, or the name of a sort of list.
type richStyle struct {
	list                       string
	bold, italic, strike, code bool
}

// UnmarshalJSON reads either.
func (s *richStyle) UnmarshalJSON(raw []byte) error {
	if raw[0] == '"' {
		return json.Unmarshal(raw, &s.list)
	}
	var o struct{ Bold, Italic, Strike, Code bool }
	err := json.Unmarshal(raw, &o)
	s.bold, s.italic, s.strike, s.code = o.Bold, o.Italic, o.Strike, o.Code
	return err
}

func (t *translator) richText(elements []json.RawMessage) string {
	var parts []string
	for _, raw := range elements {
		var e richElement
		if json.Unmarshal(raw, &e) != nil {
			continue
		}
		part, isList := t.richPart(e), e.Type == "rich_text_list"
		if isList && e.Indent > 0 && len(parts) > 0 { // goes on with the list before
			parts[len(parts)-1] += "\n" + part
			continue
		}
		parts = append(parts, part)
	}
	return join(parts...)
}

func (t *translator) richPart(e richElement) string {
	switch e.Type {
	case "rich_text_preformatted":
		var code strings.Builder
		for _, c := range e.Elements {
			code.WriteString(t.clean(string(c.Text)))
		}
		return fenced(code.String())
	case "rich_text_quote":
		return quoted(strings.Trim(t.richLine(e.Elements), "\n"))
	case "rich_text_list":
		indent := strings.Repeat("    ", min(max(e.Indent, 0), 8))
		var items []string
		for i, item := range e.Elements {
			mark := "-"
			if e.Style.list == "ordered" {
				mark = fmt.Sprintf("%d.", min(max(e.Offset, 0), 1_000_000)+i+1)
			}
			line := strings.ReplaceAll(t.richLine(item.Elements), "\n", "\n"+indent+"    ")
			items = append(items, indent+mark+" "+line)
		}
		return strings.Join(items, "\n")
	}
	return t.richLine(e.Elements)
}

func (t *translator) richLine(elements []richElement) string {
	var out []byte
	for i, e := range elements {
		before, after := lastRune(string(out)), rune(0)
		if i+1 < len(elements) && elements[i+1].Type == "text" {
			after = firstRune(string(elements[i+1].Text))
		}
		switch e.Type {
		case "text":
			out = appendTo(out, t.styled(string(e.Text), e.Style, before, after))
		case "link":
			out = appendTo(out, link(string(e.URL), string(e.Text)))
		case "emoji":
			out = appendTo(out, ":"+oneLine(string(e.Name))+":")
		case "user":
			if name := t.users(string(e.UserID)); name != "" {
				out = appendTo(out, mentionOf(name, before, 0))
			} else {
				out = appendTo(out, "@"+escape(string(e.UserID)))
			}
		case "broadcast":
			name := "channel"
			if e.Range == "here" {
				name = "here"
			}
			out = appendTo(out, mentionOf(name, before, 0))
		case "channel":
			out = appendTo(out, `\#`+escape(string(e.ChannelID)))
		}
	}
	return string(out)
}

// styled is a text of one style, between two characters. Spaces around it stay outside: Markdown knows no marks beside them.
func (t *translator) styled(s string, style richStyle, before, after rune) string {
	s = t.clean(s)
	inside := strings.TrimSpace(s)
	if inside == "" {
		return s
	}
	at := strings.Index(s, inside)
	head, tail := s[:at], s[at+len(inside):]
	if style.code && !strings.Contains(inside, "\n") {
		code, _ := codeSpan("`" + strings.ReplaceAll(inside, "`", "'") + "`")
		return head + code + tail
	}
	text := t.richWords(inside, head == "" && !isStart(before))
	opens := head != "" || isEdge(before) || isWord(firstRune(inside))
	closes := tail != "" || isEdge(after) || isWord(lastRune(inside))
	if strings.Contains(inside, "\n") || !opens || !closes {
		return head + text + tail
	}
	mark := ""
	for _, m := range []struct {
		mark string
		on   bool
	}{{"~~", style.strike}, {"**", style.bold}, {"*", style.italic}} {
		if m.on {
			mark += m.mark
		}
	}
	end := strings.Join(reversed(mark), "")
	if mark != "" && head == "" && (before == '*' || before == '~') {
		mark = zeroWidth + mark // what is before would be taken for one with it
	}
	return head + mark + text + end + tail
}

// zeroWidth is a space that is not seen, and that Markdown takes for a letter.
const zeroWidth = "\u200b"

func reversed(s string) []string {
	list := strings.Split(s, "")
	slices.Reverse(list)
	return list
}

func isStart(before rune) bool { return before == 0 || before == '\n' }

// richWords are words without markup, of which the first may stand within a line.
func (t *translator) richWords(s string, within bool) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		if within && lines == nil {
			lines = append(lines, escape(line))
		} else {
			lines = append(lines, t.line(escapeEntities(line), false))
		}
	}
	return strings.Join(lines, "\n")
}

// escapeEntities writes text that is no markup as Slack's: what rich text holds is meant literally.
func escapeEntities(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
