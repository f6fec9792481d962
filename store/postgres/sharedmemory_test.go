package postgres_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"snug/store/postgres/postgrestest"
)

// removeSharedMemory removes what servers that were killed leave in the kernel: segments that belong to the user of
// PostgreSQL and that no process has. Machines have room for a few thousand of them.
func removeSharedMemory(t *testing.T) {
	t.Helper()
	for _, id := range abandonedSegments(t) {
		// shmctl(2) with IPC_RMID, which is 0. It may be gone by now.
		_, _, _ = syscall.Syscall(syscall.SYS_SHMCTL, uintptr(id), 0, 0)
	}
	files, _ := filepath.Glob("/dev/shm/PostgreSQL.*") // the pattern is well-formed
	mapped := allMaps(t)
	for _, file := range files {
		info, err := os.Stat(file)
		if err == nil && belongsToUser(info) && time.Since(info.ModTime()) > 10*time.Second && !bytes.Contains(mapped, []byte(file)) {
			_ = os.Remove(file) // it may be gone by now
		}
	}
}

// abandonedSegments reads System V's shared memory (proc(5), /proc/sysvipc/shm).
func abandonedSegments(t *testing.T) (ids []int) {
	t.Helper()
	text, err := os.ReadFile("/proc/sysvipc/shm")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := postgrestest.User()
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // key shmid perms size cpid lpid nattch uid …
		if len(fields) < 8 || fields[6] != "0" || fields[7] != strconv.Itoa(uid) {
			continue
		}
		id, errID := strconv.Atoi(fields[1])
		creator, errCreator := strconv.Atoi(fields[4])
		if errID == nil && errCreator == nil && syscall.Kill(creator, 0) == syscall.ESRCH {
			ids = append(ids, id)
		}
	}
	return ids
}

func allMaps(t *testing.T) []byte {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/maps")
	var all bytes.Buffer
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil { // the process may be gone, or another user's
			fmt.Fprintf(&all, "%s\n", text)
		}
	}
	return all.Bytes()
}

func belongsToUser(info os.FileInfo) bool {
	uid, _ := postgrestest.User()
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == uid
}
