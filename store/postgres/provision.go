package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Provision makes the cluster ready to be started by Command. It is safe to repeat, and after a crash at any point
// the next one ends whole.
//
//   - A cluster that exists is kept as it is. Only our own configuration in it is brought up to date.
//   - Without one, it is initialised in a folder beside it and renamed into place when it is complete and durable.
//   - Without PostgreSQL on the machine, the programs are fetched first.
//   - Anything else in the place of the cluster is an error, and not a byte of it is touched.
//
// While it runs, Provision changes environment variables of the process (TMPDIR and PG*), since embedded-postgres
// and the programs it runs read them: it is meant for a process that does nothing else. ctx ends it early, together
// with the programs that it runs.
func Provision(ctx context.Context, cfg Config) error {
	cfg, err := cfg.normalise()
	if err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return errors.New("PostgreSQL refuses to run as root: start Snug as another user, or set PUID and PGID")
	}
	exists, err := cfg.inspectDir()
	if err != nil {
		return err
	}
	work := workspace{dir: cfg.Dir + ".initialising", logger: cfg.logger()}
	clear := func() error { return errors.Join(work.clear(ctx), cfg.fetching().clear(ctx)) }
	if exists {
		return cfg.adopt(ctx, clear)
	}
	if err := clear(); err != nil {
		return err
	}
	binaries, err := cfg.locateOrFetch(ctx)
	if err != nil {
		return err
	}
	if err := cfg.ensurePasswords(); err != nil {
		return err
	}
	return cfg.initialise(ctx, work, binaries)
}

// inspectDir tells a cluster (true) from a place for one (false); anything else is an error.
func (c Config) inspectDir() (exists bool, err error) {
	entries, err := os.ReadDir(c.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return false, fmt.Errorf("look into the database folder: %w: it must belong to the user that Snug runs as; "+
			"start Snug as its owner, or set PUID and PGID to them", err)
	}
	if err != nil {
		return false, fmt.Errorf("look into the database folder: %w", err)
	}
	if _, exists, err := clusterMajor(c.Dir); err != nil || exists {
		return exists, err
	}
	if len(entries) > 0 {
		return false, fmt.Errorf("%s holds files but no PostgreSQL cluster, for example %q. Nothing was changed. "+
			"Move them elsewhere, or set SNUG_DATA to another folder", c.Dir, entries[0].Name())
	}
	if isMountPoint(c.Dir) {
		return false, fmt.Errorf("%s is a mount point, and a new cluster is renamed into place, which needs a plain folder: "+
			"mount the volume at %s instead", c.Dir, filepath.Dir(c.Dir))
	}
	return false, nil
}

// isMountPoint asks the kernel (statx(2), since Linux 5.8). One that cannot tell refuses the rename later.
func isMountPoint(dir string) bool {
	var stat unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, dir, 0, 0, &stat)
	return err == nil && stat.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// adopt prepares a cluster that exists already. Until programs of its version were found, nothing is changed.
func (c Config) adopt(ctx context.Context, clear func() error) error {
	binaries, err := Locate(c)
	fetch := errors.Is(err, ErrNotFound)
	if err != nil && !fetch {
		return err
	}
	if err := clear(); err != nil {
		return err
	}
	if fetch {
		if binaries, err = c.locateOrFetch(ctx); err != nil {
			return err
		}
	}
	if c.BinDir != "" && c.BinDir != binaries.Dir {
		c.logger().Warn("SNUG_POSTGRES_BIN was passed over for the programs that fit the cluster best",
			"setting", c.BinDir, "used", binaries.Dir, "version", binaries.Version)
	}
	if err := c.checkPasswords(); err != nil {
		return err
	}
	if err := c.tightenMode(); err != nil {
		return err
	}
	return c.configure(c.Dir, binaries.Major)
}

// allowedModes are those of a data directory with which PostgreSQL starts (PostgreSQL docs, initdb, --allow-group-access).
var allowedModes = []fs.FileMode{0o700, 0o750}

// tightenMode undoes what volumes and copying tools do to the mode of the cluster's folder.
func (c Config) tightenMode() error {
	info, err := os.Stat(c.Dir)
	if err != nil {
		return fmt.Errorf("look at the database folder: %w", err)
	}
	if slices.Contains(allowedModes, info.Mode().Perm()) {
		return nil
	}
	c.logger().Warn("made the database folder private again, as PostgreSQL demands", "dir", c.Dir, "mode", info.Mode())
	if err := os.Chmod(c.Dir, 0o700); err != nil {
		return fmt.Errorf("PostgreSQL demands that its folder is private: %w; run chmod 700 %s as its owner", err, c.Dir)
	}
	return nil
}

// locateOrFetch is Locate, with a download when there is no PostgreSQL at all.
func (c Config) locateOrFetch(ctx context.Context) (Binaries, error) {
	binaries, err := Locate(c)
	if !errors.Is(err, ErrNotFound) {
		return binaries, err
	}
	if err := c.fetch(ctx); err != nil {
		return Binaries{}, err
	}
	return Locate(c)
}
