package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// plan is what is measured, and for how long.
type plan struct {
	program string        // snug, built
	part    part          // of the loads
	rounds  int           // of each kind, in each of which the sides take turns
	lasting time.Duration // of each side in a round
	settle  time.Duration // before memory is read
	readers int
	writers int
	nodeDir string // the folder in which Socket.IO is installed; without one it is not measured
}

// part is which of the loads are run.
type part string

const (
	allParts   part = "all"
	deliveries part = "deliveries" // and memory
	hotChannel part = "hot"
)

var parts = []part{allParts, deliveries, hotChannel}

func (p part) has(other part) bool { return p == allParts || p == other }

// Set and String make a part a flag.Value.
func (p *part) Set(text string) error {
	if !slices.Contains(parts, part(text)) {
		return fmt.Errorf("it must be one of %v", parts)
	}
	*p = part(text)
	return nil
}

func (p *part) String() string { return string(*p) }

// fanouts are the ways in which messages come to many.
var fanouts = []fanout{
	{Name: "random", Every: 25 * time.Millisecond, Burst: 1, Random: true},
	{Name: "paced", Every: 25 * time.Millisecond, Burst: 1},
	{Name: "burst", Every: time.Second, Burst: 32},
}

// inFlight is how many messages each writer of a hot channel has on the way.
var inFlight = []int{1, 4, 16}

// run measures everything. What cannot be measured here is left out, and said.
func (p plan) run(ctx context.Context) (found results, err error) {
	dir, err := os.MkdirTemp("", "snug-bench-")
	if err != nil {
		return found, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // Snug drops the rights of root
		return found, err
	}
	appliance, err := startSnug(ctx, dir, p.program)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, appliance.stop()) }()
	snug, err := appliance.side(ctx, max(p.readers, p.writers))
	if err != nil {
		return found, err
	}
	found = results{Machine: describeMachine(), Plan: fmt.Sprintf("%d rounds of %s", p.rounds, p.lasting)}
	peers := snugDialect{channel: snug.dialect.(snugDialect).channel}
	if p.part.has(deliveries) {
		if err := p.deliveries(ctx, snug, peers, &found); err != nil {
			return found, err
		}
	}
	if !p.part.has(hotChannel) {
		return found, nil
	}
	inserts, err := peer(ctx, "an insert each", peers, "inserts", appliance.databaseURL)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, inserts.stop()) }()
	inserts.rest = snug.rest
	for _, n := range inFlight {
		h := hot{Clients: p.writers, InFlight: n}
		err := p.interleave(ctx, &found, h, snug, inserts)(func(s *side) (round, error) { return h.run(s, p.lasting/4, p.lasting) })
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// deliveries measures what it costs to bring messages to many, and to have these connected.
func (p plan) deliveries(ctx context.Context, snug *side, peers snugDialect, found *results) error {
	broadcast, err := peer(ctx, "fasthttp/websocket", peers, "broadcast")
	if err != nil {
		return err
	}
	defer broadcast.stop()
	sides := []*side{snug, broadcast}
	if p.nodeDir != "" {
		node, err := socketIO(ctx, p.nodeDir)
		if err != nil {
			return err
		}
		defer node.stop()
		sides = append(sides, node)
	}
	var crowds []*crowd
	for _, s := range sides {
		c, err := gather(s, p.readers)
		if err != nil {
			return err
		}
		defer c.close()
		crowds = append(crowds, c)
	}
	if err := p.memory(found, "connected", crowds); err != nil {
		return err
	}
	for _, f := range fanouts {
		err := p.interleave(ctx, found, f, sides...)(func(s *side) (round, error) {
			return f.run(crowds[slices.Index(sides, s)], p.lasting)
		})
		if err != nil {
			return err
		}
	}
	return p.memory(found, "after the load", crowds)
}

// memory reads what each side holds once all is quiet.
func (p plan) memory(found *results, when string, crowds []*crowd) error {
	end := time.Now().Add(p.settle)
	for _, c := range crowds {
		if err := c.poll(end); err != nil {
			return err
		}
	}
	for _, c := range crowds {
		m, err := memoryOf(c.server())
		if err != nil {
			return err
		}
		fmt.Printf("%-28s %-20s RSS %5.1f MB, PSS %5.1f MB\n", when, c.name, mb(m.RSS), mb(m.PSS))
		found.Memory = append(found.Memory, held{When: when, Side: c.name, memory: m})
	}
	return nil
}

// interleave measures the sides in turn, so that what else the machine does hits all of them, and keeps the rounds.
func (p plan) interleave(ctx context.Context, found *results, load fmt.Stringer, sides ...*side) func(func(*side) (round, error)) error {
	return func(measure func(*side) (round, error)) error {
		for range p.rounds {
			for _, s := range sides {
				if err := ctx.Err(); err != nil {
					return err
				}
				r, err := measure(s)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", load, s.name, err)
				}
				fmt.Printf("%-28s %-20s %v\n", load, s.name, r)
				found.add(load, s.name, r)
			}
		}
		return nil
	}
}

func mb(bytes int64) float64 { return float64(bytes) / (1 << 20) }
