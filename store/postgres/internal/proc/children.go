package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Child is a process together with its parent and the moment at which it was started, so that another which has its
// number later is not taken for it.
type Child struct {
	Pid, Parent int
	// Started is the time since boot by which the process had begun, rounded up to a tick.
	Started time.Duration
}

// Children returns the processes that parent has started and that have not ended.
func Children(parent int) []Child {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var found []Child
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if child, ok := look(pid); ok && child.Parent == parent {
			found = append(found, child)
		}
	}
	return found
}

// Tick is the unit of starttime in /proc/PID/stat: USER_HZ is 100 wherever Go runs.
const Tick = 10 * time.Millisecond

// look returns the process that has this id, if it lives.
func look(pid int) (Child, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Child{}, false
	}
	return parseStat(pid, string(stat))
}

// parseStat reads /proc/PID/stat (proc(5)). The second field is a name in brackets, which may hold anything, and the
// fields after it are counted from 3: state, ppid, …, starttime as number 22.
func parseStat(pid int, stat string) (Child, bool) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 || strings.ContainsAny(fields[0], "ZX") { // ended, and not waited for yet
		return Child{}, false
	}
	parent, errParent := strconv.Atoi(fields[1])
	ticks, errTicks := strconv.ParseInt(fields[19], 10, 64)
	if errParent != nil || errTicks != nil {
		return Child{}, false
	}
	return Child{Pid: pid, Parent: parent, Started: time.Duration(ticks+1) * Tick}, true
}

// Alive reports whether it still runs, as a child of the same parent.
func (c Child) Alive() bool {
	now, ok := look(c.Pid)
	return ok && now == c
}

// Title is the command line, which programs may change to say what they do. It is "" when the process is gone.
func (c Child) Title() string {
	title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", c.Pid))
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(title), "\x00", " ")
}

// Kill ends it by SIGKILL, and nobody else: the process is held (pidfd_open(2)) before it is looked at for the last time.
func (c Child) Kill() {
	process, err := os.FindProcess(c.Pid)
	if err != nil {
		return
	}
	defer process.Release()
	if c.Alive() {
		_ = process.Signal(syscall.SIGKILL) // it may have ended by itself
	}
}
