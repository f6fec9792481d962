package supervisor

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// TCPCheck is good when addr, such as 127.0.0.1:8080, accepts a connection.
func TCPCheck(addr string) Check { return dialCheck("tcp", addr) }

// UnixCheck is good when somebody accepts on the unix socket at path.
func UnixCheck(path string) Check { return dialCheck("unix", path) }

func dialCheck(network, addr string) Check {
	return FuncCheck(func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// URLCheck asks for an http or https URL, by a new connection each time; a status from 200 to 299 is good. A redirect is
// not followed, and is not good.
func URLCheck(url string) Check {
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return FuncCheck(func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		return judgeAnswer(response)
	})
}

// HTTPCheck asks for a path on an HTTP server behind a unix socket, by a new connection each time; any status
// from 200 to 299 is good. The first line of another answer is the error. In the socket's path {slot} stands for the
// slot of the process. It is asked all day long, and needs neither the pool nor the goroutines of a client of net/http.
func HTTPCheck(socket, path string) Check {
	return func(ctx context.Context, p Process) error {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", strings.ReplaceAll(socket, "{slot}", strconv.Itoa(p.Slot)))
		if err != nil {
			return err
		}
		defer conn.Close()
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		defer stop()
		if err := askHTTP(conn, path); ctx.Err() == nil {
			return err
		}
		return ctx.Err()
	}
}

func askHTTP(conn net.Conn, path string) error {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: service\r\nConnection: close\r\n\r\n", path); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return judgeAnswer(response)
}

func judgeAnswer(response *http.Response) error {
	if response.StatusCode/100 == 2 {
		return nil
	}
	return fmt.Errorf("answered %d: %s", response.StatusCode, firstLine(response.Body))
}

func firstLine(r io.Reader) string {
	line, _ := bufio.NewReader(io.LimitReader(r, 512)).ReadString('\n')
	return strings.TrimSpace(line)
}

// SteadyCheck is good once the process has run for as long. It is for programs that nothing can be asked of.
func SteadyCheck(d time.Duration) Check {
	return func(_ context.Context, p Process) error {
		age, err := processAge(p.Pid)
		if err == nil && age < d {
			err = fmt.Errorf("is ready when it has run for %s", d)
		}
		return err
	}
}

// processAge is how long ago a process was started.
func processAge(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0, fmt.Errorf("look at process %d: %w", pid, err)
	}
	entry, ok := parseStat(stat)
	if !ok || entry.started == 0 {
		return 0, fmt.Errorf("look at process %d: its stat is cut short", pid)
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0, err
	}
	return time.Duration(now.Nano()) - entry.started, nil
}

// CommandCheck is good when the command exits with code 0; the last line that it printed is the error otherwise. When
// ctx ends before, all of the command's process group is killed. What it leaves behind in its group is killed, too.
func CommandCheck(command Command) Check {
	return func(ctx context.Context, p Process) error {
		if p.reaper == nil {
			return errors.New("a command can be run only by a supervisor")
		}
		return p.reaper.runCommand(ctx, owner{p.service, p.Slot}, command)
	}
}

// runCommand runs a command to its end, on behalf of a service. Only the reaper may wait for processes, so os/exec cannot.
func (r *reaper) runCommand(ctx context.Context, of owner, command Command) error {
	output, input, err := outputPipe()
	if err != nil {
		return err
	}
	defer output.Close()
	child, err := r.spawn(of, command, input, syscall.SIGKILL)
	_ = input.Close()
	if err != nil {
		return err
	}
	last := make(chan string, 1)
	go func() { last <- lastLine(output) }()
	status, err := r.await(ctx, child)
	r.endGroup(child.pid)
	_ = output.SetReadDeadline(time.Now().Add(leftoverOutput))
	said := <-last
	switch {
	case err != nil:
		return err
	case status.ExitStatus() == 0:
		return nil
	}
	how := fmt.Sprintf("exit code %d", status.ExitStatus())
	if status.Signaled() {
		how = signalName(status.Signal())
	}
	if said != "" {
		how += ": " + said
	}
	return errors.New(how)
}

// leftoverOutput is how long the output of an ended command is waited for: one that left its group may hold it open.
const leftoverOutput = 50 * time.Millisecond

// await returns how the child ended. When ctx ends before, its group is killed.
func (r *reaper) await(ctx context.Context, child *child) (syscall.WaitStatus, error) {
	select {
	case status := <-child.ended:
		return status, nil
	case <-ctx.Done():
		r.signalGroup(child.pid, syscall.SIGKILL)
		return <-child.ended, ctx.Err()
	}
}

// endGroup kills what is left of a group whose leader has ended. The kernel makes such processes our children. As long
// as there is one, the number of the group is not given to another.
func (r *reaper) endGroup(group int) {
	for r.killGroup(group) {
		time.Sleep(huntInterval)
	}
}

func (r *reaper) killGroup(group int) (found bool) {
	r.mu.Lock() // nothing is reaped meanwhile, so no number changes hands between the look and the kill
	defer r.mu.Unlock()
	for _, p := range r.orphans() {
		if pgid, err := unix.Getpgid(p.pid); err != nil || pgid != group {
			continue
		}
		found = true
		_ = syscall.Kill(p.pid, syscall.SIGKILL) // fails only if it has ended
	}
	return found
}

// lastLine reads to the end and returns the last line that is not empty, of the last few that were printed.
func lastLine(r io.Reader) string {
	var tail []byte
	buffer := make([]byte, 4096)
	for {
		n, err := r.Read(buffer)
		tail = append(tail, buffer[:n]...)
		tail = tail[max(0, len(tail)-512):]
		if err != nil {
			break
		}
	}
	text := strings.TrimSpace(strings.ToValidUTF8(string(tail), ""))
	return strings.TrimSpace(text[strings.LastIndexByte(text, '\n')+1:])
}
