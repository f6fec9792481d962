package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// initialise makes a new cluster in the workspace and renames it into place when it is whole.
func (c Config) initialise(ctx context.Context, work workspace, binaries Binaries) (err error) {
	c.logger().Info("initialising the database", "dir", c.Dir, "postgres", binaries.Version)
	defer func() {
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("initialise the database in %s: given up: %w", c.Dir, ctx.Err())
		} else {
			err = fmt.Errorf("initialise the database in %s with PostgreSQL %s: %w. Correct this and start Snug again: "+
				"what was begun was removed", c.Dir, binaries.Version, err)
		}
		err = errors.Join(err, work.clear(context.WithoutCancel(ctx)))
	}()
	if err := work.create(); err != nil {
		return err
	}
	cluster, err := c.build(ctx, work, binaries)
	if err != nil {
		return err
	}
	// rename(2) takes the place of an empty folder, which os.Rename does not try, and of no other.
	if err := syscall.Rename(cluster, c.Dir); err != nil {
		return fmt.Errorf("rename the finished cluster to %s: %w", c.Dir, err)
	}
	if err := syncPath(filepath.Dir(c.Dir)); err != nil {
		return fmt.Errorf("make the finished cluster durable: %w", err)
	}
	return work.clear(ctx)
}

// build makes the cluster with its roles, database and configuration in the workspace, durable and stopped.
func (c Config) build(ctx context.Context, work workspace, binaries Binaries) (dir string, err error) {
	password, err := c.password(superuser)
	if err != nil {
		return "", err
	}
	// embedded-postgres looks for its programs in a folder named bin.
	programs := work.path("programs")
	if err := makeDir(programs); err != nil {
		return "", err
	}
	if err := os.Symlink(binaries.Dir, filepath.Join(programs, "bin")); err != nil {
		return "", err
	}
	server := embedded{work: work, binaries: programs, password: password, database: database, logger: c.logger()}
	var checksums bool
	err = server.run(ctx, func(ctx context.Context, url string) (err error) {
		checksums, err = c.createRoles(ctx, url)
		return err
	})
	if err != nil {
		return "", err
	}
	if !checksums {
		if err := c.enableChecksums(ctx, work, server.cluster(), binaries); err != nil {
			return "", err
		}
	}
	if err := c.configure(server.cluster(), binaries.Major); err != nil {
		return "", err
	}
	if err := writeFile(filepath.Join(server.cluster(), localFile), []byte(localSettings)); err != nil {
		return "", fmt.Errorf("write PostgreSQL's configuration: %w", err)
	}
	return server.cluster(), work.runProgram(ctx, binaries.program("initdb"), "--sync-only", "--pgdata="+server.cluster())
}

// createRoles gives the new database to an unprivileged role, and tells whether the cluster has data checksums.
func (c Config) createRoles(ctx context.Context, url string) (checksums bool, err error) {
	password, err := c.password(application)
	if err != nil {
		return false, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return false, fmt.Errorf("connect to the new cluster: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range []string{
		// A utility statement takes no parameters. The password is made of characters that need no quoting.
		"CREATE ROLE " + application + " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '" + password + "'",
		"ALTER DATABASE " + database + " OWNER TO " + application,
		"REVOKE ALL ON DATABASE " + database + ", postgres FROM PUBLIC",
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return false, fmt.Errorf("prepare the roles of the new cluster: %w", err)
		}
	}
	err = conn.QueryRow(ctx, "SELECT current_setting('data_checksums')::boolean").Scan(&checksums)
	if err != nil {
		return false, fmt.Errorf("ask for data checksums: %w", err)
	}
	return checksums, nil
}

// enableChecksums turns data checksums on in the stopped cluster: embedded-postgres cannot ask initdb for them, and
// before version 18 they are off unless asked for.
func (c Config) enableChecksums(ctx context.Context, work workspace, cluster string, binaries Binaries) error {
	program := binaries.program("pg_checksums")
	if _, err := os.Stat(program); errors.Is(err, fs.ErrNotExist) {
		c.logger().Warn("the new database has no data checksums, which would reveal a damaged disk: there is no pg_checksums",
			"missing", program)
		return nil
	}
	return work.runProgram(ctx, program, "--enable", "--no-sync", "--pgdata="+cluster)
}
