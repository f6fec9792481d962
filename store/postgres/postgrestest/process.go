package postgrestest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// Process is a program that runs as User, in a process group of its own, and that does not outlive the test process.
type Process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start runs argv in dir, with its output in log. When the test process dies it gets deathSignal.
func Start(dir string, log *os.File, deathSignal syscall.Signal, argv ...string) (*Process, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	cmd.SysProcAttr = Attributes()
	cmd.SysProcAttr.Pdeathsig = deathSignal
	started, exited := make(chan error), make(chan struct{})
	go func() {
		// prctl(2): the "parent" whose death is told is the thread that forked, so that thread is kept until the end.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended stays in cmd.ProcessState
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", argv[0], err)
	}
	return &Process{cmd: cmd, exited: exited}, nil
}

// Pid is the process id, also after the process has ended.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process alone, and does not wait. One that has ended takes no harm.
func (p *Process) Signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// Exited is closed when the process has ended and was waited for.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// State waits for the process and says how it ended.
func (p *Process) State() *os.ProcessState {
	<-p.exited
	return p.cmd.ProcessState
}
