package chat_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"snug/chat/chattest"
	"snug/store"
)

// output is what a program has printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// startDocsClient runs the client of the documentation as a user, until the test ends.
func startDocsClient(t *testing.T, u user) (printed *output, lines io.Writer) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "client")
	if out, err := exec.Command("go", "build", "-o", binary, "../docs/client").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(binary, u.server.URL, u.Username)
	cmd.Env = append(os.Environ(), "SNUG_PASSWORD="+password)
	printed = &output{}
	cmd.Stdout, cmd.Stderr = printed, printed
	lines, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the client printed:\n%s", printed)
		}
	})
	return printed, lines
}

// The client of the documentation talks over restarts of the server, and misses and doubles nothing.
func TestClientOfTheDocumentation(t *testing.T) {
	o := chattest.Options{DatabaseURL: chattest.Database(t), Cache: chattest.StartCache(t)}
	port := chattest.Listen(t)
	o.Listener = chattest.Share(t, port)
	server := chattest.Start(t, o)
	ada := setUp(t, server)
	bob := ada.invite("bob")
	printed, lines := startDocsClient(t, bob)
	want := ""
	for seq := 1; seq <= 30; seq++ {
		body := fmt.Sprint("line ", seq)
		if seq%2 == 0 {
			ada.send(ada.general(), body)
			want += fmt.Sprintf("%d ada: %s\n", seq, body)
		} else {
			_, _ = fmt.Fprintln(lines, body)
			want += fmt.Sprintf("%d bob: %s\n", seq, body)
		}
		for deadline := time.Now().Add(waitLimit); ada.lastSeq() < int64(seq); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("message %d is not there; the client printed:\n%s", seq, printed)
			}
		}
		if seq%10 == 0 {
			if err := server.Stop(); err != nil {
				t.Fatal(err)
			}
			o.Listener = chattest.Share(t, port)
			server = chattest.Start(t, o)
			ada.server = server
		}
	}
	told := func() string {
		all := ""
		for line := range strings.Lines(printed.String()) {
			if !strings.HasPrefix(line, "connection lost") {
				all += line
			}
		}
		return all
	}
	for deadline := time.Now().Add(waitLimit); told() != want; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("want\n%s", want)
		}
	}
}

// lastSeq is how far #general has come.
func (u user) lastSeq() int64 {
	u.t.Helper()
	var general store.Membership
	u.call("GET", "/api/channels/"+u.general().String(), nil).want(200).into(&general)
	return general.LastSeq
}
