package supervisor

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// procEntry is what /proc tells of a process; see proc(5).
type procEntry struct {
	pid, ppid int
	zombie    bool
	cpu       time.Duration // its own, and that of its children that have ended
	started   time.Duration // since boot; 0 if that is not told
}

// clockTick is the unit of times in /proc, USER_HZ, which is the same on all that Go runs on (time(7)).
const clockTick = time.Second / 100

// processes lists all that /proc shows. A process that ends while the list is made is left out.
func processes() []procEntry {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []procEntry
	for _, dir := range dirs {
		pid, err := strconv.Atoi(dir.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", dir.Name(), "stat"))
		if err != nil {
			continue
		}
		if entry, ok := parseStat(stat); ok {
			entry.pid = pid
			found = append(found, entry)
		}
	}
	return found
}

// In what follows the name, utime is where the four processor times begin (utime, stime, cutime, cstime), and starttime
// where the start is.
const (
	utime     = 11
	starttime = 19
)

// parseStat reads state, parent, processor time and start from /proc/PID/stat. The name before them is in brackets and may hold anything.
func parseStat(stat []byte) (procEntry, bool) {
	_, rest, found := bytes.Cut(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" "))
	fields := bytes.Fields(rest)
	if !found || len(fields) < 2 {
		return procEntry{}, false
	}
	ppid, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return procEntry{}, false
	}
	entry := procEntry{ppid: ppid, zombie: fields[0][0] == 'Z' || fields[0][0] == 'X'}
	ticks := func(i int) time.Duration {
		if i >= len(fields) {
			return 0
		}
		n, _ := strconv.ParseInt(string(fields[i]), 10, 64)
		return time.Duration(n) * clockTick
	}
	entry.cpu = ticks(utime) + ticks(utime+1) + ticks(utime+2) + ticks(utime+3)
	entry.started = ticks(starttime)
	return entry, true
}

// ownerOf reads to which life of a service a process belongs. PostgreSQL's processes write their title over their
// environment (ps_status.c), so for them it cannot be told: then named is false. So it is for one that is about to end: it
// has no memory left (ESRCH), and may still have children, which become ours a moment later.
func ownerOf(pid int) (of owner, named bool) {
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	if errors.Is(err, unix.ESRCH) {
		return owner{}, false
	}
	if err != nil {
		return owner{}, true
	}
	for entry := range bytes.SplitSeq(environ, []byte{0}) {
		key, value, found := bytes.Cut(entry, []byte("="))
		switch {
		case found && string(key) == serviceVariable:
			of.service = string(value)
		case found && string(key) == SlotVariable:
			of.slot, _ = strconv.Atoi(string(value)) // which we have written
		}
		named = named || found
	}
	return of, named
}

func signalName(sig unix.Signal) string {
	if name := unix.SignalName(sig); name != "" {
		return name
	}
	return sig.String()
}
