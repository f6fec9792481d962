// The program bench measures Snug beside others, in one run: see docs/performance.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"slices"
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
	flag.StringVar(&p.program, "snug", "bin/snug", "the program to measure")
	flag.IntVar(&p.rounds, "rounds", 3, "how often each is measured, the sides in turn")
	flag.DurationVar(&p.lasting, "lasting", 8*time.Second, "how long each time")
	flag.DurationVar(&p.settle, "settle", 8*time.Second, "how long nothing happens before memory is read")
	flag.IntVar(&p.readers, "readers", 1000, "clients that read a channel")
	flag.IntVar(&p.writers, "writers", 256, "messages in flight in a channel in which many write")
	flag.StringVar((*string)(&p.part), "part", string(allParts), "what to measure: all, deliveries or hot")
	docs := flag.String("docs", "", "a folder with performance.md, to write the tables and plots to")
	million := flag.String("million", "", "a file with what the store's benchmarks of a million messages print: only write it to the docs")
	flag.Parse()
	if *million != "" {
		return writeMillion(*docs, *million)
	}
	if !slices.Contains([]part{allParts, deliveries, hotChannel}, p.part) {
		return fmt.Errorf("-part=%s: it must be all, deliveries or hot", p.part)
	}
	if *docs != "" && p.part != allParts {
		return fmt.Errorf("-part=%s: the documentation shows all parts, leave out -docs", p.part)
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
