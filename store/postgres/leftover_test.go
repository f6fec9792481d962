package postgres_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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

// TestServerOfAKilledFirstStartIsEnded leaves a postmaster running in the folder of an unfinished start.
func TestServerOfAKilledFirstStartIsEnded(t *testing.T) {
	other := newConfig(t)
	mustProvision(t, other)
	argv, err := postgres.Command(other)
	if err != nil {
		t.Fatal(err)
	}
	cfg := newConfig(t)
	work := cfg.Dir + ".initialising"
	makeFolder(t, work)
	cluster := filepath.Join(work, "cluster")
	if err := os.Rename(other.Dir, cluster); err != nil {
		t.Fatal(err)
	}
	for i, arg := range argv {
		switch arg {
		case other.Dir:
			argv[i] = cluster
		case "config_file=" + filepath.Join(other.Dir, "snug.conf"):
			argv[i] = "config_file=" + filepath.Join(cluster, "snug.conf")
		}
	}
	log, err := os.Create(filepath.Join(cfg.SocketDir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	orphan, err := postgrestest.Start("/", log, syscall.SIGQUIT, argv...)
	if err != nil {
		t.Fatal(err)
	}
	defer orphan.Signal(syscall.SIGKILL)
	prober := postgres.NewProber(other)
	defer prober.Close()
	waitFor(t, &server{Process: orphan, cfg: other, logFile: log.Name()}, prober)

	// A person who looks on is not to be thrown out.
	onlooker := exec.Command("sleep", "600")
	onlooker.Dir, onlooker.SysProcAttr = cluster, postgrestest.Attributes()
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
