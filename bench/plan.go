package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

type plan struct {
	program string
	only    string
	rounds  int
	lasting time.Duration
	readers int
}

func (p plan) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "snug-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	appliance, err := startSnug(ctx, dir, p.program)
	if err != nil {
		return err
	}
	snug, err := appliance.side(ctx, p.readers)
	if err != nil {
		return err
	}
	defer snug.stop()
	plainDialect := snugDialect{channel: snug.dialect.(snugDialect).channel}
	inserts, err := peer(ctx, "insert each", plainDialect, "inserts", appliance.databaseURL)
	if err != nil {
		return err
	}
	defer inserts.stop()
	if p.only == "" || p.only == "hot" {
		for _, h := range []hot{{256, 1}, {8, 32}} {
			for range p.rounds {
				for _, s := range []*side{snug, inserts} {
					r, err := h.run(s, time.Second, p.lasting)
					if err != nil {
						return err
					}
					fmt.Printf("hot %v %-12s %v\n", h, s.name, r)
				}
			}
		}
	}
	if p.only == "hot" {
		return nil
	}
	broadcast, err := peer(ctx, "broadcast", plainDialect, "broadcast")
	if err != nil {
		return err
	}
	defer broadcast.stop()
	node, err := socketIO(ctx, filepath.Join(dir, "socketio"))
	if err != nil {
		return err
	}
	defer node.stop()
	var crowds []*crowd
	sides := []*side{snug, broadcast, node}
	if os.Getenv("SOLO") != "" {
		sides = sides[:1]
	}
	for _, s := range sides {
		before, err := memoryOf(s.server())
		if err != nil {
			return err
		}
		c, err := gather(s, p.readers)
		if err != nil {
			return err
		}
		defer c.close()
		crowds = append(crowds, c)
		time.Sleep(time.Second)
		after, err := memoryOf(s.server())
		if err != nil {
			return err
		}
		fmt.Printf("%-12s RSS %d → %d kB, PSS %d → %d kB\n", s.name, before.RSS>>10, after.RSS>>10, before.PSS>>10, after.PSS>>10)
	}
	for i, f := range []fanout{{25 * time.Millisecond, 1}, {time.Second, 32}} {
		if p.only != "" && p.only != []string{"paced", "burst"}[i] {
			continue
		}
		for range p.rounds {
			for _, c := range crowds {
				r, err := f.run(c, p.lasting)
				if err != nil {
					return err
				}
				fmt.Printf("fanout %v %-12s %v\n", f, c.name, r)
			}
		}
	}
	for _, c := range crowds {
		m, err := memoryOf(c.server())
		if err != nil {
			return err
		}
		fmt.Printf("%-12s RSS %d, PSS %d kB in the end\n", c.name, m.RSS>>10, m.PSS>>10)
	}
	return nil
}
