package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// inContainer says that we are the first process: what is mounted where can be changed only outside then.
func inContainer() bool { return os.Getpid() == 1 }

// explainDenied adds to an error about the data folder what to do about it.
func explainDenied(data string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return explainOwner(data, err)
	case errors.Is(err, unix.EROFS) && inContainer():
		return fmt.Errorf("the data folder %s is read-only: on the host, mount the volume or folder at %s without `ro`, or make what it is on writable", data, data)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("the data folder %s is on a read-only file system: mount a volume there, or choose another folder with SNUG_DATA", data)
	case (errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.EEXIST)) && inContainer():
		return fmt.Errorf("the data folder %s is not a folder: on the host, mount a folder or a volume at %s, not a file", data, data)
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.EEXIST):
		return fmt.Errorf("the data folder %s is not a folder: choose another with SNUG_DATA", data)
	default:
		return fmt.Errorf("data folder %s: %w", data, err)
	}
}

// explainOwner says to whom belongs what stands in the way: the folder, or something in it. Root is not kept out by owners.
func explainOwner(data string, err error) error {
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		return fmt.Errorf("data folder %s: %w", data, err)
	}
	if _, err := os.Stat(data); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("user %d cannot make the data folder %s: run `install -d -o %d -g %d %s` as root, or choose another folder with SNUG_DATA",
			uid, data, uid, gid, data)
	}
	what := describeObstacle(data, err)
	if inContainer() {
		return fmt.Errorf("user %d cannot write to %s: on the host, run `chown -R %d:%d FOLDER` as root, where FOLDER is what is mounted at %s",
			uid, what, uid, gid, data)
	}
	return fmt.Errorf("user %d cannot write to %s: run `chown -R %d:%d %s` as root, or choose another folder with SNUG_DATA",
		uid, what, uid, gid, data)
}

// describeObstacle is the data folder, or what is in it if that is somebody else's, and to whom it belongs.
func describeObstacle(data string, err error) string {
	var at *fs.PathError
	if errors.As(err, &at) && at.Path != data {
		if owner, known := ownerOf(at.Path); known && owner != os.Geteuid() {
			return fmt.Sprintf("%s in the data folder, which belongs to user %d", at.Path, owner)
		}
	}
	if owner, known := ownerOf(data); known {
		return fmt.Sprintf("the data folder %s, which belongs to user %d", data, owner)
	}
	return "the data folder " + data
}

func ownerOf(path string) (uid int, known bool) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, false
	}
	return int(info.Sys().(*syscall.Stat_t).Uid), true
}
