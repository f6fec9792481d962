package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// memoryLimit is how much memory there is to be shared out, and who says so.
type memoryLimit struct {
	Bytes  int64  `json:"bytes"`
	Source string `json:"source"`
}

// ownShare is what Snug plans for on a machine that it was not given a part of: others live there too, and a team's
// chat is quick with this much.
const ownShare = 2 * gB

// findMemory asks the control groups above this process for the lowest limit, and the machine when there is none.
// What was set by SNUG_MEMORY is taken, unless the kernel would kill for it. root is the root of the file system.
func findMemory(root fs.FS, wanted int64) (memoryLimit, error) {
	total, err := machineMemory(root)
	if err != nil {
		return memoryLimit{}, fmt.Errorf("find out how much memory there is: %w; set SNUG_MEMORY to what Snug may use", err)
	}
	limit := memoryLimit{min(total/2, ownShare), fmt.Sprintf("no limit is set; a share of the machine's %s", formatBytes(total))}
	group, limited := groupMemory(root)
	if limited && group.Bytes < total {
		limit = group
	}
	switch {
	case wanted == 0:
	case limited && group.Bytes < wanted:
		limit.Source += ", which is below SNUG_MEMORY"
	case total < wanted:
		limit = memoryLimit{total, "the machine, which has less than SNUG_MEMORY"}
	default:
		limit = memoryLimit{wanted, "SNUG_MEMORY"}
	}
	return limit, nil
}

// machineMemory reads MemTotal, see proc_meminfo(5).
func machineMemory(root fs.FS) (int64, error) {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "MemTotal:"); found {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 53)
			return n * kB, err
		}
	}
	return 0, fmt.Errorf("/proc/meminfo has no MemTotal")
}

// groupMemory is the lowest limit of the control groups that this process is in: a limit of a group is one of all
// below it (cgroups(7)). Both versions are looked at, since a machine may have both mounted.
func groupMemory(root fs.FS) (memoryLimit, bool) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return memoryLimit{}, false
	}
	mounts, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return memoryLimit{}, false
	}
	var lowest memoryLimit
	for _, mount := range groupMounts(mounts) {
		for _, folder := range mount.folders(groups) {
			for _, name := range mount.files {
				file := path.Join(folder, name)
				bytes, set := readLimit(root, file)
				if set && (lowest.Bytes == 0 || bytes < lowest.Bytes) {
					lowest = memoryLimit{bytes, "/" + file}
				}
			}
		}
	}
	return lowest, lowest.Bytes > 0
}

// groupMount is where a hierarchy of control groups is mounted.
type groupMount struct {
	point string // without the first slash, as package fs wants it
	root  string // the group that is mounted there
	// controllers is what stands for the hierarchy in /proc/self/cgroup; empty for version 2.
	controllers string
	files       []string
}

// groupMounts reads /proc/self/mountinfo: six fields and optional ones, a dash, and three more (proc_pid_mountinfo(5)).
func groupMounts(mountinfo []byte) []groupMount {
	var mounts []groupMount
	lines := bufio.NewScanner(bytes.NewReader(mountinfo))
	for lines.Scan() {
		before, after, found := strings.Cut(lines.Text(), " - ")
		fields, rest := strings.Fields(before), strings.Fields(after)
		if !found || len(fields) < 6 || len(rest) < 3 {
			continue
		}
		mount := groupMount{root: fields[3], point: strings.TrimPrefix(path.Clean(fields[4]), "/")}
		switch {
		case rest[0] == "cgroup2":
			mount.files = []string{"memory.max", "memory.high"}
		case rest[0] == "cgroup" && hasItem(rest[2], "memory"):
			mount.controllers, mount.files = "memory", []string{"memory.limit_in_bytes"}
		default:
			continue
		}
		mounts = append(mounts, mount)
	}
	return mounts
}

// folders are those of this process's group and of all above it that can be seen, from /proc/self/cgroup, which has
// lines like 4:memory:/docker/0123 and, for version 2, 0::/docker/0123.
func (m groupMount) folders(groups []byte) []string {
	var folders []string
	for line := range strings.Lines(string(groups)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 || !hasItem(fields[1], m.controllers) {
			continue
		}
		// In a container the group is often told as the host sees it, and mounted as if it were the root.
		below, found := strings.CutPrefix(path.Clean("/"+fields[2]), strings.TrimSuffix(m.root, "/"))
		if !found {
			below = ""
		}
		for folder := path.Join(m.point, below); ; folder = path.Dir(folder) {
			folders = append(folders, folder)
			if folder == m.point || len(folder) < len(m.point) {
				break
			}
		}
	}
	return folders
}

func hasItem(list, item string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one == item {
			return true
		}
	}
	return false
}

// readLimit reads a number of bytes. None is "max", or in version 1 a number too large to be meant.
func readLimit(root fs.FS, file string) (int64, bool) {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return 0, false // of the controllers only some are there
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil && n > 0 && n < 1<<60
}
