package postgrestest

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// User returns the uid and gid that PostgreSQL runs as in tests. PostgreSQL refuses to run as root, so under root
// it is an existing unprivileged user ("postgres", else "nobody"), and otherwise the user who runs the tests.
func User() (uid, gid int) {
	if os.Geteuid() != 0 {
		return os.Geteuid(), os.Getegid()
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil {
			return uid, gid
		}
	}
	return 65534, 65534 // the kernel's overflow ids: nobody's, whatever /etc/passwd says
}

// Attributes returns what makes an exec.Cmd run as User, in a process group of its own.
func Attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		uid, gid := User()
		attributes.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attributes
}

// TempDir makes a folder that belongs to User and is removed after the test. Its path is short, so that sockets
// fit into it (unix(7): 107 bytes), and it lies in memory where that has room.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := makeTempDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the test's folder: %v", err)
		}
	})
	return dir
}

// enoughMemory is what a memory file system must have free to be used: a good many clusters of 40 MB.
const enoughMemory = 2 << 30

// makeTempDir names the folder after this process, so that removeLeftovers knows when nobody uses it any more.
func makeTempDir() (string, error) {
	dir, err := os.MkdirTemp(tempRoot(), fmt.Sprintf("snug-%d-", os.Getpid()))
	if err != nil {
		return "", fmt.Errorf("make a folder for the test: %w", err)
	}
	uid, gid := User()
	if err := os.Chown(dir, uid, gid); err != nil {
		return "", fmt.Errorf("give the test's folder to the user of PostgreSQL: %w", err)
	}
	return dir, nil
}

func tempRoot() string {
	const memory = "/dev/shm"
	var stat syscall.Statfs_t
	if syscall.Statfs(memory, &stat) == nil && stat.Bavail*uint64(stat.Bsize) >= enoughMemory &&
		syscall.Access(memory, 7) == nil {
		return memory
	}
	return os.TempDir()
}

// removeLeftovers removes the folders of test processes that were killed before they could.
func removeLeftovers() {
	dirs, _ := filepath.Glob(filepath.Join(tempRoot(), "snug-*-*")) // the pattern is well-formed
	for _, dir := range dirs {
		pid, err := strconv.Atoi(strings.Split(filepath.Base(dir), "-")[1])
		if err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			_ = os.RemoveAll(dir) // another user's leftovers stay: they are not ours to judge
		}
	}
}
