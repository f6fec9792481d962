package supervisor

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Usage is what the processes of a service take together.
type Usage struct {
	Processes int `json:"processes,omitempty"`
	// MemoryBytes is their memory, shared pages counted by share (PSS, see proc(5)).
	MemoryBytes int64 `json:"memory_bytes,omitempty"`
	// CPUSeconds is the time that they, and those of their children that have ended, have spent on a processor. It
	// begins anew when the service does.
	CPUSeconds float64 `json:"cpu_seconds,omitempty"`
}

// Usages are the usages of all services by name. The supervisor's own is under the empty name.
func (s *Supervisor) Usages() map[string]Usage {
	roots := map[int]string{os.Getpid(): ""}
	for _, status := range s.Snapshot().Services {
		if status.Pid != 0 {
			roots[status.Pid] = status.Name
		}
	}
	all := processes()
	parents := map[int]int{}
	for _, p := range all {
		parents[p.pid] = p.ppid
	}
	usages := map[string]Usage{}
	for _, p := range all {
		service, ours := serviceOf(p.pid, parents, roots)
		if !ours || p.zombie {
			continue
		}
		usage := usages[service]
		usage.Processes++
		usage.MemoryBytes += memoryOf(p.pid)
		usage.CPUSeconds += p.cpu.Seconds()
		usages[service] = usage
	}
	return usages
}

// serviceOf climbs from a process to the main process of its service. What has lost its parents was taken in by the
// supervisor, and is known by the mark that it has inherited.
func serviceOf(pid int, parents map[int]int, roots map[int]string) (service string, ours bool) {
	for at := pid; at > 0; at = parents[at] {
		service, found := roots[at]
		switch {
		case found && service == "" && pid != os.Getpid():
			of, _ := ownerOf(pid)
			return of.service, of.service != ""
		case found:
			return service, true
		}
	}
	return "", false
}

// memoryOf reads the proportional set size of a process; 0 if it cannot be told.
func memoryOf(pid int) int64 {
	rollup, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(rollup) {
		if value, found := bytes.CutPrefix(line, []byte("Pss:")); found {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(value)), " kB"), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
