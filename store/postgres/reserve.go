package postgres

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ReserveName is the file beside the cluster that keeps space for a recovery. An empty one was given up.
const ReserveName = "reserve"

const (
	// reserveSize is what PostgreSQL needs to recover on a disk that is full: the segment that it could not make, the
	// next one for its checkpoint, and the pages that recovery writes.
	reserveSize = 3 * walSegment
	// ample is the free space at which a reserve is made for the first time: it must not be what fills the disk.
	ample = reserveSize + 2*lowWater
)

// Prepare is called before each start of PostgreSQL. On a full disk it gives the reserve up, so that the start succeeds; where
// there is room it makes the reserve. It never fails: a disk without a reserve is told of and works.
func (d Disk) Prepare() {
	free, known := freeSpace(d.cluster)
	if !known || !sameDisk(d.cluster, filepath.Dir(d.reserve)) {
		return
	}
	size, err := d.reserveSize()
	switch {
	case errors.Is(err, fs.ErrNotExist) && free >= ample:
		d.keep(allocateOrWrite)
	case errors.Is(err, fs.ErrNotExist):
		d.logger.Warn("the disk has no room for a reserve, with which PostgreSQL starts when the disk is full",
			"free_mb", free>>20, "needed_mb", ample>>20)
	case err != nil:
		d.logger.Warn("no space is held in reserve", "error", err)
	case free < lowWater && size > 0:
		d.giveUp(free)
	case size < reserveSize && free >= lowWater+reserveSize-size:
		d.keep(allocateOrWrite)
	}
}

// Replenish makes a reserve that was given up, once there is room for it. It takes a moment, or else leaves the work to the next
// start, where the file system cannot set space aside. It is meant to be called now and then while PostgreSQL runs.
func (d Disk) Replenish() {
	missing := d.reserveMissing()
	if missing == 0 {
		return
	}
	if free, known := freeSpace(d.cluster); known && free >= lowWater+missing {
		d.keep(allocate)
	}
}

// giveUp empties the reserve; that it is there and empty says so.
func (d Disk) giveUp(free int64) {
	if err := os.Truncate(d.reserve, 0); err != nil {
		d.logger.Warn("the disk is full, and the reserve could not be given up", "error", err)
		return
	}
	d.logger.Warn("the disk is full: gave up the space held in reserve, so that PostgreSQL can start",
		"free_mb", free>>20, "reserve_mb", reserveSize>>20)
}

// keep makes the reserve, or leaves things as they were.
func (d Disk) keep(fill func(*os.File) error) {
	_, absent := d.reserveSize()
	err := makeReserve(d.reserve, fill)
	switch {
	case err == nil:
		d.logger.Info("holds space in reserve for a full disk", "file", d.reserve, "mb", reserveSize>>20)
		return
	case absent != nil:
		_ = os.Remove(d.reserve) // or else it would seem to have been given up
	default:
		_ = os.Truncate(d.reserve, 0) // so it was
	}
	if !errors.Is(err, unix.EOPNOTSUPP) {
		d.logger.Warn("cannot hold space in reserve for a full disk", "error", err)
	}
}

func makeReserve(path string, fill func(*os.File) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fill(file), file.Close())
}

// allocate sets the space aside (fallocate(2)).
func allocate(file *os.File) error {
	for {
		err := unix.Fallocate(int(file.Fd()), 0, 0, reserveSize)
		if !errors.Is(err, unix.EINTR) {
			return wrapAllocation(file, err)
		}
	}
}

func wrapAllocation(file *os.File, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("set %d MB aside in %s: %w", reserveSize>>20, file.Name(), err)
}

// allocateOrWrite writes the space full where it cannot be set aside: at random, since a file system that compresses would
// keep no room for anything else, and to the disk itself, since only then it is taken.
func allocateOrWrite(file *os.File) error {
	err := allocate(file)
	if !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	if _, err := io.CopyN(file, rand.Reader, reserveSize); err != nil {
		return wrapAllocation(file, err)
	}
	return wrapAllocation(file, file.Sync())
}
