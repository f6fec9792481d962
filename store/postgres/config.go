// Package postgres provisions and tunes the PostgreSQL that Snug runs for itself: it finds the programs (or
// has embedded-postgres fetch them), initialises the cluster at the first start, keeps its configuration, and
// says how to start, reach and probe it. It never starts the cluster for good: that is the supervisor's work.
package postgres

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
)

// Config says where the embedded PostgreSQL lives. Relative paths are taken from the working directory.
type Config struct {
	// Dir is the cluster (PostgreSQL's data directory). It must not be a mount point: at the first start a
	// finished cluster is renamed to it. Beside it, Dir + ".initialising" belongs to this package.
	Dir string
	// BinDir is the folder of the programs postgres, initdb and pg_ctl that SNUG_POSTGRES_BIN names, or "".
	BinDir string
	// FetchedDir holds the programs that earlier starts fetched, in one folder per version.
	FetchedDir string
	// SocketDir is where PostgreSQL's unix socket is put.
	SocketDir string
	// SecretsDir holds the generated passwords, each in a file of mode 0600.
	SecretsDir string
	// Memory is how much of it the cluster may take.
	Memory Memory
	// RepositoryURL is the Maven repository from which programs are fetched; "" is DefaultRepositoryURL.
	RepositoryURL string
	// SearchDirs are the folders in which installed programs are looked for, best first; nil is SystemDirs().
	SearchDirs []string
	// Logger takes what is worth telling; nil discards it.
	Logger *slog.Logger `json:"-"`
}

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}

// normalise returns the configuration with absolute paths, or says which path cannot work.
func (c Config) normalise() (Config, error) {
	for _, path := range []*string{&c.Dir, &c.FetchedDir, &c.SocketDir, &c.SecretsDir, &c.BinDir} {
		if *path == "" && path != &c.BinDir {
			return c, errors.New("postgres.Config needs Dir, FetchedDir, SocketDir and SecretsDir")
		}
		if *path == "" {
			continue
		}
		absolute, err := filepath.Abs(*path)
		if err != nil {
			return c, fmt.Errorf("make %s absolute: %w", *path, err)
		}
		*path = absolute
	}
	if err := c.checkShellPaths(); err != nil {
		return c, err
	}
	// The cluster may have been moved elsewhere and linked to; then its neighbours are those of the real place.
	if target, err := filepath.EvalSymlinks(c.Dir); err == nil {
		c.Dir = target
	} else if _, err := os.Lstat(c.Dir); err == nil {
		return c, fmt.Errorf("%s is a link to nothing: correct or remove the link", c.Dir)
	}
	return c, c.checkSocketPath()
}

// checkShellPaths refuses what pg_ctl would not quote: it starts PostgreSQL by a line for the shell, in which it puts
// paths between double quotes.
func (c Config) checkShellPaths() error {
	for _, path := range []string{c.Dir, c.FetchedDir, c.BinDir} {
		if i := strings.IndexAny(path, "\"$`\\\n"); i >= 0 {
			return fmt.Errorf("PostgreSQL's programs cannot work in %q because of the character %q in that path: "+
				"set SNUG_DATA or SNUG_POSTGRES_BIN to another folder", path, path[i])
		}
	}
	return nil
}

// port is part of the socket's name and nothing else: there is no TCP listener.
const port = "5432"

func (c Config) socketPath() string { return filepath.Join(c.SocketDir, ".s.PGSQL."+port) }

// maxSocketPath is what fits into sockaddr_un with its closing NUL (unix(7)).
const maxSocketPath = 107

func (c Config) checkSocketPath() error {
	path := c.socketPath()
	if len(path) > maxSocketPath {
		return fmt.Errorf("PostgreSQL's socket %s has a path of %d bytes, and no more than %d are possible: "+
			"set SNUG_RUN to a folder with a shorter path", path, len(path), maxSocketPath)
	}
	// Both PostgreSQL and its clients take a comma as the end of one host.
	if strings.Contains(path, ",") {
		return fmt.Errorf("PostgreSQL's socket %s has a comma in its path: set SNUG_RUN to a folder without one", path)
	}
	return nil
}
