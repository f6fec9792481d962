package postgres_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"snug/store/postgres"
	"snug/store/postgres/internal/proc"
	"snug/store/postgres/postgrestest"
)

// patience bounds every wait. It is long since tests share their machine.
const patience = time.Minute

// newConfig describes an instance without data, in a folder of the test's own. As everywhere, SNUG_POSTGRES_BIN names
// another PostgreSQL than the one installed.
func newConfig(t testing.TB) postgres.Config {
	t.Helper()
	return configIn(t, postgrestest.TempDir(t))
}

func configIn(t testing.TB, root string) postgres.Config {
	t.Helper()
	for _, dir := range []string{"data", "run"} {
		makeFolder(t, filepath.Join(root, dir))
	}
	return postgres.Config{
		BinDir:     os.Getenv("SNUG_POSTGRES_BIN"),
		Dir:        filepath.Join(root, "data", "postgres"),
		FetchedDir: filepath.Join(root, "data", "postgresql"),
		SocketDir:  filepath.Join(root, "run"),
		SecretsDir: filepath.Join(root, "data", "secrets"),
	}
}

func dataDir(cfg postgres.Config) string { return filepath.Dir(cfg.Dir) }

// makeFolder and writeFile make what belongs to the user of PostgreSQL.
func makeFolder(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	makeFolder(t, filepath.Dir(path))
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	own(t, path)
}

func writeFile(t testing.TB, path, content string, mode fs.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	own(t, path)
}

func own(t testing.TB, path string) {
	t.Helper()
	uid, gid := postgrestest.User()
	if err := os.Lchown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// provisionCommand runs Provision in a process of its own, as the user of PostgreSQL.
func provisionCommand(t testing.TB, cfg postgres.Config) *exec.Cmd {
	t.Helper()
	config, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// The path of the test binary may lie in a folder that is root's alone; this link does not.
	cmd := exec.Command("/proc/self/exe")
	// The race detector would wait for a second at each exit.
	cmd.Env = append(os.Environ(), provisionVariable+"="+string(config), "GORACE=atexit_sleep_ms=0")
	cmd.Dir = "/"
	cmd.SysProcAttr = postgrestest.Attributes()
	return cmd
}

// provision returns Provision's log and its error.
func provision(t testing.TB, cfg postgres.Config) (log string, err error) {
	t.Helper()
	return run(t, provisionCommand(t, cfg))
}

func run(t testing.TB, cmd *exec.Cmd) (log string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		err = errors.New(strings.TrimSpace(stderr.String()))
	} else if err != nil {
		err = fmt.Errorf("%w: %s", err, stderr.String())
	}
	return stdout.String(), err
}

func mustProvision(t testing.TB, cfg postgres.Config) (log string) {
	t.Helper()
	log, err := provision(t, cfg)
	if err != nil {
		t.Fatalf("Provision: %v\n%s", err, log)
	}
	return log
}

// server is a provisioned cluster that runs.
type server struct {
	*postgrestest.Process
	cfg     postgres.Config
	logFile string
}

// start runs what Command says and waits until the prober is content. The server is stopped after the test.
func start(t testing.TB, cfg postgres.Config) *server {
	t.Helper()
	s := launch(t, cfg)
	prober := postgres.NewProber(cfg)
	defer prober.Close()
	waitFor(t, s, prober)
	return s
}

func launch(t testing.TB, cfg postgres.Config) *server {
	t.Helper()
	argv, err := postgres.Command(cfg)
	if err != nil {
		t.Fatalf("Command: %v", err)
	}
	logFile := filepath.Join(filepath.Dir(dataDir(cfg)), "log")
	log, err := os.Create(logFile)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	process, err := postgrestest.Start("/", log, syscall.SIGQUIT, argv...)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{Process: process, cfg: cfg, logFile: logFile}
	t.Cleanup(func() {
		s.Signal(syscall.SIGCONT)
		s.Signal(syscall.SIGQUIT)
		s.State()
	})
	return s
}

func waitFor(t testing.TB, s *server, prober *postgres.Prober) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		err := prober.Check(ctx)
		if err == nil {
			return
		}
		select {
		case <-s.Exited():
			t.Fatalf("PostgreSQL ended: %v\n%s", s.State(), s.log(t))
		case <-ctx.Done():
			t.Fatalf("PostgreSQL does not answer: %v\n%s", err, s.log(t))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (s *server) log(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// stop asks for the fast shutdown, which must be clean.
func (s *server) stop(t testing.TB) {
	t.Helper()
	s.Signal(syscall.SIGINT)
	if state := s.State(); !state.Success() {
		t.Fatalf("PostgreSQL's stop: %v\n%s", state, s.log(t))
	}
}

// connect connects as the superuser or as the application.
func connect(t testing.TB, cfg postgres.Config, urlOf func(postgres.Config) (string, error)) *pgx.Conn {
	t.Helper()
	url, err := urlOf(cfg)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func ask(t testing.TB, conn *pgx.Conn, sql string) (answer string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), sql).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return answer
}

// tree describes every file below root: its name, mode and content.
func tree(t testing.TB, root string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %v", path, info.Mode())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			line += " " + hex.EncodeToString(sum[:])
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// expectNoLeftovers fails when anything is below root that only an unfinished start needs, or a process works there.
func expectNoLeftovers(t testing.TB, root string) {
	t.Helper()
	for _, line := range tree(t, root) {
		path, _, _ := strings.Cut(line, " ")
		name := filepath.Base(path)
		if name == "postgres.initialising" || name == ".fetching" || strings.HasSuffix(name, ".new") {
			t.Errorf("left behind: %s", path)
		}
	}
	found, err := proc.Using(root)
	if err != nil {
		t.Fatal(err)
	}
	found = slices.DeleteFunc(found, func(p proc.Process) bool { return p.Exe != "postgres" && p.Exe != "initdb" })
	if len(found) > 0 {
		t.Errorf("still running: %v", found)
	}
}
