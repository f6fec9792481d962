package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"snug/store/postgres"
)

// said counts what was acknowledged, and what is stored.
type said struct {
	cfg   postgres.Config
	acked int
}

// say stores one more row, of that many random bytes. It returns the database's error.
func (s *said) say(t *testing.T, conn *pgx.Conn, size int) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err := conn.Exec(ctx, `INSERT INTO said
		SELECT (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, $1 / 32))`, size)
	if err == nil {
		s.acked++
	}
	return err
}

func (s *said) expectAllStored(t *testing.T) {
	t.Helper()
	var stored int
	if err := connect(t, s.cfg, postgres.SuperuserURL).QueryRow(t.Context(), "SELECT count(*) FROM said").Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if stored < s.acked { // one that was not acknowledged may be stored nevertheless
		t.Errorf("%d rows were acknowledged, and %d are stored", s.acked, stored)
	}
}

// onSmallDisk starts a cluster with a reserve, and with room for a table.
func onSmallDisk(t *testing.T) (*server, *pgx.Conn, *said, *postgres.Prober) {
	t.Helper()
	cfg, _ := smallDisk(t, 250)
	mustProvision(t, cfg)
	postgres.NewDisk(cfg).Prepare()
	expectReserve(t, cfg, 48)
	prober := postgres.NewProber(cfg)
	t.Cleanup(prober.Close)
	s := watched(t, cfg, prober)
	conn := connect(t, cfg, postgres.SuperuserURL)
	execute(t, conn, "CREATE TABLE said (body text)")
	messages := &said{cfg: cfg}
	if err := messages.say(t, conn, 64); err != nil {
		t.Fatal(err)
	}
	return s, conn, messages, prober
}

// TestDataDiskFull: PostgreSQL refuses to store, and goes on when there is room.
func TestDataDiskFull(t *testing.T) {
	s, conn, messages, prober := onSmallDisk(t)
	makeRoom := fill(t, dataDir(s.cfg), 0)
	expectFull(t, postgres.NewDisk(s.cfg), "is full")
	err := messages.say(t, conn, 7<<10)
	for range 500 {
		if err != nil {
			break
		}
		err = messages.say(t, conn, 7<<10)
	}
	if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "53100" { // disk_full
		t.Fatalf("a full disk ends in %v", err)
	}
	makeRoom()
	expectFull(t, postgres.NewDisk(s.cfg))
	waitFor(t, s, prober)
	if err := messages.say(t, conn, 64); err != nil {
		t.Errorf("with room again: %v", err)
	}
	messages.expectAllStored(t)
	s.stop(t)
}

// TestDiskOfChangesFull: PostgreSQL panics and ends, and cannot start again but for the reserve.
func TestDiskOfChangesFull(t *testing.T) {
	s, conn, messages, prober := onSmallDisk(t)
	makeRoom := fill(t, dataDir(s.cfg), 0)
	err := messages.say(t, conn, 64)
	for range 10 { // until the segments are used up
		if err != nil {
			break
		}
		if _, err = conn.Exec(t.Context(), "SELECT pg_switch_wal()"); err == nil {
			err = messages.say(t, conn, 64)
		}
	}
	if err == nil {
		t.Fatal("PostgreSQL needs no room for its log of changes")
	}
	select {
	case <-s.Exited():
	case <-time.After(patience):
		t.Fatalf("PostgreSQL still runs:\n%s", s.log(t))
	}
	if cause := prober.Crashes.Cause(); !strings.Contains(cause, "No space left on device") {
		t.Errorf("the cause of the crash is %q:\n%s", cause, s.log(t))
	}
	if again := launch(t, s.cfg); again.State().Success() {
		t.Fatalf("PostgreSQL starts on a full disk:\n%s", again.log(t))
	}

	disk := postgres.NewDisk(s.cfg)
	disk.Prepare()
	expectReserve(t, s.cfg, 0)
	begun := time.Now()
	s = start(t, s.cfg)
	t.Logf("back after %v", time.Since(begun))
	messages.expectAllStored(t)
	expectFull(t, disk, "is full")
	makeRoom()
	disk.Replenish()
	expectReserve(t, s.cfg, 48)
	expectFull(t, disk)
	if err := messages.say(t, connect(t, s.cfg, postgres.SuperuserURL), 64); err != nil {
		t.Errorf("with room again: %v", err)
	}
	messages.expectAllStored(t)
	s.stop(t)
}
