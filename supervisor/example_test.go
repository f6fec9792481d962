package supervisor_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"snug/supervisor"
)

// A shop: its schema is made once, then its web server runs on a port that is never closed, and a worker beside it that
// nobody misses for a while.
func Example() {
	folder, err := os.MkdirTemp("", "shop")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	port, err := supervisor.HoldPort(listener.(*net.TCPListener))
	if err != nil {
		fmt.Println(err)
		return
	}
	shop, err := supervisor.New(supervisor.Config{
		Logger: slog.New(slog.DiscardHandler),
		Services: []supervisor.Service{
			{
				Name:     "schema",
				Kind:     supervisor.Task,
				Required: true,
				Command:  shell("touch " + filepath.Join(folder, "schema")),
			},
			{
				Name:     "web",
				After:    []string{"schema"},
				Required: true,
				Command:  shell("touch " + filepath.Join(folder, "web") + "; exec sleep 60"), // a real one would accept on descriptor 3
				Ready:    exists(filepath.Join(folder, "web")),
				Live:     exists(filepath.Join(folder, "web")),
				Probing:  supervisor.Probing{LiveInterval: time.Second},
				Overlap:  true,
				Port:     port,
			},
			{
				Name:    "worker",
				After:   []string{"schema"},
				Command: shell("exec sleep 60"),
				Ready:   exists(filepath.Join(folder, "schema")),
				Restart: supervisor.Restart{Policy: supervisor.RestartOnFailure},
			},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	closed := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "back in a moment", http.StatusServiceUnavailable)
	})
	serving := make(chan error, 1)
	go func() { serving <- port.Serve(ctx, closed) }()
	ended := make(chan error, 1)
	go func() { ended <- shop.Run(ctx) }()

	for snapshot := range shop.Watch(ctx) {
		if snapshot.Condition == supervisor.ConditionHealthy {
			break
		}
	}
	for _, service := range shop.Snapshot().Services {
		fmt.Println(service.Name, "is", service.State)
	}
	fmt.Println("restart:", shop.Do(ctx, supervisor.ActionRestart, "web"))
	stop()
	fmt.Println("end:", <-ended, <-serving)
	// Output:
	// schema is done
	// web is ready
	// worker is ready
	// restart: <nil>
	// end: <nil> <nil>
}

func shell(script string) func() (supervisor.Command, error) {
	return func() (supervisor.Command, error) {
		return supervisor.Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: os.Environ()}, nil
	}
}

func exists(path string) supervisor.Check {
	return supervisor.FuncCheck(func(context.Context) error {
		_, err := os.Stat(path)
		return err
	})
}
