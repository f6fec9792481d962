// Package proc finds and ends processes by the folder they work in, through Linux's /proc (proc(5)). It is for
// what the parent of a process cannot do: a parent that was killed left its children behind.
package proc

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is one running process.
type Process struct {
	Pid int
	Exe string // base name of its program
}

// Using returns the processes, other than the caller, that have their working directory or an open file in dir.
// Processes that the caller may not look into (another user's) are left out. Zombies use nothing.
func Using(dir string) ([]Process, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var found []Process
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if usesDir(pid, dir) {
			found = append(found, Process{Pid: pid, Exe: Exe(pid)})
		}
	}
	return found, nil
}

func usesDir(pid int, dir string) bool {
	folder := fmt.Sprintf("/proc/%d/", pid)
	links := []string{folder + "cwd"}
	open, _ := os.ReadDir(folder + "fd") // unreadable or gone: nothing is known of its files
	for _, fd := range open {
		links = append(links, folder+"fd/"+fd.Name())
	}
	return slices.ContainsFunc(links, func(link string) bool {
		target, err := os.Readlink(link)
		// The kernel appends " (deleted)" to what was removed meanwhile.
		named := err == nil && (target == dir || target == dir+" (deleted)" || strings.HasPrefix(target, dir+"/"))
		return named && isOurs(pid, link, target)
	})
}

// isOurs reports whether what a process has under a name is what we have under it. In another mount namespace, such as a
// container's, the same name may mean something else (mount_namespaces(7)). What we do not have, because it was removed
// meanwhile, tells nothing; then the namespaces must be the same.
func isOurs(pid int, link, name string) bool {
	theirs, errTheirs := os.Stat(link)
	ours, errOurs := os.Stat(name)
	if errTheirs == nil && errOurs == nil {
		return os.SameFile(theirs, ours)
	}
	their, errTheirs := os.Readlink(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	our, errOurs := os.Readlink("/proc/self/ns/mnt")
	return errTheirs == nil && errOurs == nil && their == our
}

// Exe returns the base name of the program that pid runs, or "" when there is no such process or it is another user's.
func Exe(pid int) string {
	target, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(filepath.Base(target), " (deleted)")
}

// settling is how long EndAll looks at processes that it must not end: a shell may be about to become, by execve(2),
// a program that it must.
const settling = 300 * time.Millisecond

// EndAll ends every process that uses dir and whose program match accepts: first with polite, then, after
// patience, with SIGKILL. It returns when none is left, or with ctx's error.
func EndAll(ctx context.Context, dir string, match func(exe string) bool, polite syscall.Signal, patience time.Duration) error {
	begun, told := time.Now(), map[int]syscall.Signal{}
	for {
		found, err := Using(dir)
		if err != nil {
			return err
		}
		total := len(found)
		found = slices.DeleteFunc(found, func(p Process) bool { return !match(p.Exe) })
		if len(found) == 0 && (total == 0 || time.Since(begun) > settling) {
			return nil
		}
		signal := polite
		if time.Since(begun) > patience {
			signal = syscall.SIGKILL
		}
		for _, p := range found {
			if told[p.Pid] != signal {
				told[p.Pid] = signal
				_ = syscall.Kill(p.Pid, signal) // it may have ended by itself: the next look tells
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end the processes that use %s: still alive %v: %w", dir, found, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}
