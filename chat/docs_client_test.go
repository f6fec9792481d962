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

	"snug/chat"
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

// goClient and smallClient are how the clients of the documentation are started.
func goClient(t *testing.T) []string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "client")
	if out, err := exec.Command("go", "build", "-o", binary, "../docs/client").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return []string{binary}
}

func smallClient(t *testing.T) []string {
	t.Helper()
	const script = "../docs/client/small.mjs"
	for _, node := range [][]string{{"node"}, {"node", "--experimental-websocket"}} { // 22 and newer have it, 20 has it by this
		if exec.Command(node[0], append(node[1:], "-e", "new WebSocket('ws://127.0.0.1:9').onerror = () => {}")...).Run() == nil {
			return append(node, script)
		}
	}
	t.Skip("docs/client/small.mjs needs Node.js 20 or newer")
	return nil
}

// startDocsClient runs a client of the documentation as a user, until the test ends.
func startDocsClient(t *testing.T, command []string, u user) (printed *output, lines io.Writer) {
	t.Helper()
	cmd := exec.Command(command[0], append(command[1:], u.server.URL, u.Username)...)
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

// The clients of the documentation talk over restarts of the server, also when much was said meanwhile, and miss and double
// nothing.
func TestClientsOfTheDocumentation(t *testing.T) {
	for name, command := range map[string]func(*testing.T) []string{"main.go": goClient, "small.mjs": smallClient} {
		t.Run(name, func(t *testing.T) { talkOverRestarts(t, command(t)) })
	}
}

func talkOverRestarts(t *testing.T, command []string) {
	t.Helper()
	o := chattest.Options{DatabaseURL: chattest.Database(t), Cache: chattest.StartCache(t)}
	port := chattest.Listen(t)
	o.Listener = chattest.Share(t, port)
	server := chattest.Start(t, o)
	ada := setUp(t, server)
	general := ada.general()
	printed, lines := startDocsClient(t, command, ada.invite("bob"))
	waitUntil(t, printed, func() bool { // it is there, and hears
		ada.send(general, "hello")
		return strings.Contains(printed.String(), "ada: hello\n")
	})
	seq, want := int(ada.lastSeq()), ""
	say := func(who, body string) {
		seq++
		want += fmt.Sprintf("%d %s: %s\n", seq, who, body)
	}
	for n := 1; n <= 20; n++ {
		body := fmt.Sprint("line ", n)
		if n%2 == 0 {
			ada.send(general, body)
			say("ada", body)
		} else {
			_, _ = fmt.Fprintln(lines, body)
			say("bob", body)
		}
		waitUntil(t, printed, func() bool { return ada.lastSeq() == int64(seq) })
		if n%10 != 0 {
			continue
		}
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
		if n == 10 { // more than is sent to who comes back
			many := chat.ReplayLimit + 50
			_, err := connect(t, o.DatabaseURL).Exec(t.Context(), `
				WITH moved AS (UPDATE channels SET last_seq = last_seq + $2, last_rev = last_rev + $2 WHERE id = $1 RETURNING last_seq - $2 AS seq, last_rev - $2 AS rev)
				INSERT INTO messages (id, channel_id, seq, author_id, client_id, body, created_at, created_rev, rev)
				SELECT gen_random_uuid(), $1, seq + n, $3, gen_random_uuid(), 'many', now(), rev + n, rev + n FROM moved, generate_series(1, $2) n`, general, many, ada.ID)
			if err != nil {
				t.Fatal(err)
			}
			for range many {
				say("ada", "many")
			}
		}
		o.Listener = chattest.Share(t, port)
		server = chattest.Start(t, o)
		ada.server = server
	}
	waitUntil(t, printed, func() bool {
		var heard strings.Builder
		for line := range strings.Lines(printed.String()) {
			if !strings.HasPrefix(line, "connection lost") && !strings.HasSuffix(line, ": hello\n") {
				heard.WriteString(line)
			}
		}
		return heard.String() == want
	})
}

// waitUntil waits for something that a client has printed is to show.
func waitUntil(t *testing.T, printed *output, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(waitLimit); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the client printed\n%s", printed)
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
