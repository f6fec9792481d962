package supervisor

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// launcher brings processes to life and tells of their end; the reaper's is the real one.
type launcher interface {
	// launch starts a process. The channel yields its exit once it and all its descendants are gone.
	launch(s Service, slot int, r *run) (pid int, ended <-chan Exit, err error)
	// signal reaches the process group led by pid, if it still lives.
	signal(pid int, sig syscall.Signal)
}

// mind is the goroutine of one run. It tells the loop of the launch and of the end, in this order.
func (s *Supervisor) mind(u *unit, r *run, slot int) {
	pid, ended, err := s.launcher.launch(u.Service, slot, r)
	if err != nil {
		s.events <- exited{u, r, Exit{Code: -1, At: time.Now().UTC(), Cause: CauseLaunch, Reason: err.Error()}}
		return
	}
	s.events <- launched{u, r, pid}
	s.events <- exited{u, r, <-ended}
}

// system launches real processes through the reaper.
type system struct {
	reaper *reaper
	log    *slog.Logger
	floods map[string]*flood
}

func (y *system) signal(pid int, sig syscall.Signal) { y.reaper.signalGroup(pid, sig) }

func (y *system) launch(s Service, slot int, r *run) (int, <-chan Exit, error) {
	command, err := s.Command()
	if err != nil {
		return 0, nil, err
	}
	output, input, err := outputPipe()
	if err != nil {
		return 0, nil, err
	}
	if s.Port != nil {
		command.Files = append(slices.Clone(command.Files), s.Port.file)
	}
	child, err := y.reaper.spawn(owner{s.Name, slot}, command, input, s.ParentDeath)
	_ = input.Close()
	if err != nil {
		_ = output.Close()
		return 0, nil, err
	}
	if err := applyOOMScore(child.pid, s.OOMScore); err != nil {
		y.log.Debug("left the OOM score of a process as it was", "service", s.Name, "pid", child.pid, "error", err)
	}
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		capture(captureConfig{
			output:    output,
			log:       y.log.With(serviceKey, s.Name),
			flood:     y.floods[s.Name],
			process:   Process{Pid: child.pid, Slot: slot},
			onLine:    s.OnLine,
			lastError: &r.lastError,
		})
	}()
	ended := make(chan Exit, 1)
	go func() {
		status := <-child.ended
		at := time.Now()
		y.reaper.endDescendants(owner{s.Name, slot})
		<-logged
		exit := newExit(status, at)
		if last := r.lastError.Load(); last != nil && !exit.ok() {
			exit.Reason = *last
		}
		ended <- exit
	}()
	return child.pid, ended, nil
}

// descriptor is File.Fd without its side effect: that one sets the description, which the child shares, to blocking.
func descriptor(file *os.File) (fd uintptr, err error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("pass on %s: %w", file.Name(), err)
	}
	err = conn.Control(func(n uintptr) { fd = n })
	return fd, err
}

// outputPipe is what a child writes its output to: our end does not block, the child's does, as programs expect.
func outputPipe() (output, input *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("make an output pipe: %w", err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, fmt.Errorf("make an output pipe: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "output"), os.NewFile(uintptr(fds[1]), "input"), nil
}
