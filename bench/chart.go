package main

import (
	"fmt"
	"html"
	"strings"
)

// chart is bars, one below the other, as an SVG that is read in light and in dark.
type chart struct {
	title, unit string
	bars        []bar
}

type bar struct {
	name  string
	value float64
	ours  bool
}

// The measures of a chart, in its own units.
const (
	chartWidth, barLeft, barRight = 720, 210, 600
	barHeight, barStep, barsTop   = 22, 34, 46
)

const chartStyle = `
<style>
  text { font: 14px system-ui, sans-serif; fill: #3b3732; }
  .title { font-weight: 600; font-size: 15px; }
  .value { font-variant-numeric: tabular-nums; }
  .ours { fill: #c2633a; } .other { fill: #b5ada3; }
  @media (prefers-color-scheme: dark) { text { fill: #e4ddd4; } .ours { fill: #e0875c; } .other { fill: #6d665e; } }
</style>
`

func (c chart) svg() string {
	most := 0.0
	for _, b := range c.bars {
		most = max(most, b.value)
	}
	height := barsTop + barStep*len(c.bars)
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`, chartWidth, height, html.EscapeString(c.describe()))
	s.WriteString(chartStyle)
	fmt.Fprintf(&s, "<text class=\"title\" x=\"0\" y=\"22\">%s</text>\n", html.EscapeString(c.title))
	for i, b := range c.bars {
		y, class := barsTop+i*barStep, "other"
		if b.ours {
			class = "ours"
		}
		width := b.value / max(most, 1e-9) * (barRight - barLeft)
		fmt.Fprintf(&s, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", barLeft-10, y+16, html.EscapeString(b.name))
		fmt.Fprintf(&s, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"3\"/>\n", class, barLeft, y, max(1, width), barHeight)
		fmt.Fprintf(&s, "<text class=\"value\" x=\"%.1f\" y=\"%d\">%s %s</text>\n", barLeft+width+8, y+16, number(b.value), html.EscapeString(c.unit))
	}
	s.WriteString("</svg>\n")
	return s.String()
}

// describe is the chart in words.
func (c chart) describe() string {
	var parts []string
	for _, b := range c.bars {
		parts = append(parts, fmt.Sprintf("%s %s %s", b.name, number(b.value), c.unit))
	}
	return c.title + ": " + strings.Join(parts, ", ")
}

// number is a value with as many digits as mean something.
func number(v float64) string {
	switch {
	case v >= 1000:
		whole := fmt.Sprintf("%.0f", v)
		return whole[:len(whole)-3] + "," + whole[len(whole)-3:]
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
