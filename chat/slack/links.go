package slack

import (
	"regexp"
	"strings"
)

// schemePattern is how an address begins: RFC 3986, section 3.1.
var schemePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:.`)

// linkable are the schemes that become links; of others, only the text is shown.
var linkable = regexp.MustCompile(`^(?i:https?://|mailto:).`)

// addressEscaper writes what would end an address, or be read as more than it is, as RFC 3986, section 2.1, has it.
var addressEscaper = strings.NewReplacer(" ", "%20", "\t", "%09", "\n", "", "<", "%3C", ">", "%3E", `\`, "%5C", "`", "%60", "|", "%7C", "&", "&amp;")

// link is a link to an address, with a label if it has one.
func link(address, label string) string {
	if label = labelled(label); label == "" {
		label = oneLine(strings.TrimPrefix(address, "mailto:"))
	}
	if !linkable.MatchString(address) {
		return noLink(label)
	}
	return "[" + label + "](<" + addressEscaper.Replace(address) + ">)"
}

// labelled is the label of a link, in which there may be code.
func labelled(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	before, rest, found := strings.Cut(s, "`")
	if !found {
		return escape(s)
	}
	code, size := codeSpan("`" + rest)
	if size == 0 {
		return escape(s)
	}
	return escape(before) + code + labelled(rest[size-1:])
}

// noLink keeps Markdown from making a link of what looks like an address.
func noLink(text string) string { return strings.ReplaceAll(text, "://", `\://`) }

// bareLink translates the address that s begins with, as people write it into a text.
func bareLink(s string) (done string, size int) {
	begin := barePattern.FindString(s)
	if begin == "" {
		return "", 0
	}
	for _, end := range []string{"&gt;", "&lt;"} { // characters that no address has
		begin, _, _ = strings.Cut(begin, end)
	}
	address := strings.TrimRight(begin, trailing)
	for strings.HasSuffix(address, ")") && strings.Count(address, ")") > strings.Count(address, "(") {
		address = strings.TrimRight(strings.TrimSuffix(address, ")"), trailing)
	}
	if !barePattern.MatchString(address) {
		return "", 0
	}
	size, address = len(address), unescape(address)
	switch scheme, _, _ := strings.Cut(address, ":"); strings.ToLower(scheme) {
	case "http", "https":
		return link(address, ""), size
	case "ftp":
		return noLink(oneLine(address)), size
	}
	return link("http://"+address, address), size
}

// trailing is what ends a sentence rather than belongs to an address.
const trailing = `.,:!?'"*_~`

// barePattern is of what Markdown would make a link of, up to its end.
var barePattern = regexp.MustCompile("^(?:(?i:https?|ftp)://[^\\s<>|`]|www\\.[^\\s<>|`])[^\\s<>|`]*")
