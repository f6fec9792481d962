package chat_test

import (
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"snug/chat/chattest"
)

// failing is a listener whose Accept fails now and then, as it does without file descriptors.
type failing struct {
	*net.TCPListener
	left atomic.Int32
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return f.TCPListener.Accept()
}

func TestAcceptErrorsDoNotEndTheServer(t *testing.T) {
	l := &failing{TCPListener: chattest.Listen(t).(*net.TCPListener)}
	l.left.Store(5)
	s := chattest.Start(t, chattest.Options{Listener: l})
	call(t, "GET", s.URL+"/api/setup", nil).want(http.StatusOK)
	l.left.Store(3)
	for range 3 {
		call(t, "GET", s.URL+"/api/setup", nil).want(http.StatusOK)
	}
}

// One server takes over from another on the same socket, and whoever connects meanwhile is answered.
func TestASharedSocketOutlivesTheServer(t *testing.T) {
	url, cache := chattest.Database(t), chattest.StartCache(t)
	l := chattest.Listen(t)
	s := chattest.Start(t, chattest.Options{Listener: l, DatabaseURL: url, Cache: cache})

	stop, address := make(chan struct{}), s.URL
	var asked atomic.Int32
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				call(t, "GET", address+"/api/setup", nil).want(http.StatusOK)
				asked.Add(1)
			}
		})
	}
	for range 5 {
		next := chattest.Start(t, chattest.Options{Listener: l, DatabaseURL: url, Cache: cache})
		if err := s.Stop(); err != nil {
			t.Errorf("end of the old server: %v", err)
		}
		s = next
	}
	// And with none in between, requests wait.
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	before := asked.Load()
	chattest.Start(t, chattest.Options{Listener: l, DatabaseURL: url, Cache: cache})
	for deadline := time.Now().Add(waitLimit); asked.Load() < before+10; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody is answered after the takeover")
		}
	}
	close(stop)
	wait.Wait()
}
