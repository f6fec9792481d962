package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"
)

// results are what one run has found.
type results struct {
	Machine, Plan string
	Loads         []measured
	Memory        []held
}

// measured is all rounds of one load on one side.
type measured struct {
	Load   fmt.Stringer // a fanout or a hot
	Side   string
	Rounds []round
}

// held is the memory of one side.
type held struct {
	When, Side string
	memory
}

func (r *results) add(load fmt.Stringer, side string, one round) {
	i := slices.IndexFunc(r.Loads, func(m measured) bool { return m.Load == load && m.Side == side })
	if i < 0 {
		r.Loads, i = append(r.Loads, measured{Load: load, Side: side}), len(r.Loads)
	}
	r.Loads[i].Rounds = append(r.Loads[i].Rounds, one)
}

// of returns the sides of a load, Snug first.
func (r *results) of(load fmt.Stringer) (sides []measured) {
	for _, m := range r.Loads {
		if m.Load == load {
			sides = append(sides, m)
		}
	}
	return sides
}

// at returns what the sides held at a moment.
func (r *results) at(when string) (sides []held) {
	for _, h := range r.Memory {
		if h.When == when {
			sides = append(sides, h)
		}
	}
	return sides
}

// median is the median of the rounds.
func (m measured) median(of func(round) float64) float64 {
	var values []float64
	for _, r := range m.Rounds {
		values = append(values, of(r))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// What tables and plots show of a round.
func rate(r round) float64       { return float64(r.Messages) / r.Seconds }
func serverCost(r round) float64 { return us(r.Server) / float64(max(1, r.Deliveries)) }
func allCost(r round) float64    { return us(r.Everything) / float64(max(1, r.Deliveries)) }
func middle(r round) float64     { return ms(r.Median) }
func worst(r round) float64      { return ms(r.P99) }

func (h hot) String() string {
	return fmt.Sprintf("%d sockets, %d in flight", h.Clients, h.InFlight)
}

// wait is how long an acknowledgement takes on average, in milliseconds, by Little's law: as many are waited for as are in
// flight, all the time.
func (h hot) wait(rate float64) float64 { return 1000 * float64(h.Clients*h.InFlight) / rate }

func (f fanout) String() string {
	if f.Random {
		return fmt.Sprintf("at random, %s on average", f.Every)
	}
	if f.Burst == 1 {
		return fmt.Sprintf("a message every %s", f.Every)
	}
	return fmt.Sprintf("%d at once every %s", f.Burst, f.Every)
}

// describeMachine says on what was measured.
func describeMachine() string {
	parts := []string{fmt.Sprintf("%d cores", runtime.NumCPU())}
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		version, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
		parts = append(parts, "Linux "+version)
	}
	if control, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control"); err == nil {
		parts = append(parts, "TCP "+strings.TrimSpace(string(control)))
	}
	parts = append(parts, strings.Replace(runtime.Version(), "go", "Go ", 1))
	if node, err := exec.Command("node", "--version").Output(); err == nil {
		parts = append(parts, "Node "+strings.TrimSpace(strings.TrimPrefix(string(node), "v")))
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		parts = append(parts, "load before "+strings.Fields(string(load))[0])
	}
	return strings.Join(parts, ", ") + ", " + time.Now().UTC().Format(time.DateOnly)
}
