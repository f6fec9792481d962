package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"snug/store/postgres"
	"snug/store/postgres/internal/proc"
)

// startTimeout bounds the start of a cluster. It is long since tests share their machine.
const startTimeout = time.Minute

// Server is a running throwaway cluster: PostgreSQL on a unix socket of its own, with the settings of production and
// data checksums, and with the database "snug" that belongs to the unprivileged role "snug". No password is needed.
type Server struct {
	dir  string // holds data/, the socket and the log
	argv []string
	*Process
}

// Cluster starts a cluster for this test alone, to be killed and restarted at will. It is removed after the test.
func Cluster(t testing.TB) *Server {
	t.Helper()
	requireMain(t)
	server, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("last lines of PostgreSQL's log:\n%s", server.Log())
		}
		if err := server.remove(); err != nil {
			t.Errorf("stop the cluster: %v", err)
		}
	})
	return server
}

// URL is the connection URL of the database "snug", as the role "snug" that owns it.
func (s *Server) URL() string { return s.url("snug", "snug") }

// AdminURL is the connection URL of the database "postgres" as the superuser.
func (s *Server) AdminURL() string { return s.url("postgres", "postgres") }

func (s *Server) url(role, database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s", role, database, s.dir)
}

// Kill sends a signal to the postmaster alone, and does not wait. Its children end by themselves, or at Restart.
func (s *Server) Kill(sig syscall.Signal) { s.Signal(sig) }

// Restart ends what is left of the server, by SIGKILL where it still runs, starts it anew and returns when it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Kill(syscall.SIGKILL)
	if err := s.endAll(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

// Log returns the end of the server's log.
func (s *Server) Log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4096):])
}

// initialise makes the folder of a cluster that was never started.
func initialise() (string, error) {
	removeLeftovers()
	binaries, err := postgres.Locate(postgres.Config{BinDir: os.Getenv("SNUG_POSTGRES_BIN")})
	if err != nil {
		return "", err
	}
	dir, err := makeTempDir()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(filepath.Join(binaries.Dir, "initdb"), "--no-sync", "--data-checksums", "--auth=trust",
		"--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8", "--pgdata="+filepath.Join(dir, "data"))
	cmd.Dir, cmd.SysProcAttr = dir, Attributes()
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initialise a cluster: %w\n%s", err, out)
	}
	if err := os.Symlink(binaries.Dir, filepath.Join(dir, "bin")); err != nil {
		return "", err
	}
	return dir, os.WriteFile(filepath.Join(dir, "data", "snug.conf"), []byte(postgres.Settings(binaries.Major, postgres.DefaultMemory)), 0o644)
}

func newServer() (*Server, error) {
	origin, err := shared.template.get(initialise)
	if err != nil {
		return nil, err
	}
	dir, err := makeTempDir()
	if err != nil {
		return nil, err
	}
	cp := exec.Command("cp", "-a", filepath.Join(origin, "data"), filepath.Join(dir, "data"))
	if out, err := cp.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("copy a cluster: %w\n%s", err, out)
	}
	server := &Server{dir: dir, argv: []string{
		filepath.Join(origin, "bin", "postgres"), "-D", filepath.Join(dir, "data"),
		"-c", "config_file=" + filepath.Join(dir, "data", "snug.conf"),
		"-c", "unix_socket_directories=" + dir, "-c", "listen_addresses=",
		"-c", "max_connections=200", // tests share a cluster
	}}
	if err := server.start(); err != nil {
		return nil, err
	}
	return server, server.createDatabase(context.Background(), "snug")
}

// start runs the postmaster and returns when it answers a query.
func (s *Server) start() error {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open PostgreSQL's log: %w", err)
	}
	defer log.Close()
	// When the test process dies, PostgreSQL gets the signal of its immediate shutdown.
	s.Process, err = Start(s.dir, log, syscall.SIGQUIT, s.argv...)
	if err != nil {
		return err
	}
	return s.waitUntilReady()
}

func (s *Server) waitUntilReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		err := s.exec(ctx, "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-s.Exited():
			return fmt.Errorf("PostgreSQL ended at its start:\n%s", s.Log())
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s", err, s.Log())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// exec runs statements as the superuser, each on its own (CREATE DATABASE allows no transaction).
func (s *Server) exec(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, s.AdminURL())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// createDatabase makes an empty database that belongs to the role "snug", as it is in production.
func (s *Server) createDatabase(ctx context.Context, name string) error {
	role := `DO $$BEGIN CREATE ROLE snug LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END$$`
	return s.exec(ctx, role, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" OWNER snug TEMPLATE template0")
}

// remove stops the server and removes all of it.
func (s *Server) remove() error {
	s.Kill(syscall.SIGINT)
	if err := s.endAll(syscall.SIGINT); err != nil {
		return err
	}
	return os.RemoveAll(s.dir)
}

// endAll waits for the postmaster and all its children, which it ends if need be.
func (s *Server) endAll(polite syscall.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	select {
	case <-s.Exited():
	case <-time.After(10 * time.Second):
		s.Kill(syscall.SIGKILL)
	}
	isPostgres := func(exe string) bool { return strings.HasPrefix(exe, "postgres") }
	return proc.EndAll(ctx, filepath.Join(s.dir, "data"), isPostgres, polite, time.Second)
}
