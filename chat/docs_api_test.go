package chat_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"snug/chat/chattest"
)

// example is a command of the documentation and what it is said to answer.
type example struct{ command, kind, answer string }

// fenced finds the blocks of code in Markdown, with what kind they are of.
var fenced = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```$")

// examples reads the commands of a page, in order. The block after a command is its answer, when it is no command.
func examples(t *testing.T, file string) (list []example) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range fenced.FindAllStringSubmatch(string(page), -1) {
		if block[1] == "sh" {
			list = append(list, example{command: block[2]})
		} else if last := len(list) - 1; last < 0 || list[last].kind != "" {
			t.Fatalf("an answer to nothing: %s", block[2])
		} else {
			list[last].kind, list[last].answer = block[1], block[2]
		}
	}
	return list
}

// shell is a bash that runs one command after the other.
type shell struct {
	t     *testing.T
	in    io.Writer
	out   *bufio.Reader
	known map[string]string // what words in capitals of the answers stand for
}

const shellMark = "that was the command"

func startShell(t *testing.T, url string) *shell {
	t.Helper()
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("the examples of docs/api.md need bash and curl: ", err)
		}
	}
	cmd := exec.Command("bash")
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "SNUG="+url)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("end of bash: %v", err)
		}
	})
	return &shell{t: t, in: in, out: bufio.NewReader(out), known: map[string]string{}}
}

// run runs a command and returns what it prints.
func (s *shell) run(command string) string {
	s.t.Helper()
	if _, err := fmt.Fprintf(s.in, "%s\necho; echo '%s'\n", command, shellMark); err != nil {
		s.t.Fatal(err)
	}
	var printed strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("%s: %v after %s", command, err, printed.String())
		}
		if line == shellMark+"\n" {
			return strings.TrimSpace(printed.String())
		}
		printed.WriteString(line)
	}
}

// capitals are words that stand for what the server made.
var capitals = regexp.MustCompile(`^[A-Z]+$`)

// match compares a value with what the documentation shows, and returns where they differ; empty where they do not.
func (s *shell) match(at string, shown, got any) string {
	s.t.Helper()
	switch shown := shown.(type) {
	case string:
		text, isText := got.(string)
		switch {
		case shown == "…":
			return ""
		case isText && capitals.MatchString(shown) && s.known[shown] == "":
			s.known[shown] = text
			s.run(shown + "='" + text + "'")
			return ""
		case isText && capitals.MatchString(shown):
			shown = s.known[shown]
		}
		if !isText || shown != text {
			return fmt.Sprintf("%s is %v, not %s", at, got, shown)
		}
	case []any:
		list, _ := got.([]any)
		if len(list) != len(shown) {
			return fmt.Sprintf("%s has %d, not %d: %v", at, len(list), len(shown), got)
		}
		for i := range shown {
			if why := s.match(fmt.Sprintf("%s[%d]", at, i), shown[i], list[i]); why != "" {
				return why
			}
		}
	case map[string]any:
		return s.matchObject(at, shown, got)
	default:
		if shown != got {
			return fmt.Sprintf("%s is %v, not %v", at, got, shown)
		}
	}
	return ""
}

// matchObject wants the fields that are shown, and no others unless "…" is one of them.
func (s *shell) matchObject(at string, shown map[string]any, got any) string {
	s.t.Helper()
	fields, ok := got.(map[string]any)
	if !ok {
		return fmt.Sprintf("%s is %v", at, got)
	}
	for name, value := range shown {
		if name == "…" {
			continue
		}
		field, ok := fields[name]
		if !ok {
			return fmt.Sprintf("%s.%s is not there", at, name)
		}
		if why := s.match(at+"."+name, value, field); why != "" {
			return why
		}
	}
	for name := range fields {
		if _, ok := shown[name]; !ok && shown["…"] == nil {
			return fmt.Sprintf("%s.%s is not shown", at, name)
		}
	}
	return ""
}

// values reads JSON values that follow one another.
func values(text string) (list []any, err error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	for decoder.More() {
		var v any
		if err := decoder.Decode(&v); err != nil {
			return nil, fmt.Errorf("%w in %s", err, text)
		}
		list = append(list, v)
	}
	return list, nil
}

// Every example of the documentation does what it says there, one after the other on a new instance.
func TestExamplesOfTheDocumentation(t *testing.T) {
	s := startShell(t, chattest.Start(t, chattest.Options{}).URL)
	for _, e := range examples(t, "../docs/api.md") {
		printed := s.run(e.command)
		if e.kind != "json" {
			if printed != strings.TrimSpace(e.answer) {
				t.Errorf("%s\nprinted %s", e.command, printed)
			}
			continue
		}
		shown, err := values(e.answer)
		if err != nil {
			t.Fatal(err)
		}
		got, err := values(printed)
		if err != nil {
			t.Fatalf("%s\n%v", e.command, err)
		}
		if why := s.match("the answer", any(shown), any(got)); why != "" {
			t.Fatalf("%s\n%s\n%s", e.command, why, printed)
		}
	}
}
