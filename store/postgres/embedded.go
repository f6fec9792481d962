package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"time"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// startTimeout bounds how long a cluster that has started may take to answer for the first time.
const startTimeout = time.Minute

// embedded is a new cluster that embedded-postgres makes and runs in a workspace. It is only ever handed folders
// that do not exist yet, since it deletes what it does not expect.
type embedded struct {
	work       workspace
	version    embeddedpostgres.PostgresVersion // what is fetched when binaries is empty
	binaries   string                           // the folder whose folder bin holds the programs
	repository string
	password   string // the superuser's
	database   string // made beside "postgres"
	logger     *slog.Logger
}

// cluster is the data directory that is made.
func (e embedded) cluster() string { return e.work.path("cluster") }

// run makes the cluster and starts it, calls use with the superuser's connection URL of the new database, and stops
// it. While it runs it listens on a free port of the loopback interface, with a password: embedded-postgres knows
// no other way.
func (e embedded) run(ctx context.Context, use func(ctx context.Context, url string) error) (err error) {
	leave, err := e.work.enter()
	if err != nil {
		return fmt.Errorf("set the environment of PostgreSQL's programs: %w", err)
	}
	defer leave()
	port, err := freePort()
	if err != nil {
		return err
	}
	server := embeddedpostgres.NewDatabase(e.config(port))
	defer func() {
		err = errors.Join(err, e.work.endPrograms(context.WithoutCancel(ctx)))
	}()
	if err := e.work.await(ctx, server.Start); err != nil {
		return explainNameless(withReason(err))
	}
	url := fmt.Sprintf("postgres://%s:%s@localhost:%d/%s?sslmode=disable", superuser, e.password, port, e.database)
	if err := use(ctx, url); err != nil {
		return err
	}
	return withReason(e.work.await(ctx, server.Stop))
}

func (e embedded) config(port uint32) embeddedpostgres.Config {
	return embeddedpostgres.DefaultConfig().
		Version(e.version).BinaryRepositoryURL(e.repository).
		BinariesPath(e.binaries).CachePath(e.work.path("archive")).
		RuntimePath(e.work.path("runtime")).DataPath(e.cluster()).
		Username(superuser).Password(e.password).Database(e.database).
		Encoding("UTF8").Locale("C.UTF-8").
		Port(port).StartTimeout(startTimeout).
		Logger(debugWriter{e.logger}).
		StartParameters(map[string]string{
			"unix_socket_directories":    "",
			"shared_buffers":             "32MB",
			"dynamic_shared_memory_type": "mmap", // lies in the workspace, and goes with it
			"fsync":                      "off",  // all is synced together at the end
		})
}

func freePort() (uint32, error) {
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port on the loopback interface: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	return uint32(port), listener.Close()
}

// debugWriter logs each line that is written to it.
type debugWriter struct{ logger *slog.Logger }

func (w debugWriter) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" {
			w.logger.Debug(line, "from", "embedded-postgres")
		}
	}
	return len(text), nil
}

// programError is the failure of a PostgreSQL program: its last word on why, with all that it said behind it.
type programError struct {
	reason string
	err    error
}

func (e *programError) Error() string { return e.reason }

func (e *programError) Unwrap() error { return e.err }

// withReason finds, in the many lines of embedded-postgres's error, the one that says why.
func withReason(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &programError{reason: reasonIn(err.Error()), err: err}
}

// reasonIn returns the last line of a program's output that tells of an error, else the last line of all.
func reasonIn(output string) string {
	var last, telling string
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		last = line
		for _, mark := range []string{"FATAL:", "PANIC:", "error:", "could not"} {
			if strings.Contains(line, mark) {
				telling = line
			}
		}
	}
	if telling != "" {
		return telling
	}
	return last
}

// runProgram runs one of PostgreSQL's programs in the workspace.
func (w workspace) runProgram(ctx context.Context, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = w.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run %s: %w: %s", program, err, reasonIn(string(out)))
	}
	return nil
}
