package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"snug/bench/load"
	"snug/bench/peers"
)

// side is a server that is measured beside others.
type side struct {
	name    string
	address string
	dialect dialect
	server  func() int   // the process that speaks with the clients
	rest    func() []int // the others that it needs; nil when there are none
	stop    func() error
}

// peer is a server of package peers, run by this program itself in a process of its own.
func peer(ctx context.Context, name string, dialect dialect, args ...string) (*side, error) {
	cmd := exec.Command("/proc/self/exe", append([]string{"peer"}, args...)...)
	return startSide(ctx, name, dialect, cmd)
}

func startSide(ctx context.Context, name string, dialect dialect, cmd *exec.Cmd) (*side, error) {
	p, err := startPeer(ctx, cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &side{name: name, address: p.address, dialect: dialect, server: p.pid, stop: p.stop}, nil
}

// errNoNode is why Socket.IO is left out.
var errNoNode = errors.New("Socket.IO is not measured: it needs node and npm")

// installSocketIO installs Socket.IO from npm into a folder.
func installSocketIO(ctx context.Context, dir string) error {
	_, err := exec.LookPath("node")
	npm, err2 := exec.LookPath("npm")
	if errors.Join(err, err2) != nil {
		return errNoNode
	}
	if err := peers.CopySocketIO(dir); err != nil {
		return err
	}
	install := exec.CommandContext(ctx, npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("%w that can install it: %w: %s", errNoNode, err, out)
	}
	return nil
}

// socketIO runs Socket.IO, which is installed in a folder.
func socketIO(ctx context.Context, dir string) (*side, error) {
	cmd := exec.Command("node", "server.js")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "NODE_ENV=production")
	return startSide(ctx, "Socket.IO", socketIODialect{}, cmd)
}

// everything is the server and all that it needs.
func (s *side) everything() []int {
	pids := []int{s.server()}
	if s.rest != nil {
		pids = append(pids, s.rest()...)
	}
	return pids
}

// dial connects the nth client.
func (s *side) dial(loop *load.Loop, n int, frame func(*load.Client, []byte)) (*load.Client, error) {
	path, header := s.dialect.upgrade(n)
	c, err := loop.Dial(s.address, path, header, frame)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	s.dialect.greet(c)
	return c, c.Flush()
}
