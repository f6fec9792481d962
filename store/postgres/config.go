// Package postgres provisions and tunes the PostgreSQL that Snug runs for itself: it finds the programs (or
// has embedded-postgres fetch them), initialises the cluster at the first start, keeps its configuration, and
// says how to start, reach and probe it. It never starts the cluster for good: that is the supervisor's work.
package postgres

import "log/slog"

// Config says where the embedded PostgreSQL lives. Relative paths are taken from the working directory.
type Config struct {
	// Dir is the cluster (PostgreSQL's data directory). It must not be a mount point: at the first start a
	// finished cluster is renamed to it.
	Dir string
	// BinDir is the folder of the programs postgres, initdb and pg_ctl that SNUG_POSTGRES_BIN names, or "".
	BinDir string
	// FetchedDir holds the programs that earlier starts fetched, in one folder per version.
	FetchedDir string
	// SocketDir is where PostgreSQL's unix socket is put.
	SocketDir string
	// SecretsDir holds the generated passwords, each in a file of mode 0600.
	SecretsDir string
	// RepositoryURL is the Maven repository from which programs are fetched; "" is DefaultRepositoryURL.
	RepositoryURL string
	// SearchDirs are the folders in which installed programs are looked for, best first; nil is SystemDirs().
	SearchDirs []string
	// Logger takes what is worth telling; nil discards it.
	Logger *slog.Logger
}

func (c Config) logger() *slog.Logger {
	if c.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Logger
}
