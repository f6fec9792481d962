package postgres_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"snug/store/postgres"
	"snug/store/postgres/internal/proc"
	"snug/store/postgres/postgrestest"
)

// endPrograms kills PostgreSQL's programs, and Provision's process, that work below root.
func endPrograms(t testing.TB, root string) {
	t.Helper()
	ours := []string{"initdb", "pg_ctl", "pg_checksums", "postgres", "sh", "dash", "bash", "provision"}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := proc.EndAll(ctx, root, func(exe string) bool { return slices.Contains(ours, exe) }, syscall.SIGKILL, patience)
	if err != nil {
		t.Fatal(err)
	}
}

// orphanIn leaves a postmaster running in the folder of an unfinished start of cfg, as a killed one does.
func orphanIn(t *testing.T, cfg postgres.Config) *server {
	t.Helper()
	other := newConfig(t)
	mustProvision(t, other)
	argv, err := postgres.Command(other)
	if err != nil {
		t.Fatal(err)
	}
	makeFolder(t, cfg.Dir+".initialising")
	cluster := filepath.Join(cfg.Dir+".initialising", "cluster")
	if err := os.Rename(other.Dir, cluster); err != nil {
		t.Fatal(err)
	}
	for i, arg := range argv {
		argv[i] = strings.Replace(arg, other.Dir, cluster, 1)
	}
	log, err := os.Create(filepath.Join(cfg.SocketDir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	process, err := postgrestest.Start("/", log, syscall.SIGQUIT, argv...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { process.Signal(syscall.SIGKILL) })
	orphan := &server{Process: process, cfg: other, logFile: log.Name()}
	prober := postgres.NewProber(other)
	defer prober.Close()
	waitFor(t, orphan, prober)
	return orphan
}

func TestServerOfAKilledFirstStartIsEnded(t *testing.T) {
	cfg := newConfig(t)
	orphan := orphanIn(t, cfg)

	// A person who looks on is not to be thrown out.
	onlooker := exec.Command("sleep", "600")
	onlooker.Dir, onlooker.SysProcAttr = cfg.Dir+".initialising", postgrestest.Attributes()
	if err := onlooker.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := onlooker.Process.Kill(); err != nil {
			t.Errorf("the onlooker was ended: %v", err)
		}
		_ = onlooker.Wait()
	}()

	mustProvision(t, cfg)
	select {
	case <-orphan.Exited():
	default:
		t.Error("the orphan still runs")
	}
	start(t, cfg).stop(t)
}
