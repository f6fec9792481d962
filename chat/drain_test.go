package chat_test

import (
	"bytes"
	"fmt"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store/postgres/postgrestest"
)

// goroutines returns the stacks, among those of all goroutines, that have the package's code or its libraries' in them.
func goroutines() []string {
	var all bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&all, 2)
	var ours []string
	for stack := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(stack, "snug/chat.") || strings.Contains(stack, "fasthttp.(*") {
			// fasthttp's clock for the Date header is started once, for good, and the cleaner of its workers ends when it
			// looks next, after 10 s.
			known := strings.Contains(stack, "updateServerDate") || strings.Contains(stack, "(*workerPool).Start.func2")
			if !known && !strings.Contains(stack, "testing.") {
				ours = append(ours, stack)
			}
		}
	}
	return ours
}

func TestDrainSaysGoodbyeAndLeavesNothingBehind(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	general := ada.general()
	var sockets []*socket
	for _, u := range ada.crowd(30) {
		socket, _ := u.open(nil)
		sockets = append(sockets, socket)
	}
	silent := ada.dial() // has not said hello
	var wait sync.WaitGroup
	for _, socket := range append(sockets, silent) {
		wait.Go(func() {
			for said := false; ; {
				f, err := socket.read()
				switch {
				case err == nil && f.Type == "goodbye":
					said = f.Reason != "" && f.RetryAfter > 0
				case err != nil && (!said || !strings.Contains(err.Error(), "1012")):
					t.Errorf("after goodbye (%t): %v", said, err)
					return
				case err != nil:
					return
				}
			}
		})
	}
	ada.send(general, "last words")
	begin := time.Now()
	if err := s.Stop(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the drain took %v", took)
	}
	wait.Wait()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(10 * time.Millisecond) {
		left := goroutines()
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines are left, of which one is\n%s", len(left), left[0])
		}
	}
}

// What a client has sent before the goodbye is stored and acknowledged before the socket closes, or else neither.
func TestDrainAnswersWhatWasSent(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Drain: time.Minute})})
	ada := setUp(t, s)
	general := ada.general()
	var acked atomic.Int64
	var wait sync.WaitGroup
	for _, socket := range ada.openCrowd(8) {
		sendOn(t, &wait, socket, general, &acked)
	}
	for deadline := time.Now().Add(waitLimit); acked.Load() < 200; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d are acknowledged", acked.Load())
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	wait.Wait()
	if stored := len(messagesOf(t, s.DatabaseURL, general)); int64(stored) != acked.Load() {
		t.Errorf("%d are stored, %d acknowledged", stored, acked.Load())
	}
}

// sendOn sends messages until the socket ends, a few ahead of the acknowledgements, which it counts.
func sendOn(t *testing.T, wait *sync.WaitGroup, socket *socket, channel uuid.UUID, acked *atomic.Int64) {
	window := make(chan struct{}, 5)
	gone := make(chan struct{})
	wait.Go(func() {
		for {
			select {
			case window <- struct{}{}:
			case <-gone:
				return
			}
			if err := socket.ws.WriteJSON(sendFrame(channel, "x")); err != nil {
				return
			}
		}
	})
	wait.Go(func() {
		defer close(gone)
		for {
			f, err := socket.read()
			switch {
			case err != nil:
				return
			case f.Type == "ack":
				acked.Add(1)
				<-window
			case f.Type == "error":
				t.Errorf("got %+v", f)
			}
		}
	})
}

// A server whose database hangs and whose clients do not read ends all the same, in time.
func TestDrainEndsWhateverHangs(t *testing.T) {
	cluster := postgrestest.Cluster(t)
	chattest.Migrate(t, cluster.URL())
	s := chattest.Start(t, chattest.Options{DatabaseURL: cluster.URL(),
		New: chat.With(chat.Tuning{Drain: time.Second})})
	ada := setUp(t, s)
	general := ada.general()
	deaf, _ := ada.open(nil)
	hang := append(children(t, cluster.Pid()), cluster.Pid())
	signalAll(t, hang, syscall.SIGSTOP)
	defer signalAll(t, hang, syscall.SIGCONT)
	for range 10 {
		deaf.send(sendFrame(general, "x"))
	}
	begin := time.Now()
	if err := s.Stop(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("the drain took %v", took)
	}
}

func TestASendWithoutADatabaseIsAnsweredSoon(t *testing.T) {
	cluster := postgrestest.Cluster(t)
	chattest.Migrate(t, cluster.URL())
	s := chattest.Start(t, chattest.Options{DatabaseURL: cluster.URL()})
	ada := setUp(t, s)
	general := ada.general()
	adas, _ := ada.open(nil)
	adas.next("resumed")
	late := ada.dial()
	cluster.Kill(syscall.SIGQUIT)
	for deadline := time.Now().Add(waitLimit); s.Store.Ping(t.Context()) == nil; {
		if time.Now().After(deadline) {
			t.Fatal("PostgreSQL does not end")
		}
	}
	frame := sendFrame(general, "patience")
	adas.send(frame)
	adas.alive() // meanwhile
	if f := adas.next("error", "ack"); f.Type != "error" || f.Code != "unavailable" || f.RetryAfter < 1 || f.ClientID != frame["client_id"] {
		t.Errorf("got %+v", f)
	}
	ada.call("GET", "/api/channels", nil).refused(503, "unavailable")
	ada.call("POST", fmt.Sprintf("/api/channels/%s/messages", general), object{"client_id": uuid.New(), "body": "x"}).
		refused(503, "unavailable")
	if _, response, err := ada.tryDial(); err == nil || response.StatusCode != 503 {
		t.Errorf("a new socket: %v %v", response, err)
	}
	late.send(object{"type": "hello"})
	if f := late.next("error", "welcome"); f.Code != "unavailable" || f.RetryAfter < 1 {
		t.Errorf("a socket that says hello now: %+v", f)
	}
	if code := late.closed(); code != 1013 {
		t.Errorf("a socket that has said hello now was closed with %d", code)
	}
	call(t, "GET", s.URL+"/", nil).want(200)
	cluster.Restart(t)
	adas.send(frame)
	got := map[string]int{}
	for range 2 { // in either order
		f := adas.next("ack", "message", "error")
		got[f.Type]++
		if m := f.message(t); m.Seq != 1 {
			t.Errorf("then %s is of %+v", f.Type, m)
		}
	}
	if got["ack"] != 1 || got["message"] != 1 {
		t.Errorf("then came %v", got)
	}
}
