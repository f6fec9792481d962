package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// millionLine is a line that `go test -bench Million ./store` prints, with its name and figures.
var millionLine = regexp.MustCompile(`(?m)^BenchmarkMillion/(\S+?)(?:-\d+)?\s+\d+\s+(.*)$`)

// millionTable is the table of what these benchmarks print.
func millionTable(output string) (section, error) {
	s := section{name: "million"}
	lines := []string{"| read | half take at most, ms | 99 of 100, ms |", "|---|---|---|"}
	for _, match := range millionLine.FindAllStringSubmatch(output, -1) {
		figures := map[string]string{}
		for fields := strings.Fields(match[2]); len(fields) >= 2; fields = fields[2:] {
			figures[fields[1]] = fields[0]
		}
		if figures["p99-ms"] == "" {
			return s, fmt.Errorf("no p99-ms in %q", match[0])
		}
		lines = append(lines, fmt.Sprintf("| %s | %s | %s |", strings.ReplaceAll(match[1], "_", " "), figures["p50-ms"], figures["p99-ms"]))
	}
	if len(lines) == 2 {
		return s, fmt.Errorf("there is no line of BenchmarkMillion")
	}
	s.text = strings.Join(lines, "\n") + "\n"
	return s, nil
}

// writeMillion puts the table into the docs.
func writeMillion(docs, file string) error {
	output, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	s, err := millionTable(string(output))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if docs == "" {
		fmt.Print(s.text)
		return nil
	}
	return write(docs, []section{s})
}
