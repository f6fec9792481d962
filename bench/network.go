package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// runAlone runs this program again, in a network of its own, once what comes from the internet is there.
func (p plan) runAlone(ctx context.Context, args []string) (err error) {
	dir, err := os.MkdirTemp("", "snug-bench-peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	nodeDir := ""
	if p.part.has(deliveries) {
		switch err := installSocketIO(ctx, dir); {
		case errors.Is(err, errNoNode):
			fmt.Println(err)
		case err != nil:
			return err
		default:
			nodeDir = dir
		}
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{"alone", nodeDir}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	return inOwnNetwork(cmd.Run)
}

// inOwnNetwork lets do start programs in a network namespace (network_namespaces(7)) that has a loopback and no more: without
// the packet filter that container engines leave behind, and without a congestion control that paces (BBR), which the machine's
// administrator may have chosen for the internet. On a loopback, either can cost more than what is measured.
func inOwnNetwork(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for ever: the thread, which is in the namespace, ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		switch {
		case errors.Is(err, unix.EPERM):
			fmt.Println("Only root can have a network of its own: what this machine does to its loopback is measured, too.")
			err = nil
		case err != nil:
			err = fmt.Errorf("make a network namespace: %w", err)
		default:
			err = openLoopback()
		}
		if err == nil {
			err = do()
		}
		done <- err
	}()
	return <-done
}

// openLoopback makes the loopback of a new network usable.
func openLoopback() error {
	if err := os.WriteFile("/proc/sys/net/ipv4/tcp_congestion_control", []byte("reno"), 0); err != nil { // which every Linux has
		return fmt.Errorf("choose how TCP avoids congestion: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	defer unix.Close(fd)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, loopback); err != nil { // netdevice(7)
		return fmt.Errorf("bring the loopback up: %w", err)
	}
	return nil
}
