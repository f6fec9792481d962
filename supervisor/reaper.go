package supervisor

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// SlotVariable tells a process its slot, see [Process]. With serviceVariable it marks the process, and all that descend
// from it, as part of one life of one service.
const (
	SlotVariable    = "SUPERVISOR_SLOT"
	serviceVariable = "SUPERVISOR_SERVICE"
)

// owner is the life of a service to which a process belongs.
type owner struct {
	service string
	slot    int
}

func (o owner) variables() []string {
	return []string{serviceVariable + "=" + o.service, SlotVariable + "=" + strconv.Itoa(o.slot)}
}

// reaper starts every process and waits for every process, so that nothing else in the program calls wait(2).
// Orphans of any depth are handed to it by the kernel, either as PID 1 or as a child subreaper (prctl(2)).
type reaper struct {
	forks   chan forkRequest
	sigchld chan os.Signal

	mu       sync.Mutex
	children map[int]*child
}

// child is a process that was started here and has not been waited for.
type child struct {
	pid   int
	ended chan syscall.WaitStatus
}

type forkRequest struct {
	path  string
	argv  []string
	attr  *syscall.ProcAttr
	reply chan forkReply
}

type forkReply struct {
	child *child
	err   error
}

func newReaper() (*reaper, error) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become a child subreaper: %w", err)
	}
	return &reaper{
		forks:    make(chan forkRequest),
		sigchld:  make(chan os.Signal, 1),
		children: map[int]*child{},
	}, nil
}

// run works until ctx ends. It must outlive every process that it started.
func (r *reaper) run(ctx context.Context) {
	signal.Notify(r.sigchld, unix.SIGCHLD)
	var workers sync.WaitGroup
	workers.Go(func() { r.forkAll(ctx) })
	workers.Go(func() { r.waitAll(ctx) })
	workers.Wait()
	signal.Stop(r.sigchld)
}

// forkAll forks on one thread which lives as long as the reaper: the kernel sends PR_SET_PDEATHSIG when the
// *thread* that forked ends, not the process (prctl(2)).
func (r *reaper) forkAll(ctx context.Context) {
	runtime.LockOSThread()
	for {
		select {
		case <-ctx.Done():
			return
		case request := <-r.forks:
			request.reply <- r.fork(request)
		}
	}
}

// fork holds the lock until the new pid is known, so that a process which ends at once is not taken for an orphan.
func (r *reaper) fork(request forkRequest) forkReply {
	r.mu.Lock()
	defer r.mu.Unlock()
	pid, err := syscall.ForkExec(request.path, request.argv, request.attr)
	if err != nil {
		return forkReply{err: fmt.Errorf("launch %s: %w", request.path, err)}
	}
	c := &child{pid: pid, ended: make(chan syscall.WaitStatus, 1)}
	r.children[pid] = c
	return forkReply{child: c}
}

// start launches a process that leads its own group. Its end is told on the child's channel.
func (r *reaper) start(path string, argv []string, attr *syscall.ProcAttr) (*child, error) {
	reply := make(chan forkReply, 1)
	r.forks <- forkRequest{path: path, argv: argv, attr: attr, reply: reply}
	answer := <-reply
	return answer.child, answer.err
}

// spawn starts a command as a part of a life of a service. Its standard output and error go to output, its input is
// empty, and death is what the kernel sends it when we die.
func (r *reaper) spawn(of owner, command Command, output *os.File, death syscall.Signal) (*child, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attr := &syscall.ProcAttr{
		Dir: command.Dir,
		Env: append(slices.Clone(command.Env), of.variables()...),
		Sys: &syscall.SysProcAttr{Setpgid: true, Pdeathsig: death},
	}
	for _, file := range append([]*os.File{null, output, output}, command.Files...) {
		fd, err := descriptor(file)
		if err != nil {
			return nil, err
		}
		attr.Files = append(attr.Files, fd)
	}
	return r.start(command.Path, command.Args, attr)
}

// waitAll reaps whenever a child ended. Signals are merged by the kernel, so each one reaps all there is.
func (r *reaper) waitAll(ctx context.Context) {
	for {
		r.reap()
		select {
		case <-ctx.Done():
			return
		case <-r.sigchld:
		}
	}
}

func (r *reaper) reap() {
	for {
		r.mu.Lock()
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			r.mu.Unlock()
			continue
		}
		if err != nil || pid <= 0 {
			r.mu.Unlock()
			return
		}
		c, known := r.children[pid]
		delete(r.children, pid)
		r.mu.Unlock()
		if known {
			c.ended <- ws
		}
	}
}

// signalGroup signals the process group that a child leads, unless the child was waited for already:
// from then on its number may belong to somebody else.
func (r *reaper) signalGroup(pid int, sig syscall.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, alive := r.children[pid]; alive {
		_ = syscall.Kill(-pid, sig) // fails only if all of the group have just ended
	}
}

// huntInterval is how often descendants are looked for until none is left.
const huntInterval = 2 * time.Millisecond

// endDescendants kills what a life of a service left behind when its main process ended, whatever group or session it
// moved to. The kernel makes such processes our children; killing those makes theirs ours, and so on.
func (r *reaper) endDescendants(of owner) {
	for r.killOrphans(of) > 0 {
		time.Sleep(huntInterval)
	}
}

// killOrphans returns how many it has seen; none means that there is none.
func (r *reaper) killOrphans(of owner) int {
	r.mu.Lock() // nothing is reaped meanwhile, so no number changes hands between the look and the kill
	defer r.mu.Unlock()
	left := 0
	for _, p := range r.orphans() {
		if p.zombie { // it may have left a child that is younger than our list
			left++
			continue
		}
		// One that hid its environment is taken for this service's: it came to us just as this one ended.
		if owner, named := ownerOf(p.pid); !named || owner == of {
			left++
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
	}
	return left
}

// orphans are our children that were not started here: what came to us when it lost its parents. It is called with
// the lock held.
func (r *reaper) orphans() []procEntry {
	self := os.Getpid()
	return slices.DeleteFunc(processes(), func(p procEntry) bool { return p.ppid != self || r.children[p.pid] != nil })
}
