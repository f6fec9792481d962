package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime/debug"
	"strings"

	"golang.org/x/sys/unix"

	"snug/chat"
)

// supervisorGC is GOGC for the supervisor: its heap is small and seldom written to, so a tight one costs nothing.
const supervisorGC = 25

// settleMemory is called in the supervisor once the start is over. It gives back what only the start needed: of the pages of
// the program most belong to chat and are never used again here.
func settleMemory(log *slog.Logger) {
	debug.SetGCPercent(supervisorGC)
	giveBackMemory(log)
}

// giveBackMemory gives back what is not in use: of the heap, and of the program.
func giveBackMemory(log *slog.Logger) {
	debug.FreeOSMemory()
	giveBackProgram(log)
}

// chatGarbage is how much garbage chat may hold, in percent of what it needs. What it needs is mostly small and there to stay;
// its collector has little to do.
const chatGarbage = 50

// floodGarbage is the same while many write at once: then it has much to do.
const floodGarbage = 400

// chatMemory sets how much garbage chat may hold, unless the user has, by GOGC, and returns what chat does about its memory.
func chatMemory(gogc string, log *slog.Logger) chat.Memory {
	collect := func(percent int) {
		if gogc == "" {
			debug.SetGCPercent(percent)
		}
	}
	collect(chatGarbage)
	return chat.Memory{
		Flood: func() { collect(floodGarbage) },
		Rest: func() {
			collect(chatGarbage)
			giveBackMemory(log)
		},
	}
}

// giveBackProgram gives back the pages of the program itself. The kernel takes those that are used again from its page cache.
func giveBackProgram(log *slog.Logger) {
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		log.Debug("kept the pages of the program that the start needed", "error", err)
		return
	}
	defer smaps.Close()
	for _, m := range cleanMappings(smaps) {
		// Not unix.Madvise, which takes only memory that was mapped by that package.
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.length, unix.MADV_DONTNEED); errno != 0 {
			log.Debug("kept the pages of the program that the start needed", "error", errno)
		}
	}
}

// mapping is a range of addresses.
type mapping struct{ start, length uintptr }

// cleanMappings reads proc_pid_smaps(5) and returns what is mapped from a file, cannot be written to and was not: only
// there does the file have all that is in memory. (The loader writes to mappings that are read-only later on.)
func cleanMappings(smaps io.Reader) []mapping {
	var found []mapping
	var current mapping
	eligible := false
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		var from, to uintptr
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); err == nil {
			current = mapping{from, to - from}
			eligible = len(fields) == 6 && strings.HasPrefix(fields[5], "/") && strings.HasPrefix(fields[1], "r") &&
				!strings.Contains(fields[1], "w") && strings.HasSuffix(fields[1], "p")
			continue
		}
		if eligible && len(fields) == 3 && fields[0] == "Anonymous:" && fields[1] == "0" {
			found = append(found, current)
		}
	}
	return found
}
