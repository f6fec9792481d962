package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"snug/store/postgres/postgrestest"
)

// fault is something done to PostgreSQL while messages are stored. It returns when the server is up again or about to be.
type fault struct {
	do      func(t *testing.T, cluster *postgrestest.Server, s *storm)
	timeout time.Duration // of the sends; 0 for the default
}

var faults = map[string]fault{
	"SIGKILL of a writer's backend": {do: func(t *testing.T, _ *postgrestest.Server, s *storm) {
		_ = syscall.Kill(backend(t, s, writing), syscall.SIGKILL)
	}},
	"SIGKILL of any backend": {do: func(t *testing.T, _ *postgrestest.Server, s *storm) {
		_ = syscall.Kill(backend(t, s, "true"), syscall.SIGKILL)
	}},
	"SIGKILL of the postmaster": {do: func(t *testing.T, cluster *postgrestest.Server, _ *storm) {
		cluster.Kill(syscall.SIGKILL)
		cluster.Restart(t)
	}},
	"fast shutdown": {do: func(t *testing.T, cluster *postgrestest.Server, _ *storm) {
		cluster.Kill(syscall.SIGINT)
		cluster.Restart(t)
	}},
	"end of all sessions": {do: func(t *testing.T, _ *postgrestest.Server, s *storm) {
		_, _ = s.in.pool.Exec(t.Context(), `
			SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()`)
	}},
	// Its sends time out, are sent anew, and the stopped backend then finishes what it was at.
	"SIGSTOP of a writer's backend": {timeout: 200 * time.Millisecond, do: func(t *testing.T, _ *postgrestest.Server, s *storm) {
		pid, refused, done := backend(t, s, writing), s.refused.Load(), s.done.Load()
		_ = syscall.Kill(pid, syscall.SIGSTOP)
		defer syscall.Kill(pid, syscall.SIGCONT)
		eventually(t, func() error { // it holds the locks, or it does not
			if s.refused.Load() == refused && s.done.Load() < done+200 {
				return fmt.Errorf("sends are neither stored nor refused")
			}
			return nil
		})
	}},
}

// backend returns the process id of a random one of the sessions.
func backend(t *testing.T, s *storm, which string) (pid int) {
	t.Helper()
	eventually(t, func() error {
		return s.in.pool.QueryRow(t.Context(), `
			SELECT pid FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND `+which+` ORDER BY random() LIMIT 1`).Scan(&pid)
	})
	return pid
}

const writing = "state = 'active' AND query LIKE '%WITH input AS%'"

// TestFaults breaks PostgreSQL again and again under a storm of senders who, like a client, send again what was not
// answered. Nothing acknowledged may be lost, doubled or reordered, and every message is told of once.
func TestFaults(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := postgrestest.Cluster(t)
			migrate(t, cluster.URL())
			in := setUp(t, open(t, cluster.URL()), cluster.URL())
			channels := []uuid.UUID{in.general, in.channel(t, "second", in.owner)}
			s := newStorm(in, fault.timeout, channels, in.Store, open(t, cluster.URL()))
			s.run(t, func() {
				longest := s.underFaults(t, 4, func() { fault.do(t, cluster, s) })
				t.Logf("%d messages, the longest took %v, %d sends were answered Unavailable",
					len(s.acked), longest.Round(time.Millisecond), s.refused.Load())
			})
			s.check(t)
		})
	}
}

// underFaults sends from many goroutines until there were so many faults, and each was followed by progress, and returns how long the
// slowest message took.
func (s *storm) underFaults(t *testing.T, times int, fault func()) time.Duration {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var slowest atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			own := map[uuid.UUID]Message{} // of each channel, what is replied to
			for ctx.Err() == nil {
				begin := time.Now()
				if err := s.step(i%2, own); err != nil {
					t.Errorf("%v", err)
					return
				}
				s.done.Add(1)
				took := int64(time.Since(begin))
				for old := slowest.Load(); took > old && !slowest.CompareAndSwap(old, took); old = slowest.Load() {
				}
			}
		})
	}
	progress := func() {
		before := s.done.Load()
		eventually(t, func() error {
			if got := s.done.Load() - before; got < 200 {
				return fmt.Errorf("%d messages were stored since", got)
			}
			return nil
		})
	}
	progress()
	for range times {
		fault()
		progress()
	}
	stop()
	wg.Wait()
	return time.Duration(slowest.Load())
}

// step sends a message, now and then to a thread of the sender's own, or changes one, until that is done.
func (s *storm) step(node int, own map[uuid.UUID]Message) error {
	send := s.in.hello()
	send.ChannelID = s.channels[rand.IntN(len(s.channels))]
	parent, known := own[send.ChannelID]
	do := func() (err error) {
		var m Message
		if m, err = s.send(node, send); err == nil && send.ParentID == nil {
			own[send.ChannelID] = m
		}
		return err
	}
	switch n := rand.IntN(20); {
	case known && n < 3:
		how := waysToChange[rand.IntN(len(waysToChange)-1)] // whose threads go on
		do = func() error { return s.change(parent, how) }
	case known && n < 8:
		send.ParentID = &parent.ID
	}
	begin, err := time.Now(), do()
	for ; err != nil; err = do() {
		if CodeOf(err) == Conflict {
			return nil // the most pins
		}
		if CodeOf(err) != Unavailable || time.Since(begin) > 30*time.Second {
			return err
		}
		s.refused.Add(1)
	}
	return nil
}

// A backend that hangs does not take the sends with it: they are tried on another connection while there is time.
func TestHangingConnection(t *testing.T) {
	in := newInstance(t)
	s := newStorm(in, 0, []uuid.UUID{in.general}, in.Store)
	s.run(t, func() {
		if _, err := s.send(0, in.hello()); err != nil {
			t.Fatal(err)
		}
		pid := backend(t, s, "query LIKE '%WITH input AS%'")
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		_, err := s.send(0, in.hello())
		_ = syscall.Kill(pid, syscall.SIGCONT) // it goes on with the first try, which must change nothing
		if err != nil {
			t.Errorf("send: %v", err)
		}
		eventually(t, func() error {
			var there bool
			err := in.pool.QueryRow(t.Context(), "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $1", pid).Scan(&there)
			if err == nil && there {
				err = fmt.Errorf("the backend that hung is still there")
			}
			return err
		})
	})
	s.check(t)
}
