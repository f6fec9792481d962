package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that this program has started.
type process struct {
	cmd     *exec.Cmd
	address string // where it says that it listens
}

// startLimit and stopLimit bound the start of a server and its end after SIGTERM.
const (
	startLimit = 2 * time.Minute
	stopLimit  = 30 * time.Second
)

// startPeer runs a program whose first line of output is the address that it listens on.
func startPeer(ctx context.Context, cmd *exec.Cmd) (*process, error) {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(out).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	select {
	case p.address = <-line:
	case <-ctx.Done():
	}
	if p.address == "" {
		return nil, errors.Join(fmt.Errorf("%s does not start", cmd.Path), p.stop())
	}
	return p, nil
}

// start runs a program, which ends with this one.
func start(cmd *exec.Cmd) (*process, error) {
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd}, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process, and returns when it has ended.
func (p *process) stop() error {
	kill := time.AfterFunc(stopLimit, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	err := p.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil // by the signal
	}
	return err
}

// tick is the unit of times in /proc/PID/stat, on every Linux: sysconf(_SC_CLK_TCK) is 100.
const tick = 10 * time.Millisecond

// cpuOf is the time that processes have spent on a processor, in user and in system mode, and with them those of their
// children that have ended: PostgreSQL's vacuum comes and goes. One that has ended since it was listed counts for its parent;
// the first must live.
func cpuOf(pids ...int) (total time.Duration, err error) {
	for i, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if i > 0 && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		// The second field, the name in parentheses, may hold spaces; utime, stime, cutime and cstime are the 14th to the 17th.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, field := range fields[11:15] {
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read processor time: %w", err)
			}
			total += time.Duration(ticks) * tick
		}
	}
	return total, nil
}

// memory is what a process holds, in bytes.
type memory struct {
	RSS, PSS int64 // PSS counts pages that several processes share by their share
}

func memoryOf(pid int) (m memory, err error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return m, fmt.Errorf("read memory: %w", err)
	}
	for line := range strings.Lines(string(rollup)) {
		var kb int64
		if _, err := fmt.Sscanf(line, "Rss: %d kB", &kb); err == nil {
			m.RSS = kb << 10
		}
		if _, err := fmt.Sscanf(line, "Pss: %d kB", &kb); err == nil {
			m.PSS = kb << 10
		}
	}
	return m, nil
}

// familyOf is a process and its children.
func familyOf(pid int) []int {
	family := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		children, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(children)) {
			if child, err := strconv.Atoi(field); err == nil {
				family = append(family, child)
			}
		}
	}
	return family
}
