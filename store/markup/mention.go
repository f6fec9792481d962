package markup

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// The names that are nobody's: @channel is everybody in the channel, @here those of them who are online.
const (
	Everybody = "channel"
	Here      = "here"
)

// MaxNames is how many different names of a message count.
const MaxNames = 200

// Mention is "@name" in a message: the name begins with a letter or digit, goes on with those and . _ -, and ends where
// no letter or digit follows. So "@ada." names ada, and "@ada.b" does not. In code, in links that stand for themselves
// and behind what belongs to a word, as in e-mail addresses, there is none.
type Mention struct {
	ast.BaseInline
	Name string // as it was written, without the @
}

// KindMention is the kind of [Mention].
var KindMention = ast.NewNodeKind("Mention")

// Kind is KindMention.
func (*Mention) Kind() ast.NodeKind { return KindMention }

// Dump shows the node, for debugging.
func (m *Mention) Dump(source []byte, level int) {
	ast.DumpHelper(m, source, level, map[string]string{"Name": m.Name}, nil)
}

// RegisterFuncs tells goldmark how a mention is rendered.
func (mentionParser) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(KindMention, func(w util.BufWriter, _ []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		_, err := w.WriteString(`<span class="mention">@` + n.(*Mention).Name + "</span>") // of which nothing needs escaping
		return ast.WalkContinue, err
	})
}

// mentionParser finds mentions, and renders them.
type mentionParser struct{}

func (mentionParser) Trigger() []byte { return []byte{'@'} }

func (mentionParser) Parse(_ ast.Node, block text.Reader, _ parser.Context) ast.Node {
	before := block.PrecendingCharacter()
	line, _ := block.PeekLine()
	n := nameLength(line[1:])
	if n == 0 || isWord(before) || joins(before) {
		return nil
	}
	block.Advance(1 + n)
	return &Mention{Name: string(line[1 : 1+n])}
}

// nameLength is how many bytes at the beginning of text are a name; 0 if there is none.
func nameLength(text []byte) int {
	end := 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		switch {
		case isNameLetter(r):
			end = i
		case isWord(r): // another letter belongs to the word, which so is no name
			return 0
		case !joins(r), end == 0:
			return end
		}
	}
	return end
}

func isNameLetter(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// joins reports whether r is what names have between letters.
func joins(r rune) bool { return r == '.' || r == '_' || r == '-' }

// Names returns the names in a message, in small letters, each once, in the order in which they come; of very many the
// first.
func Names(body string) []string {
	if !strings.Contains(body, "@") {
		return nil
	}
	var names []string
	source := []byte(body)
	_ = ast.Walk(reader().Parser().Parse(text.NewReader(source)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if m, ok := n.(*Mention); ok && entering {
			if name := strings.ToLower(m.Name); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		if len(names) == MaxNames {
			return ast.WalkStop, nil
		}
		return ast.WalkContinue, nil
	})
	return names
}
