package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"snug/supervisor"
)

// running is a whole appliance in processes of its own.
type running struct {
	t    testing.TB
	cmd  *exec.Cmd
	log  *logBuffer
	data string
	// url is where its public port is.
	url   string
	ended chan struct{}
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// dataIn makes an empty folder for data with a path short enough for sockets.
func dataIn(t testing.TB) string {
	t.Helper()
	base, err := os.MkdirTemp("", "snug")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(base, 0o755); err != nil { // the unprivileged user must get through
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	return filepath.Join(base, "data")
}

// start runs `snug serve` on a data folder, and returns when it says its address.
func start(t testing.TB, data string, environ ...string) *running {
	t.Helper()
	r := launch(t, data, environ...)
	r.awaitAddress()
	return r
}

func (r *running) awaitAddress() {
	r.t.Helper()
	r.within(30*time.Second, func() error {
		if r.url = r.find(`snug starts .*url=(\S+)`); r.url == "" {
			return fmt.Errorf("it has not said where it listens")
		}
		return nil
	})
}

// launch runs `snug serve` without waiting for anything.
func launch(t testing.TB, data string, environ ...string) *running {
	t.Helper()
	return launchProgram(t, "/proc/self/exe", data, environ...)
}

// launchProgram is launch with a binary other than the test's.
func launchProgram(t testing.TB, program, data string, environ ...string) *running {
	t.Helper()
	r := &running{t: t, data: data, log: &logBuffer{}, ended: make(chan struct{})}
	r.cmd = snugCommand(data, append([]string{"SNUG_LISTEN=127.0.0.1:0"}, environ...), "serve")
	r.cmd.Path = program
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			t.Logf("log of the appliance:\n%s", r.log)
		}
	})
	return r
}

func snugCommand(data string, environ []string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), mainVariable+"=1", "SNUG_DATA="+data, "SNUG_RUN="+filepath.Join(filepath.Dir(data), "run"))
	cmd.Env = append(cmd.Env, environ...)
	return cmd
}

// kill ends whatever is left of the appliance.
func (r *running) kill() {
	_ = r.cmd.Process.Kill()
	<-r.ended
	r.within(10*time.Second, func() error {
		left := r.processes()
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		if len(left) > 0 {
			return fmt.Errorf("processes %v are left", left)
		}
		return nil
	})
}

// stop sends SIGTERM, and wants exit code 0 and no process left.
func (r *running) stop() {
	r.t.Helper()
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.ended:
	case <-time.After(30 * time.Second):
		r.t.Fatal("it does not stop")
	}
	if code := r.cmd.ProcessState.ExitCode(); code != exitDone {
		r.t.Errorf("exit code %d", code)
	}
	if left := r.processes(); len(left) > 0 {
		r.t.Errorf("processes %v are left", left)
	}
}

// processes are all that work on this data folder, by their arguments, environment or working directory.
func (r *running) processes() []int {
	var found []int
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		environ, _ := os.ReadFile(dir + "/environ")
		cwd, _ := os.Readlink(dir + "/cwd")
		stat, _ := os.ReadFile(dir + "/stat")
		if bytes.Contains(stat, []byte(") Z ")) || pid == os.Getpid() {
			continue
		}
		if slices.Contains(strings.Split(string(environ), "\x00"), "SNUG_DATA="+r.data) || strings.HasPrefix(cwd, r.data) {
			found = append(found, pid)
		}
	}
	return found
}

// find returns the first group of the first match in the log.
func (r *running) find(pattern string) string {
	match := regexp.MustCompile(pattern).FindStringSubmatch(r.log.String())
	if match == nil {
		return ""
	}
	return strings.Trim(match[1], `"`)
}

// within polls until check returns nil, and fails with its last error.
func (r *running) within(limit time.Duration, check func() error) {
	r.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("not within %s: %v\n%s", limit, err, r.log)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// health asks the public port, over a new connection.
func (r *running) health() (supervisor.Health, error) {
	var health supervisor.Health
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(r.url + "/api/health")
	if err != nil {
		return health, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return health, err
	}
	return health, json.Unmarshal(body, &health)
}

func (r *running) healthy() {
	r.t.Helper()
	r.within(60*time.Second, func() error {
		health, err := r.health()
		if err == nil && health.Status != supervisor.ConditionHealthy {
			err = errors.New(describeHealth(health))
		}
		return err
	})
}

// snug runs a command against the appliance.
func (r *running) snug(args ...string) (output string, code int) {
	cmd := snugCommand(r.data, nil, args...)
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// pid is the process of a service, as `snug status --json` tells it.
func (r *running) pid(service string) int {
	r.t.Helper()
	out, code := r.snug("status", "--json")
	var report supervisor.StatusReport
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitDone {
		r.t.Fatalf("snug status --json: %v, %s", err, out)
	}
	for _, status := range report.Services {
		if status.Name == service {
			return status.Pid
		}
	}
	r.t.Fatalf("no service %s in %s", service, out)
	return 0
}

// call makes an API call and decodes its answer.
func (r *running) call(method, path, token string, body, answer any) error {
	encoded, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(method, r.url+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %d %s", method, path, response.StatusCode, content)
	}
	return json.Unmarshal(content, answer)
}
