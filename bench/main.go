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
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "peer" {
		return servePeer(ctx, args[1:])
	}
	// When nobody reads the figures any more, what is measured must be stopped. (In a peer, each client that is gone is a SIGPIPE.)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGPIPE)
	defer stop()
	p := plan{part: allParts}
	alone := len(args) > 1 && args[0] == "alone"
	if alone {
		p.nodeDir, args = args[1], args[2:]
	}
	flag.StringVar(&p.program, "snug", "bin/snug", "the program to measure")
	flag.IntVar(&p.rounds, "rounds", 3, "how often each is measured, the sides in turn")
	flag.DurationVar(&p.lasting, "lasting", 8*time.Second, "how long each time")
	flag.DurationVar(&p.settle, "settle", 8*time.Second, "how long nothing happens before memory is read")
	flag.IntVar(&p.readers, "readers", 1000, "clients that read a channel")
	flag.IntVar(&p.writers, "writers", 256, "clients that write in a channel as fast as they are answered")
	flag.Var(&p.part, "part", fmt.Sprintf("what to measure, one of %v", parts))
	docs := flag.String("docs", "", "a folder with performance.md, to write the tables and plots to")
	million := flag.String("million", "", "a file with what the store's benchmarks of a million messages print: only write it to the docs")
	_ = flag.CommandLine.Parse(args) // ends the program when it fails
	if *million != "" {
		return writeMillion(*docs, *million)
	}
	if *docs != "" && p.part != allParts {
		return fmt.Errorf("-part=%s: the documentation shows all parts, leave out -docs", p.part)
	}
	if !alone {
		return p.runAlone(ctx, args)
	}
	found, err := p.run(ctx)
	if err != nil {
		return err
	}
	for _, s := range found.sections() {
		if s.name == "machine" || len(s.chart.bars) > 0 {
			fmt.Println("\n" + s.text)
		}
	}
	if *docs == "" {
		return nil
	}
	return write(*docs, found.sections())
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
