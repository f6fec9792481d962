// The program bench measures Snug beside others, in one run: see docs/performance.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"snug/bench/peers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) > 1 && os.Args[1] == "peer" {
		return servePeer(ctx, os.Args[2:])
	}
	var p plan
	flag.StringVar(&p.program, "snug", "", "the program to measure, instead of one that is built from the source")
	flag.StringVar(&p.only, "only", "", "hot, paced, burst: only that")
	flag.IntVar(&p.rounds, "rounds", 3, "how often each is measured, one side after the other")
	flag.DurationVar(&p.lasting, "lasting", 5*time.Second, "how long each time")
	flag.IntVar(&p.readers, "readers", 1000, "clients that read a channel")
	flag.Parse()
	return p.run(ctx)
}

// servePeer is a peer in a process of its own.
func servePeer(ctx context.Context, args []string) error {
	server := peers.NewBroadcast()
	if len(args) == 2 && args[0] == "inserts" {
		var err error
		if server, err = peers.NewInserts(ctx, args[1]); err != nil {
			return err
		}
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	return server.Serve(listener)
}
