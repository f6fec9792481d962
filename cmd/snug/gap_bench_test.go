package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"snug/store/postgres"
	"snug/supervisor"
)

// fault is a kind of thing that happens to the appliance while a client posts.
type fault struct {
	name string
	// service is the one that must have been restarted for the fault to be over; none for an end of a process that
	// PostgreSQL sees to itself.
	service string
	// goal is what the longest gap should stay below.
	goal   time.Duration
	inject func(*victims)
}

// probed is what a liveness probe allows a service that hangs: a failure at each interval, and the time that one takes.
var probed = time.Duration(supervisor.DefaultProbing.FailureThreshold)*supervisor.DefaultProbing.LiveInterval + supervisor.DefaultProbing.Timeout

var faults = []fault{
	{"nothing", "", 0, func(*victims) {}},
	{"chat killed", "chat", 250 * time.Millisecond, func(v *victims) { v.signal(syscall.SIGKILL, v.main("chat")) }},
	{"checkpointer killed", "", 300 * time.Millisecond, func(v *victims) { v.signal(syscall.SIGKILL, v.titled("checkpointer")) }},
	{"walwriter killed", "", 300 * time.Millisecond, func(v *victims) { v.signal(syscall.SIGKILL, v.titled("walwriter")) }},
	{"backend killed", "", 300 * time.Millisecond, func(v *victims) { v.signal(syscall.SIGKILL, v.titled("[local]")) }},
	{"any of PostgreSQL killed", "", 300 * time.Millisecond, func(v *victims) { v.signal(syscall.SIGKILL, v.titled("")) }},
	{"backend killed, another stopped", "", 300 * time.Millisecond, func(v *victims) {
		stopped := v.session("")
		v.signal(syscall.SIGSTOP, stopped)
		v.signal(syscall.SIGKILL, v.titled("[local]", stopped))
	}},
	{"postmaster killed", "postgres", 500 * time.Millisecond, func(v *victims) { v.signal(syscall.SIGKILL, v.main("postgres")) }},
	{"postmaster killed, a backend computes", "postgres", 500 * time.Millisecond, func(v *victims) {
		v.session("DO $$ BEGIN LOOP END LOOP; END $$")
		v.signal(syscall.SIGKILL, v.main("postgres"))
	}},
	{"postmaster killed, a backend stopped", "postgres", 500 * time.Millisecond, func(v *victims) {
		v.signal(syscall.SIGSTOP, v.session(""))
		v.signal(syscall.SIGKILL, v.main("postgres"))
	}},
	{"cache killed", "cache", 0, func(v *victims) { v.signal(syscall.SIGKILL, v.main("cache")) }},
	{"chat stopped", "chat", probed + 500*time.Millisecond, func(v *victims) { v.signal(syscall.SIGSTOP, v.main("chat")) }},
	{"cache stopped", "cache", probed + 500*time.Millisecond, func(v *victims) { v.signal(syscall.SIGSTOP, v.main("cache")) }},
	{"postmaster stopped", "postgres", probed + 500*time.Millisecond, func(v *victims) { v.signal(syscall.SIGSTOP, v.main("postgres")) }},
	{"all of PostgreSQL stopped", "postgres", probed + 500*time.Millisecond, func(v *victims) {
		postmaster := v.main("postgres")
		v.signal(syscall.SIGSTOP, append(childrenOf(postmaster), postmaster)...)
	}},
	{"chat restarted by plan", "chat", 250 * time.Millisecond, func(v *victims) {
		if err := v.r.control().Do(context.Background(), supervisor.ActionRestart, "chat"); err != nil {
			v.r.t.Errorf("restart chat: %v", err)
		}
	}},
}

// victims are the processes of an appliance.
type victims struct {
	r *running
	// sessions are connections to the database that a fault has opened, and the queries that run in them.
	sessions []*pgx.Conn
	queries  sync.WaitGroup
}

func (v *victims) main(service string) int {
	v.r.t.Helper()
	pid := v.r.service(service).Pid
	if pid == 0 {
		v.r.t.Fatalf("%s does not run", service)
	}
	return pid
}

// titled is one of PostgreSQL's processes whose title holds a text, taken at random.
func (v *victims) titled(text string, except ...int) int {
	v.r.t.Helper()
	pids := slices.DeleteFunc(childrenOf(v.main("postgres")), func(pid int) bool {
		return !strings.Contains(titleOf(pid), text) || slices.Contains(except, pid)
	})
	if len(pids) == 0 {
		v.r.t.Fatalf("PostgreSQL has no process %q", text)
	}
	return pids[rand.IntN(len(pids))]
}

func (v *victims) signal(sig syscall.Signal, pids ...int) {
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && len(pids) == 1 {
			v.r.t.Errorf("signal %d: %v", pid, err)
		}
	}
}

// session opens a connection to the database, and returns the pid of its backend. A query is left running in it.
func (v *victims) session(query string) int {
	v.r.t.Helper()
	run := filepath.Join(filepath.Dir(v.r.data), "run")
	url, err := postgres.URL(postgresConfig(Settings{}, v.r.data, run, slog.New(slog.DiscardHandler)))
	if err != nil {
		v.r.t.Fatal(err)
	}
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		v.r.t.Fatalf("connect to the database: %v", err)
	}
	v.sessions = append(v.sessions, conn)
	pid := int(conn.PgConn().PID())
	if query != "" {
		v.queries.Go(func() { _, _ = conn.Exec(context.Background(), query) }) // ends with the backend
		v.r.within(5*time.Second, func() error {
			if title := titleOf(pid); !strings.HasSuffix(title, " DO") {
				return fmt.Errorf("backend %d is %q", pid, title)
			}
			return nil
		})
	}
	return pid
}

// closeSessions is for when the fault is over, and their backends with it.
func (v *victims) closeSessions() {
	for _, conn := range v.sessions {
		_ = conn.PgConn().Conn().Close()
	}
	v.queries.Wait()
	v.sessions = nil
}

// BenchmarkGap is the time from a client's first send of a message to its acknowledgement, while things happen to the
// appliance: of each happening the longest. SNUG_BENCH_KILLS says how many of each kind there are, and -bench Gap/NAME
// picks kinds by a part of their name. Times are not asserted; that nothing acknowledged is lost,
// doubled or out of order is.
func BenchmarkGap(b *testing.B) {
	kills := amount(b, "SNUG_BENCH_KILLS", 20)
	r := startBuilt(b, buildSnug(b, released("bench")...), dataIn(b))
	p := newPoster(r.setUp())
	ctx, stop := context.WithCancel(b.Context())
	var posting sync.WaitGroup
	posting.Go(func() { p.run(ctx) })
	defer posting.Wait()
	defer stop()
	lines := []string{fmt.Sprintf("%-38s %4s %8s %8s %8s %8s  %s", "longest gap from send to ack, ms", "n", "median", "p99", "max", "goal", "load before, the slowest one")}
	checked := int64(0)
	for _, f := range faults {
		b.Run(f.name, func(b *testing.B) {
			r.t = b
			m := &measured{fault: f, load: load()}
			for range kills {
				m.add(f.happen(p))
			}
			checked = p.checkStored(checked)
			m.gaps.report(b, "gap")
			b.ReportMetric(0, "ns/op")
			lines = append(lines, m.line())
		})
	}
	r.t = b
	fmt.Printf("\n%s\n%d sockets ended with a goodbye, %d without; load %s\n\n", strings.Join(lines, "\n"), p.polite, p.abrupt, load())
}

// measured are all happenings of one kind.
type measured struct {
	fault   fault
	load    string
	gaps    durations
	slowest string
}

func (m *measured) add(gap time.Duration, story string) {
	if gap > m.gaps.quantile(1) {
		m.slowest = story
	}
	m.gaps = append(m.gaps, gap)
}

func (m *measured) line() string {
	first, _, _ := strings.Cut(m.load, " ")
	return fmt.Sprintf("%-38s %4d %8.1f %8.1f %8.1f %8.0f  %s: %s", m.fault.name, len(m.gaps), milliseconds(m.gaps.quantile(0.5)),
		milliseconds(m.gaps.quantile(0.99)), milliseconds(m.gaps.quantile(1)), milliseconds(m.fault.goal), first, m.slowest)
}

// happen lets a fault happen at a random moment of health, and returns the longest gap until the next may, and where
// the time went.
func (f fault) happen(p *poster) (time.Duration, string) {
	r := p.member.r
	v := &victims{r: r}
	r.healthy()
	time.Sleep(1200*time.Millisecond + rand.N(500*time.Millisecond)) // as long as it takes to be restarted at once again
	r.healthy()
	starts := 0
	if f.service != "" {
		starts = r.service(f.service).Restarts
	}
	events := r.eventsAfter(0)
	last := int64(0)
	if n := len(events); n > 0 {
		last = events[n-1].Seq
	}
	begun := time.Now()
	f.inject(v)
	r.within(60*time.Second, func() error {
		if f.service != "" && r.service(f.service).Restarts == starts {
			return fmt.Errorf("%s was not restarted", f.service)
		}
		health, err := r.health()
		if err == nil && health.Status != supervisor.ConditionHealthy {
			err = errors.New(describeHealth(health))
		}
		if err == nil && !p.sentAfter(begun.Add(100*time.Millisecond)) {
			err = errors.New("the client gets nothing acknowledged")
		}
		return err
	})
	v.closeSessions()
	longest := posted{}
	for _, sent := range p.since(begun) {
		if sent.took() > longest.took() {
			longest = sent
		}
	}
	return longest.took(), story(begun, longest, r.eventsAfter(last), p.notesSince(begun))
}

// story is what happened when, in milliseconds after the fault.
func story(begun time.Time, gap posted, events []supervisor.Event, notes []posterNote) string {
	type step struct {
		at   time.Time
		text string
	}
	var steps []step
	for _, e := range events {
		if e.At.Before(gap.done.Add(time.Second)) {
			steps = append(steps, step{e.At, e.Service + " " + string(e.To)})
		}
	}
	before := ""
	for _, n := range notes {
		if n.at.Before(gap.done) && n.text != before { // of what is told again and again the first is enough
			steps = append(steps, step{n.at, "client " + n.text})
		}
		before = n.text
	}
	steps = append(steps, step{gap.first, "SENT"}, step{gap.done, "ACKED"})
	slices.SortStableFunc(steps, func(a, b step) int { return a.at.Compare(b.at) })
	var text []string
	for _, s := range steps {
		text = append(text, fmt.Sprintf("%.0f %s", milliseconds(s.at.Sub(begun)), s.text))
	}
	return strings.Join(text, ", ")
}
