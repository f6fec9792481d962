package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"snug/store/postgres/internal/proc"
)

// Command returns the argument vector of `postgres` for the provisioned cluster. It is called before each start:
// the programs are looked for anew, and a lock file that would wrongly keep PostgreSQL from starting is removed.
// Where PostgreSQL listens is part of it, since whoever connects relies on that; all else is in the cluster's files.
func Command(cfg Config) ([]string, error) {
	cfg, err := cfg.normalise()
	if err != nil {
		return nil, err
	}
	if _, exists, err := clusterMajor(cfg.Dir); err != nil {
		return nil, err
	} else if !exists {
		return nil, fmt.Errorf("there is no database cluster in %s yet: it is made by the service postgres-init", cfg.Dir)
	}
	binaries, err := Locate(cfg)
	if err != nil {
		return nil, err
	}
	if err := cfg.removeForeignLocks(); err != nil {
		return nil, err
	}
	return []string{
		binaries.program("postgres"), "-D", cfg.Dir,
		"-c", "config_file=" + filepath.Join(cfg.Dir, settingsFile),
		"-c", "listen_addresses=",
		"-c", "unix_socket_directories=" + quoteListItem(cfg.SocketDir),
		"-c", "port=" + port,
	}, nil
}

// removeForeignLocks removes lock files of a PostgreSQL that is gone and which keep another from starting:
//
//   - whose process id another program has now. In a container that is common: after a crash all begin again with the same
//     few process ids, and PostgreSQL takes whoever has the id in its lock file for a postmaster that still runs;
//   - that are empty or damaged: PostgreSQL was killed between making and writing one, and would refuse to start ever after
//     (CreateLockFile in its miscinit.c).
//
// Every process of PostgreSQL works in the cluster's folder, so when none does, the lock is nobody's.
func (c Config) removeForeignLocks() error {
	for _, path := range []string{filepath.Join(c.Dir, "postmaster.pid"), c.socketPath() + ".lock"} {
		pid, cluster, err := readLock(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if pid != 0 && syscall.Kill(pid, 0) != nil {
			continue // of a process that is dead or another user's: PostgreSQL copes by itself
		}
		if pid == 0 || filepath.Dir(path) == c.Dir {
			cluster = c.Dir // the folder may have had another path when the lock was made
		}
		running, err := proc.Using(cluster)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for a running PostgreSQL: %w", err)
		}
		if slices.ContainsFunc(running, func(p proc.Process) bool { return p.Exe == "postgres" }) {
			continue
		}
		c.logger().Warn("removed the lock file of a PostgreSQL that is gone", "file", path, "pid", pid, "now", proc.Exe(pid))
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("remove the lock file of a PostgreSQL that is gone: %w", err)
		}
	}
	return nil
}

// readLock reads a lock file as parseLock does.
func readLock(path string) (pid int, dir string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, "", fmt.Errorf("read PostgreSQL's lock file: %w", err)
	}
	pid, dir = parseLock(string(text))
	return pid, dir, nil
}

// parseLock takes the first two lines of a lock file: the postmaster's process id and its cluster (PostgreSQL docs,
// "Database File Layout", postmaster.pid). A standalone backend writes its process id as a negative number. The
// process id is 0 when the file is damaged.
func parseLock(text string) (pid int, dir string) {
	lines := strings.Split(text, "\n")
	if len(lines) < 2 {
		return 0, ""
	}
	pid, err := strconv.Atoi(strings.TrimPrefix(lines[0], "-"))
	if err != nil || pid < 0 {
		return 0, ""
	}
	return pid, lines[1]
}

// URL returns the connection URL of the application's database over the unix socket, as the role that owns it.
// It holds the password: it must not be logged.
func URL(cfg Config) (string, error) { return cfg.url(application, database) }

// SuperuserURL is like URL, but for the maintenance database and as the superuser, for whom PostgreSQL keeps
// connections in reserve. It is meant for probes, and for what makes and drops databases.
func SuperuserURL(cfg Config) (string, error) { return cfg.url(superuser, superuser) }

func (c Config) url(role, database string) (string, error) {
	c, err := c.normalise()
	if err != nil {
		return "", err
	}
	password, err := c.password(role)
	if err != nil {
		return "", err
	}
	// Clients of PostgreSQL take a plus sign as itself, not as a space (PostgreSQL docs, "Connection URIs").
	query := strings.ReplaceAll(url.Values{"host": {c.SocketDir}, "port": {port}}.Encode(), "+", "%20")
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Path: "/" + database, RawQuery: query}
	return u.String(), nil
}
