package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"snug/store/postgres"
	"snug/supervisor"
)

// onSmallDisk starts an appliance whose data is on a disk in memory of 200 MB.
func onSmallDisk(t *testing.T) (*running, *member) {
	t.Helper()
	data := dataIn(t)
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=200m"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) })
	r := start(t, data)
	r.healthy()
	return r, r.setUp()
}

// fillDisk takes all but that many megabytes. What it returns gives them back.
func (r *running) fillDisk(leave int64) (makeRoom func()) {
	r.t.Helper()
	path := filepath.Join(r.data, "filler")
	file, err := os.Create(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer file.Close()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(r.data, &stat); err != nil {
		r.t.Fatal(err)
	}
	if amount := int64(stat.Bavail)*stat.Bsize - leave<<20; amount > 0 {
		if err := syscall.Fallocate(int(file.Fd()), 0, 0, amount); err != nil {
			r.t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			r.t.Fatal(err)
		}
	}
}

// names wants the health to be bad, and to name the cause, within a limit.
func (r *running) names(limit time.Duration, cause string) {
	r.t.Helper()
	begun := time.Now()
	r.within(limit, func() error {
		health, err := r.health()
		if err != nil {
			return err
		}
		status, _ := supervisor.Snapshot{Services: health.Services}.Find("postgres")
		if health.Status != supervisor.ConditionUnhealthy || !strings.Contains(status.Check.Error, cause) {
			return fmt.Errorf("the health does not name %q: %s", cause, describeHealth(health))
		}
		return nil
	})
	r.t.Logf("the health names %q after %v", cause, time.Since(begun).Round(time.Millisecond))
}

// backWithin wants a send to be stored and the health to be good, within a limit.
func (m *member) backWithin(limit time.Duration) {
	m.r.t.Helper()
	begun := time.Now()
	m.post("with room again")
	m.r.t.Logf("sends are stored after %v", time.Since(begun).Round(time.Millisecond))
	m.r.healthy()
	if took := time.Since(begun); took > limit {
		m.r.t.Errorf("back after %v, want %v at most", took, limit)
	} else {
		m.r.t.Logf("healthy after %v", took.Round(time.Millisecond))
	}
}

func (m *member) sendOnce(body string) error {
	var message acked
	err := m.r.call("POST", "/api/channels/"+m.channel+"/messages", m.token,
		map[string]string{"client_id": uuid.Must(uuid.NewV7()).String(), "body": body}, &message)
	if err == nil {
		m.acked = append(m.acked, message)
	}
	return err
}

// TestDiskNearlyFull: sends are refused with the reason before PostgreSQL fails, which is not even restarted.
func TestDiskNearlyFull(t *testing.T) {
	r, m := onSmallDisk(t)
	m.post("before")
	pid := r.pid("postgres")
	makeRoom := r.fillDisk(5)
	r.names(time.Second, "is full: ")
	if err := m.sendOnce("refused"); err == nil || !strings.Contains(err.Error(), "503") || !strings.Contains(err.Error(), "disk of this server is full") {
		t.Errorf("a send on a full disk: %v", err)
	}
	if err := r.call("GET", "/api/channels/"+m.channel+"/messages?after=0", m.token, nil, new(any)); err != nil {
		t.Errorf("what is stored cannot be read: %v", err)
	}
	makeRoom()
	m.backWithin(5 * time.Second)
	if now := r.pid("postgres"); now != pid {
		t.Errorf("PostgreSQL was restarted: pid %d, before %d", now, pid)
	}
	m.checkStored()
	r.stop()
}

// TestDiskFullAndPostgreSQLPanics: PostgreSQL cannot even recover, and the reserve lets it.
func TestDiskFullAndPostgreSQLPanics(t *testing.T) {
	r, m := onSmallDisk(t)
	m.post("before")
	makeRoom := r.fillDisk(0)
	r.exhaustWAL()
	r.names(10*time.Second, "is full: ")
	r.within(20*time.Second, func() error {
		if info, err := os.Stat(filepath.Join(r.data, postgres.ReserveName)); err != nil || info.Size() > 0 {
			return fmt.Errorf("the reserve was not given up: %v", err)
		}
		return r.call("GET", "/api/channels/"+m.channel+"/messages?after=0", m.token, nil, new(any))
	})
	if err := m.sendOnce("refused"); err == nil {
		t.Error("a send was stored in the space that is left for recovery")
	}
	makeRoom()
	m.backWithin(5 * time.Second)
	r.within(5*time.Second, func() error {
		info, err := os.Stat(filepath.Join(r.data, postgres.ReserveName))
		if err == nil && info.Size() == 0 {
			err = errors.New("the reserve was not made again")
		}
		return err
	})
	m.checkStored()
	r.stop()
}

// exhaustWAL has PostgreSQL need new segments of its log of changes until it has panicked.
func (r *running) exhaustWAL() {
	r.t.Helper()
	settings := Settings{Data: folder(r.data), Run: folder(filepath.Join(filepath.Dir(r.data), "run"))}
	url, err := postgres.SuperuserURL(postgresConfig(settings, r.data, string(settings.Run), nil))
	if err != nil {
		r.t.Fatal(err)
	}
	r.within(20*time.Second, func() error {
		conn, err := pgx.Connect(r.t.Context(), url)
		if err != nil {
			return nil // it has panicked
		}
		defer conn.Close(context.Background())
		for err == nil {
			_, err = conn.Exec(r.t.Context(), "SELECT pg_logical_emit_message(true, '', ''), pg_switch_wal()")
		}
		return fmt.Errorf("PostgreSQL may live: %w", err)
	})
}
