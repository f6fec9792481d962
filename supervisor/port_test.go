package supervisor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// get makes one request over a new connection. Only a connection that is refused is an error; one that was accepted
// by a process which then died gives an empty answer.
func get(addr string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", nil
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return string(body), nil
}

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

// TestHeldPortIsNeverClosed lets clients connect without pause while a process takes the port, dies with it and
// comes again; each one gets an answer from one of the two.
func TestHeldPortIsNeverClosed(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, err := HoldPort(listener.(*net.TCPListener))
	if err != nil {
		t.Fatal(err)
	}
	addr := port.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- port.Serve(ctx, says("front")) }()

	var front, back atomic.Int64
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				switch body, err := get(addr); {
				case err != nil:
					t.Errorf("a client was turned away: %v", err)
					return
				case body == "front":
					front.Add(1)
				case body == "back":
					back.Add(1)
				}
			}
		})
	}
	for range 20 {
		process, err := net.FileListener(port.file)
		if err != nil {
			t.Fatal(err)
		}
		taker := &http.Server{Handler: says("back")}
		var serving sync.WaitGroup
		serving.Go(func() { _ = taker.Serve(process) })
		seen := back.Load()
		port.lend(well, Process{})
		await(t, func() error { return moreThan(&back, seen, "back") })
		port.lend(well, Process{Slot: 1}) // to a successor
		seen = front.Load()
		port.takeBack()
		_ = taker.Close()
		serving.Wait()
		await(t, func() error { return moreThan(&front, seen, "front") })
	}
	close(stop)
	clients.Wait()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := get(addr); err == nil {
		t.Error("the port is still open at the end")
	}
}

// TestHangingBorrower: nobody accepts. What is only busy keeps its connections, what hangs does not.
func TestHangingBorrower(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port, err := HoldPort(listener.(*net.TCPListener))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- port.Serve(ctx, says("front")) }()
	var asked atomic.Int64
	var hangs atomic.Bool
	port.lend(func(ctx context.Context, _ Process) error {
		asked.Add(1)
		if hangs.Load() {
			<-ctx.Done()
		}
		return ctx.Err()
	}, Process{})
	answer := make(chan string, 1)
	go func() {
		body, _ := get(port.Addr().String())
		answer <- body
	}()
	await(t, func() error { return moreThan(&asked, 1, "borrower") })
	select {
	case body := <-answer:
		t.Fatalf("the connection of a busy process was taken: %q", body)
	default:
	}
	hangs.Store(true)
	begun := time.Now()
	if body := <-answer; body != "front" {
		t.Errorf("answer %q", body)
	}
	t.Logf("rescued after %s", time.Since(begun))
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func moreThan(counter *atomic.Int64, before int64, name string) error {
	if counter.Load() <= before {
		return fmt.Errorf("no answer from the %s", name)
	}
	return nil
}

func await(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}
