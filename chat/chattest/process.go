package chattest

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// Process is a child process that does not outlive the test.
type Process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// StartProcess starts cmd, which gets SIGKILL at the end of the test, and when the test process dies.
func StartProcess(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := &Process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // prctl(2): the death that is told is that of the thread that forked
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(p.exited)
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", cmd.Path, err)
	}
	t.Cleanup(p.Kill)
	return p
}

// Signal sends a signal, and does not wait. A process that has ended takes no harm.
func (p *Process) Signal(sig syscall.Signal) { _ = p.cmd.Process.Signal(sig) }

// Kill ends the process without giving it a chance, and returns when it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.exited
}

// End asks the process to end, and returns when it is gone; when it takes longer than that, it is killed.
func (p *Process) End(patience time.Duration) {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.Kill()
	}
}

// Pid is the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }
