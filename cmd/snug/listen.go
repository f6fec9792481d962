package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// inheritedPort names the descriptor of a public port that was opened already: by root, before it became another user, or
// by the supervisor, for chat.
const inheritedPort = "SNUG_LISTEN_FD"

// openPort opens the public port, or takes the one that was handed over.
func openPort(settings Settings) (*net.TCPListener, error) {
	if fd := os.Getenv(inheritedPort); fd != "" {
		return takePort(fd)
	}
	listener, err := net.Listen("tcp", string(settings.Listen))
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("port %s is in use by another program: stop that one, or choose another port with SNUG_LISTEN or --listen", settings.Listen)
	}
	if errors.Is(err, unix.EACCES) {
		return nil, fmt.Errorf("port %s may be opened by root only: choose one above 1023 with SNUG_LISTEN or --listen", settings.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("open the public port: %w", err)
	}
	return listener.(*net.TCPListener), nil
}

func takePort(fd string) (*net.TCPListener, error) {
	_ = os.Unsetenv(inheritedPort) // nobody else is to take it
	number, err := strconv.Atoi(fd)
	if err != nil {
		return nil, fmt.Errorf("%s=%s is no descriptor", inheritedPort, fd)
	}
	file := os.NewFile(uintptr(number), "public port")
	defer file.Close()
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("take over the public port: %w", err)
	}
	port, ok := listener.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("take over the public port: descriptor %d is no TCP listener", number)
	}
	return port, nil
}

// portAt is the variable that tells where the public port is.
func portAt(fd int) string { return fmt.Sprintf("%s=%d", inheritedPort, fd) }

// inheritPort makes the port survive an exec, and returns the variable that tells of it.
func inheritPort(port *net.TCPListener) (string, error) {
	file, err := port.File()
	if err != nil {
		return "", fmt.Errorf("hand over the public port: %w", err)
	}
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD, 3) // without close-on-exec
	if err != nil {
		return "", fmt.Errorf("hand over the public port: %w", err)
	}
	return portAt(fd), nil
}
