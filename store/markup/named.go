package markup

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Channel is "#name" in a message. Whether there is such a channel is not looked up: the HTML is the same for all who read
// it, and tells them nothing.
type Channel struct {
	ast.BaseInline
	Name string // without the #
}

// KindChannel is the kind of [Channel].
var KindChannel = ast.NewNodeKind("Channel")

// Kind is KindChannel.
func (*Channel) Kind() ast.NodeKind { return KindChannel }

// Dump shows the node, for debugging.
func (c *Channel) Dump(source []byte, level int) {
	ast.DumpHelper(c, source, level, map[string]string{"Name": c.Name}, nil)
}

// channelPattern is of those names of channels that are told from the text around them without knowing the channels.
var channelPattern = regexp.MustCompile(`^#(?:[\p{Ll}\p{Lo}\p{Lm}\pN](?:[\p{Ll}\p{Lo}\p{Lm}\pN._-]*[\p{Ll}\p{Lo}\p{Lm}\pN])?)`)

// channelAt returns the name of a channel that text begins with, "#" included. "#42" is a number.
func channelAt(before rune, text string) string {
	name := channelPattern.FindString(text)
	after, _ := utf8.DecodeRuneInString(text[len(name):])
	if isWord(before) || strings.ContainsRune("&#/", before) || isWord(after) || !strings.ContainsFunc(name, unicode.IsLetter) {
		return ""
	}
	return name
}

// namedParser finds emoji by their names, and channels; it renders channels.
type namedParser struct{}

func (namedParser) Trigger() []byte { return []byte{':', '#'} }

func (namedParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, _ := block.PeekLine()
	before, here := block.PrecendingCharacter(), string(line)
	switch line[0] {
	case ':':
		if name, character := EmojiAt(before, here); name != "" {
			block.Advance(len(name))
			return ast.NewString([]byte(character))
		}
	case '#':
		if name := channelAt(before, here); name != "" {
			block.Advance(len(name))
			return &Channel{Name: name[1:]}
		}
	}
	return nil
}

// RegisterFuncs tells goldmark how a channel is rendered.
func (namedParser) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(KindChannel, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		_, err := w.WriteString(`<span class="channel-link">#` + n.(*Channel).Name + "</span>") // of which nothing needs escaping
		return ast.WalkContinue, err
	})
}
