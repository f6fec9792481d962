package chattest

import (
	"net"
	"os/exec"
	"syscall"
	"testing"
)

// StartRedis runs Debian's redis-server as the cache until the test ends, and skips the test where it is not installed.
func StartRedis(t testing.TB) *Cache {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (Debian: apt-get install redis-server)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") // for a free port
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()
	dir := t.TempDir()
	return StartCacheProcess(t, "redis://127.0.0.1:"+port, func() *exec.Cmd {
		return exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--dir", dir, "--save", "", "--appendonly", "no")
	})
}

// StartCacheProcess runs a cache server at the URL until the test ends, as a process that each start makes anew.
func StartCacheProcess(t testing.TB, url string, command func() *exec.Cmd) *Cache {
	t.Helper()
	c := &Cache{URL: url, command: command}
	c.Start(t)
	return c
}

// Signal sends a signal to a cache that runs as a process of its own.
func (c *Cache) Signal(sig syscall.Signal) { c.process.Signal(sig) }
