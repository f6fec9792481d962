// Package markup is what message bodies are written in: the dialect of Markdown, and the names in it.
//
// The dialect is GitHub's (https://github.github.com/gfm/) with three differences: line breaks are kept, since chat is
// written in lines; HTML is shown as the text it is; there are no task lists: nobody could tick them.
package markup

import (
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// Dialect parses the dialect, in which "@name" is a [Mention], "#name" a [Channel], and ":name:" an emoji. The options say how it is rendered.
func Dialect(options ...goldmark.Option) goldmark.Markdown {
	return goldmark.New(append([]goldmark.Option{
		goldmark.WithParser(withoutHTML()),
		goldmark.WithExtensions(
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
			extension.Strikethrough,
			extension.Linkify,
		),
		goldmark.WithParserOptions(parser.WithInlineParsers(util.Prioritized(mentionParser{}, 150), util.Prioritized(namedParser{}, 900))),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(mentionParser{}, 100), util.Prioritized(namedParser{}, 100))),
	}, options...)...)
}

// withoutHTML is goldmark's default parser without those for HTML.
func withoutHTML() parser.Parser {
	unwanted := map[any]bool{parser.NewHTMLBlockParser(): true, parser.NewRawHTMLParser(): true}
	without := func(all []util.PrioritizedValue) []util.PrioritizedValue {
		var rest []util.PrioritizedValue
		for _, p := range all {
			if !unwanted[p.Value] {
				rest = append(rest, p)
			}
		}
		return rest
	}
	return parser.NewParser(
		parser.WithBlockParsers(without(parser.DefaultBlockParsers())...),
		parser.WithInlineParsers(without(parser.DefaultInlineParsers())...),
		parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
	)
}

// reader is for who only reads. It is made once: that costs more than a short message.
var reader = sync.OnceValue(func() goldmark.Markdown { return Dialect() })
