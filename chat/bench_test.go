package chat_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat/chattest"
	"snug/store"
)

// crowd makes n more users, without the cost of a password for each.
func (u user) crowd(n int) []user {
	u.t.Helper()
	var invite store.Invite
	u.call("POST", "/api/invites", map[string]any{}).want(201).into(&invite)
	users := make([]user, n)
	for i := range users {
		member, err := u.server.Store.Register(u.t.Context(), store.RegisterParams{
			InviteCode: invite.Code, Username: fmt.Sprintf("user%d", i), PasswordHash: "none",
		})
		if err != nil {
			u.t.Fatal(err)
		}
		token := strings.Repeat("x", 32) + uuid.NewString()
		hash := sha256.Sum256([]byte(token))
		_, err = u.server.Store.CreateSession(u.t.Context(), store.SessionParams{
			UserID: member.ID, TokenHash: hash[:], ExpiresAt: time.Now().Add(time.Hour),
		})
		if err != nil {
			u.t.Fatal(err)
		}
		users[i] = user{t: u.t, server: u.server, token: token, User: member}
	}
	return users
}

// openCrowd opens a socket for each of so many members, which has nothing more to catch up with.
func (u user) openCrowd(n int) []*socket {
	u.t.Helper()
	var sockets []*socket
	for _, member := range u.crowd(n) {
		socket, _ := member.open(nil)
		socket.next("resumed")
		sockets = append(sockets, socket)
	}
	return sockets
}

// BenchmarkSend has many writers on one channel, each of which sends its next message when the last is acknowledged, and
// reads all that the others write.
func BenchmarkSend(b *testing.B) {
	for _, writers := range []int{16, 256} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchmarkSend(b, writers) })
	}
}

func benchmarkSend(b *testing.B, writers int) {
	s := chattest.Start(b, chattest.Options{})
	ada := setUp(b, s)
	general := ada.general()
	sockets := ada.openCrowd(writers)
	for _, socket := range sockets {
		if err := socket.ws.SetReadDeadline(time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ReportAllocs()
	b.ResetTimer()
	var wait sync.WaitGroup
	for _, socket := range sockets {
		wait.Go(func() {
			for left.Add(-1) >= 0 {
				if err := socket.sendAndAwaitAck(general); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acks/s")
}

func (s *socket) sendAndAwaitAck(channel uuid.UUID) error {
	frame := fmt.Appendf(nil, `{"type":"send","client_id":"%s","channel_id":"%s","body":"A message of the usual length, as people write them."}`,
		uuid.New(), channel)
	if err := s.ws.WriteMessage(1, frame); err != nil {
		return err
	}
	head := make([]byte, len(`{"type":"ack"`))
	for {
		_, r, err := s.ws.NextReader()
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(r, head); err != nil {
			return err
		}
		if bytes.Equal(head, []byte(`{"type":"ack"`)) {
			return nil
		}
		if bytes.Equal(head, []byte(`{"type":"error"`)[:len(head)]) {
			return fmt.Errorf("error instead of ack")
		}
	}
}
