package supervisor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// maxFileLimit is the kernel's own default for fs.nr_open. Some container engines allow a thousand times as many, and
// programs that walk all descriptors they might have, of which there are a few, then need minutes for it.
const maxFileLimit = 1 << 20

// FileLimit is how many files each process of a service may have open: RLIMIT_NOFILE, raised as far as that can be
// done without privileges, and at most to what is sane (getrlimit(2)).
func FileLimit() (uint64, error) {
	limit, err := fileLimit()
	return limit.Cur, err
}

func fileLimit() (syscall.Rlimit, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return limit, fmt.Errorf("read the limit of open files: %w", err)
	}
	limit.Cur = max(limit.Cur, min(limit.Max, maxFileLimit))
	return limit, nil
}

// setLimits sets what every process from here on inherits: no core dumps, which would write what was said and the
// passwords to a disk, and as many open files as may be had.
func setLimits() error {
	var errs []error
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		errs = append(errs, fmt.Errorf("turn core dumps off: %w", err))
	}
	limit, err := fileLimit()
	if err == nil {
		// Go has raised the soft limit for this process alone and gives its children the one from before, unless the
		// limit is set by the program, through package syscall (syscall/rlimit.go).
		err = syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("raise the limit of open files: %w", err))
	}
	return errors.Join(errs...)
}

// maxOOMScore and -maxOOMScore bound oom_score_adj, see proc_pid_oom_score_adj(5).
const maxOOMScore = 1000

// OOMScoreAdj is what a service with that [Service].OOMScore gets as its oom_score_adj, in a supervisor whose own is
// that of this process. The score is a place in the room that is left between that and the kernel's bounds, so services
// keep their order wherever an engine has put the container: with 0 of its own it is the score itself, with 900 a
// score of 300 becomes 930.
func OOMScoreAdj(score int) (int, error) {
	text, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		return 0, err
	}
	own, err := strconv.Atoi(string(text[:max(0, len(text)-1)]))
	if err != nil {
		return 0, fmt.Errorf("read /proc/self/oom_score_adj: %w", err)
	}
	return placeOOMScore(own, score), nil
}

func placeOOMScore(own, score int) int {
	score = min(max(score, -maxOOMScore), maxOOMScore)
	if score < 0 {
		return own + score*(maxOOMScore+own)/maxOOMScore
	}
	return own + score*(maxOOMScore-own)/maxOOMScore
}

// applyOOMScore is for a process that was just started. What it forks from then on inherits the score. A negative
// score needs CAP_SYS_RESOURCE; without it the error is fs.ErrPermission, and the process has the supervisor's own.
func applyOOMScore(pid, score int) error {
	if score == 0 {
		return nil
	}
	adjustment, err := OOMScoreAdj(score)
	if err != nil {
		return err
	}
	path := filepath.Join("/proc", strconv.Itoa(pid), "oom_score_adj")
	return os.WriteFile(path, []byte(strconv.Itoa(adjustment)), 0)
}
