package postgres_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"snug/store/postgres"
)

func TestProberWhileAllConnectionsAreTaken(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	start(t, cfg)
	url, err := postgres.URL(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			if !strings.Contains(err.Error(), "reserved") {
				t.Fatal(err)
			}
			break
		}
		defer conn.Close(context.Background())
	}
	prober := postgres.NewProber(cfg)
	defer prober.Close()
	for range 3 {
		if err := prober.Check(t.Context()); err != nil {
			t.Errorf("Check: %v", err)
		}
	}
}

func TestProberTellsOfNow(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	prober := postgres.NewProber(cfg)
	defer prober.Close()
	if err := prober.Check(t.Context()); err == nil {
		t.Error("Check is content without a server")
	}
	s := start(t, cfg)
	if err := prober.Check(t.Context()); err != nil {
		t.Fatalf("Check: %v", err)
	}
	if got := ask(t, connect(t, cfg, postgres.SuperuserURL),
		"SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE query = 'SELECT 1'"); got != "1" {
		t.Fatalf("%s connections of the prober, want 1", got)
	}
	if err := prober.Check(t.Context()); err != nil {
		t.Errorf("Check after its connection was ended: %v", err)
	}
	s.stop(t)
	if err := prober.Check(t.Context()); err == nil {
		t.Error("Check is content with a stopped server")
	}
	waitFor(t, launch(t, cfg), prober)
}

// TestProberNoticesAPostmasterThatHangs: the connections that exist go on, but no new one is made.
func TestProberNoticesAPostmasterThatHangs(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	s := start(t, cfg)
	prober := postgres.NewProber(cfg)
	defer prober.Close()
	if err := prober.Check(t.Context()); err != nil {
		t.Fatalf("Check: %v", err)
	}
	s.Signal(syscall.SIGSTOP)
	if err := prober.Check(t.Context()); err != nil {
		t.Errorf("Check by its kept connection: %v", err)
	}
	prober.SetKnocks(0)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := prober.Check(ctx); err == nil || !strings.Contains(err.Error(), "makes no new connections") {
			t.Errorf("Check of a postmaster that hangs: %v", err)
		}
	}
	s.Signal(syscall.SIGCONT)
	if err := prober.Check(t.Context()); err != nil {
		t.Errorf("Check of one that goes on: %v", err)
	}
}
