package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// section is a part of docs/performance.md that is written anew by each run, and its plot.
type section struct {
	name  string // between <!-- NAME --> and <!-- /NAME -->
	text  string
	chart chart // none without bars
}

// column is what a table shows of a load.
type column struct {
	title string
	value func(round) float64
}

func (r *results) sections() []section {
	sections := []section{{name: "machine", text: r.Machine + "; medians of " + r.Plan + " each, the sides in turn.\n"}}
	for _, f := range fanouts {
		sections = append(sections, r.fanoutTable(f))
	}
	return append(sections, r.memoryTable(), r.hotTable())
}

// ours says how many times a value of another side Snug's is.
func ours(snug, other float64) string { return fmt.Sprintf(" (Snug: %s times)", number(snug/other)) }

// hotTable has a row for each side of each hot channel.
func (r *results) hotTable() section {
	s := section{name: "hot", chart: chart{title: "Acknowledged messages of many writers", unit: "/s"}}
	lines := []string{
		"| each has in flight | | acknowledged messages/s | on average after, ms | the server's CPU per delivery, µs | with all that it needs, µs |",
		"|---|---|---|---|---|---|",
	}
	for _, m := range r.Loads {
		h, ok := m.Load.(hot)
		if !ok {
			continue
		}
		per := m.median(rate)
		line := fmt.Sprintf("| %d | %s | %s", h.InFlight, m.Side, number(per))
		if m.Side != "Snug" {
			line += ours(r.of(h)[0].median(rate), per)
		}
		lines = append(lines, line+fmt.Sprintf(" | %s | %s | %s |", number(h.wait(per)), number(m.median(serverCost)), number(m.median(allCost))))
		s.chart.bars = append(s.chart.bars, bar{fmt.Sprintf("%s, %d in flight", m.Side, h.InFlight), per, m.Side == "Snug"})
	}
	s.text = strings.Join(lines, "\n") + "\n"
	return s
}

// delivered is what is shown of messages to many.
var delivered = []column{
	{"the server's CPU per delivery, µs", serverCost}, {"with all that it needs, µs", allCost}, {"median, ms", middle}, {"p99, ms", worst},
}

// fanoutTable has a row for each side, and a plot of the first column.
func (r *results) fanoutTable(f fanout) section {
	s := section{name: f.Name, chart: chart{title: "Server CPU per delivery, " + f.String(), unit: "µs"}}
	head, rule := "| "+f.String(), "|---"
	for _, c := range delivered {
		head, rule = head+" | "+c.title, rule+"|---"
	}
	lines := []string{head + " |", rule + "|"}
	sides := r.of(f)
	for _, m := range sides {
		line := "| " + m.Side
		for _, c := range delivered {
			v := m.median(c.value)
			line += " | " + number(v)
			if m.Side != "Snug" && v > 0 {
				line += ours(sides[0].median(c.value), v)
			}
		}
		lines = append(lines, line+" |")
		s.chart.bars = append(s.chart.bars, bar{m.Side, m.median(delivered[0].value), m.Side == "Snug"})
	}
	s.text = strings.Join(lines, "\n") + "\n"
	return s
}

func (r *results) memoryTable() section {
	s := section{name: "memory", chart: chart{title: "Memory with 1,000 connections after the load (PSS)", unit: "MB"}}
	lines := []string{"| MB | connected: PSS | RSS | after the load: PSS | RSS |", "|---|---|---|---|---|"}
	after := r.at("after the load")
	for i, before := range r.at("connected") {
		lines = append(lines, fmt.Sprintf("| %s | %.1f | %.1f | %.1f | %.1f |", before.Side, mb(before.PSS), mb(before.RSS), mb(after[i].PSS), mb(after[i].RSS)))
		s.chart.bars = append(s.chart.bars, bar{before.Side, mb(after[i].PSS), before.Side == "Snug"})
	}
	s.text = strings.Join(lines, "\n") + "\n"
	return s
}

// write puts sections into performance.md of a folder, and their plots beside it.
func write(docs string, sections []section) error {
	path := filepath.Join(docs, "performance.md")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := string(page)
	for _, s := range sections {
		begin, end := "<!-- "+s.name+" -->\n", "<!-- /"+s.name+" -->"
		head, rest, found := strings.Cut(text, begin)
		_, tail, closed := strings.Cut(rest, end)
		if !found || !closed {
			return fmt.Errorf("%s has no place for %q", path, s.name)
		}
		text = head + begin + s.text + end + tail
		if len(s.chart.bars) > 0 {
			if err := os.WriteFile(filepath.Join(docs, "performance-"+s.name+".svg"), []byte(s.chart.svg()), 0o644); err != nil {
				return err
			}
		}
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
