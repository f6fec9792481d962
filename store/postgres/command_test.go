package postgres_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"snug/store/postgres"
	"snug/store/postgres/postgrestest"
)

func TestCommandNeedsACluster(t *testing.T) {
	if argv, err := postgres.Command(newConfig(t)); err == nil || !strings.Contains(err.Error(), "no database cluster") {
		t.Errorf("Command without a cluster: %q %v", argv, err)
	}
}

// TestFoldersWithOddNames starts from paths that need quoting in settings and URLs.
func TestFoldersWithOddNames(t *testing.T) {
	root := filepath.Join(postgrestest.TempDir(t), `a  'b' %2F?&=é (x) #;`)
	makeFolder(t, root)
	cfg := configIn(t, root)
	mustProvision(t, cfg)
	s := start(t, cfg)
	connect(t, cfg, postgres.URL)
	s.stop(t)
}

// stranger is a living process that has nothing to do with PostgreSQL.
func stranger(t *testing.T) int {
	t.Helper()
	sleep := exec.Command("sleep", "600")
	sleep.SysProcAttr = postgrestest.Attributes()
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sleep.Process.Kill()
		_ = sleep.Wait()
	})
	return sleep.Process.Pid
}

// crash kills the whole server, so that its lock files stay, and returns their paths.
func crash(t *testing.T, s *server) (locks []string) {
	t.Helper()
	s.Signal(syscall.SIGSTOP) // so that it cannot restart what is killed
	endPrograms(t, s.cfg.Dir)
	s.State()
	return locksOf(s.cfg)
}

// locksOf returns the paths of the lock files: of the cluster, and of the socket.
func locksOf(cfg postgres.Config) []string {
	return []string{filepath.Join(cfg.Dir, "postmaster.pid"), filepath.Join(cfg.SocketDir, ".s.PGSQL.5432.lock")}
}

// reusePid makes the lock files say that the server had another process id.
func reusePid(t *testing.T, locks []string, pid int) {
	t.Helper()
	for _, lock := range locks {
		text, err := os.ReadFile(lock)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "\n")
		writeFile(t, lock, fmt.Sprintf("%d\n%s", pid, rest), 0o600)
	}
}

func TestLocksWhosePidIsSomeoneElsesDoNotPreventTheStart(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	locks := crash(t, start(t, cfg))
	reusePid(t, locks, stranger(t))
	start(t, cfg).stop(t)
}

// PostgreSQL may be killed between making a lock file and writing it.
func TestEmptyLocksDoNotPreventTheStart(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	for _, text := range []string{"", "what is this?\n"} {
		for _, lock := range crash(t, start(t, cfg)) {
			writeFile(t, lock, text, 0o600)
		}
	}
	start(t, cfg).stop(t)
}

func TestLocksOfTheDeadAreLeftToPostgreSQL(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	locks := crash(t, start(t, cfg))
	before := tree(t, locks[0])
	if _, err := postgres.Command(cfg); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, locks[0]); after[0] != before[0] {
		t.Error("the lock file was changed")
	}
	start(t, cfg)
}

func TestLocksOfARunningServerStay(t *testing.T) {
	cfg := newConfig(t)
	mustProvision(t, cfg)
	first := start(t, cfg)
	// Even when the postmaster is gone, its children may live: then nobody may start.
	locks := locksOf(cfg)
	reusePid(t, locks[:1], stranger(t))
	second := launch(t, cfg)
	if state := second.State(); state.Success() || !strings.Contains(second.log(t), "already exists") {
		t.Errorf("a second PostgreSQL on the same cluster: %v\n%s", state, second.log(t))
	}
	reusePid(t, locks[:1], first.Pid())
	writeFile(t, locks[1], "", 0o600)
	if _, err := postgres.Command(cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(locks[1]); err != nil {
		t.Errorf("of a server that runs: %v", err)
	}
	first.stop(t)
}
