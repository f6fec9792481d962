package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
)

const (
	// walSegment is the size of a file of the write-ahead log. PostgreSQL makes a new one when no old one can be used
	// again, and panics when the disk has no room for that (PostgreSQL docs, "WAL Configuration").
	walSegment = 16 << 20
	// lowWater is the free space below which nothing more is to be stored: the next segment still fits, and so does what
	// is written between two looks at the disk.
	lowWater = walSegment + 8<<20
)

// Disk is the disk that the cluster is on, and the reserve of it that lets PostgreSQL start when all else is full. What it
// knows is on the disk, so that several processes may ask.
type Disk struct {
	cluster string
	reserve string
	logger  *slog.Logger
}

// NewDisk returns the disk of the cluster that cfg describes. The reserve is a file beside the cluster.
func NewDisk(cfg Config) Disk {
	return Disk{cluster: cfg.Dir, reserve: filepath.Join(filepath.Dir(cfg.Dir), ReserveName), logger: cfg.logger()}
}

// Check returns an error that says what to do when the disk is full. That is so before PostgreSQL fails, and also as
// long as the reserve was given up and cannot be had back.
func (d Disk) Check() error {
	missing := d.reserveMissing()
	for _, folder := range []struct {
		path   string
		needed int64
	}{
		{d.cluster, lowWater + missing},
		{filepath.Join(d.cluster, "pg_wal"), lowWater}, // may be a link to another disk
	} {
		if free, known := freeSpace(folder.path); known && free < folder.needed {
			return fmt.Errorf("the disk of %s is full: %d MB free, at least %d MB are needed; make room, Snug goes on by itself",
				folder.path, free>>20, folder.needed>>20)
		}
	}
	return nil
}

// freeSpace is what an ordinary user can still write, in bytes. File systems without a size of their own tell nothing.
func freeSpace(folder string) (free int64, known bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil || stat.Blocks == 0 {
		return 0, false
	}
	return int64(stat.Bavail) * stat.Bsize, true
}

// sameDisk reports whether what is freed in one folder can be used in the other.
func sameDisk(a, b string) bool {
	var statA, statB syscall.Stat_t
	return syscall.Stat(a, &statA) == nil && syscall.Stat(b, &statB) == nil && statA.Dev == statB.Dev
}

// reserveMissing is how many bytes of the reserve were given up. One that was never made misses nothing.
func (d Disk) reserveMissing() int64 {
	size, err := d.reserveSize()
	if err != nil {
		return 0
	}
	return max(0, reserveSize-size)
}

func (d Disk) reserveSize() (int64, error) {
	info, err := os.Lstat(d.reserve)
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, errors.Join(fs.ErrInvalid, fmt.Errorf("%s is not a file", d.reserve))
	}
	return info.Size(), nil
}
