package chat_test

import (
	"bytes"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"snug/chat"
	"snug/chat/chattest"
)

// Whether there is room in files or not, many readers of long messages get all of them, in order and as they are; also those
// that the kernel takes in parts.
func TestManyReadersGetLongMessagesWithFilesAndWithout(t *testing.T) {
	for what, full := range map[string]bool{"with files": false, "without": true} {
		t.Run(what, func(t *testing.T) {
			var server *chat.Server
			s := chattest.Start(t, chattest.Options{
				Listener: smallBuffers{chattest.Listen(t).(*net.TCPListener)},
				New: func(cfg chat.Config) (*chat.Server, error) {
					var err error
					server, err = chat.New(cfg)
					return server, err
				},
			})
			if full {
				server.FillFrameFiles()
			}
			before := server.FrameFileBytes()
			manyReadLongMessages(t, s)
			if after := server.FrameFileBytes(); full && after != before {
				t.Errorf("%d bytes are in files, and there was no room", after)
			}
		})
	}
}

func manyReadLongMessages(t *testing.T, s *chattest.Server) {
	t.Helper()
	const readers, count = 20, 8
	ada := setUp(t, s)
	general := ada.general()
	sockets := ada.openCrowd(readers)
	bodyOf := func(i int) string { return fmt.Sprint(i, strings.Repeat("'", 9_000)) } // five times as long in HTML
	all := make([][][]byte, readers)                                                  // of each reader the messages as they came
	var wait sync.WaitGroup
	for i, reader := range sockets {
		wait.Go(func() {
			for len(all[i]) < count {
				f, err := reader.read()
				if err != nil {
					t.Errorf("after %d messages: %v", len(all[i]), err)
					return
				}
				if f.Type == "message" {
					all[i] = append(all[i], f.Message)
				}
			}
		})
	}
	for i := range count {
		ada.send(general, bodyOf(i))
	}
	wait.Wait()
	for _, got := range all {
		for i, message := range got {
			if m := (frame{Message: message}).message(t); m.Seq != int64(i+1) || m.Body != bodyOf(i) {
				t.Fatalf("at place %d comes message %d of %d characters", i, m.Seq, len(m.Body))
			}
			if !bytes.Equal(message, all[0][i]) {
				t.Fatalf("message %d is not the same for all", i+1)
			}
		}
	}
}
