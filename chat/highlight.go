package chat

import (
	"html"
	"strings"
	"sync"
	"time"

	"github.com/alecthomas/chroma/v2"
	"github.com/alecthomas/chroma/v2/lexers"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// highlightedLanguages are those whose code is coloured, by the names of chroma's lexers. It is a choice of the 300 that
// there are, each of which costs memory once it is used.
var highlightedLanguages = strings.Fields(`
	awk bash c c# c++ clojure cmake css dart diff docker elixir erlang fortran go graphql groovy haskell hcl html ini java
	javascript json julia kotlin lua makefile markdown matlab nginx nix ocaml perl php powershell protobuf python r ruby rust
	scala sql swift terraform toml tsx typescript vue xml yaml zig`)

// The bounds of what is coloured. Chroma looks for tokens by regular expressions that go back and try again, so that some
// code takes it more than its share of time: then the code is shown as it is.
const (
	highlightBytes = 6000                   // of one block
	highlightTime  = 100 * time.Millisecond // for one block; a single expression may take 250 ms more
	highlightKept  = 4 << 20                // bytes of blocks that are kept, as history is read again and again
)

// highlighter colours code, and keeps what it has done.
type highlighter struct {
	lexers map[string]chroma.Lexer // by the names and aliases that people write, in lower case
	mu     sync.Mutex
	kept   map[codeBlock]string
	order  []codeBlock // of what is kept, the oldest first
	size   int         // of what is kept, in bytes
}

type codeBlock struct{ language, code string }

func newHighlighter() *highlighter {
	h := &highlighter{lexers: map[string]chroma.Lexer{}, kept: map[codeBlock]string{}}
	for _, name := range highlightedLanguages {
		lexer := lexers.Get(name)
		h.lexers[name] = lexer
		for _, alias := range append(lexer.Config().Aliases, lexer.Config().Name) {
			h.lexers[strings.ToLower(alias)] = lexer
		}
	}
	return h
}

// html is the code as HTML, coloured if its language is known and it does not take too long.
func (h *highlighter) html(language, code string) string {
	lexer := h.lexers[strings.ToLower(language)]
	if lexer == nil || len(code) > highlightBytes {
		return html.EscapeString(code)
	}
	block := codeBlock{lexer.Config().Name, code}
	h.mu.Lock()
	out, found := h.kept[block]
	h.mu.Unlock()
	if !found {
		out = colour(lexer, code)
		h.keep(block, out)
	}
	return out
}

func (h *highlighter) keep(block codeBlock, out string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, found := h.kept[block]; found {
		return
	}
	h.kept[block], h.order, h.size = out, append(h.order, block), h.size+len(block.code)+len(out)
	for h.size > highlightKept {
		oldest := h.order[0]
		h.size -= len(oldest.code) + len(h.kept[oldest])
		delete(h.kept, oldest)
		h.order = h.order[1:]
	}
}

// colour makes spans of the tokens. What is not code of the language is shown without.
func colour(lexer chroma.Lexer, code string) string {
	next, err := lexer.Tokenise(&chroma.TokeniseOptions{State: "root"}, code) // by default, it would end lines its own way
	if err != nil {
		return html.EscapeString(code)
	}
	var out, all strings.Builder
	class, end := "", time.Now().Add(highlightTime)
	for token := next(); token != chroma.EOF; token = next() {
		if time.Now().After(end) {
			return html.EscapeString(code)
		}
		all.WriteString(token.Value)
		if c := tokenClass(token.Type); c != class && strings.TrimSpace(token.Value) != "" {
			if class != "" {
				out.WriteString("</span>")
			}
			if class = c; class != "" {
				out.WriteString(`<span class="` + class + `">`)
			}
		}
		out.WriteString(html.EscapeString(token.Value))
	}
	if class != "" {
		out.WriteString("</span>")
	}
	if all.String() != code { // whatever a lexer does, nothing of the message is lost
		return html.EscapeString(code)
	}
	return out.String()
}

// tokenClasses are the few kinds of token that look different; css/code.css has their colours. The first that fits counts.
var tokenClasses = []struct {
	class string
	types []chroma.TokenType
}{
	{"hl-inserted", []chroma.TokenType{chroma.GenericInserted}},
	{"hl-deleted", []chroma.TokenType{chroma.GenericDeleted}},
	{"hl-heading", []chroma.TokenType{chroma.GenericHeading, chroma.GenericSubheading}},
	{"hl-keyword", []chroma.TokenType{chroma.CommentPreproc, chroma.CommentPreprocFile, chroma.OperatorWord}},
	{"hl-type", []chroma.TokenType{chroma.KeywordType, chroma.NameClass, chroma.NameBuiltin}},
	{"hl-name", []chroma.TokenType{chroma.NameFunction, chroma.NameFunctionMagic, chroma.NameTag, chroma.NameDecorator}},
	{"hl-attribute", []chroma.TokenType{chroma.NameAttribute, chroma.NameConstant, chroma.NameVariable}},
	{"hl-comment", []chroma.TokenType{chroma.Comment}},
	{"hl-keyword", []chroma.TokenType{chroma.Keyword}},
	{"hl-string", []chroma.TokenType{chroma.LiteralString}},
	{"hl-number", []chroma.TokenType{chroma.LiteralNumber}},
}

// tokenClass is the class of a token, or of what it is a kind of; empty if it looks like all the rest.
func tokenClass(t chroma.TokenType) string {
	for _, kind := range []chroma.TokenType{t, t.SubCategory(), t.Category()} {
		for _, c := range tokenClasses {
			for _, known := range c.types {
				if kind == known {
					return c.class
				}
			}
		}
	}
	return ""
}

// RegisterFuncs tells goldmark what is rendered here.
func (h *highlighter) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindFencedCodeBlock, func(w util.BufWriter, source []byte, node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		block := node.(*ast.FencedCodeBlock)
		language, code := string(block.Language(source)), string(block.Lines().Value(source))
		_, _ = w.WriteString("<pre><code")
		if language != "" {
			_, _ = w.WriteString(` class="language-` + html.EscapeString(language) + `"`)
		}
		_, _ = w.WriteString(">" + h.html(language, code) + "</code></pre>\n")
		return ast.WalkContinue, nil
	})
}
