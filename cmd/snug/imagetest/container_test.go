//go:build image

package imagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// container is a running Snug, with its public port on the loopback interface of the host.
type container struct {
	t    testing.TB
	name string
	addr string
}

// start runs the image on the host's network, at a port of its own, with the options of docker run before the image and
// the arguments of snug after it. The container is removed at the end of the test; its log is shown if that failed.
func start(t testing.TB, options []string, args ...string) *container {
	t.Helper()
	c := create(t, options, args...)
	docker(t, "start", c.name)
	return c
}

// create is start without the start.
func create(t testing.TB, options []string, args ...string) *container {
	t.Helper()
	c := &container{t: t, name: uniqueName(), addr: freeAddress(t)}
	all := append([]string{"create", "--name", c.name, "--network", "host", "-e", "SNUG_LISTEN=" + c.addr}, options...)
	docker(t, append(append(all, image()), args...)...)
	c.removeAtEnd()
	return c
}

func (c *container) removeAtEnd() {
	c.t.Cleanup(func() {
		if c.t.Failed() {
			c.t.Logf("log of %s:\n%s", c.name, lastLines(c.logs(), 40))
		}
		_, _ = try(context.Background(), "rm", "-f", "-v", c.name)
	})
}

func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}

// uniqueName is a name that no other container or volume has.
func uniqueName() string { return fmt.Sprintf("snug-test-%d", time.Now().UnixNano()) }

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// volume makes a named volume for the test alone, and returns its name.
func volume(t testing.TB) string {
	t.Helper()
	name := docker(t, "volume", "create", uniqueName())
	t.Cleanup(func() { _, _ = try(context.Background(), "volume", "rm", "-f", name) })
	return name
}

// snug runs a command of snug in the container, which must succeed.
func (c *container) snug(args ...string) string {
	c.t.Helper()
	return docker(c.t, append([]string{"exec", c.name, "snug"}, args...)...)
}

// logs is all that the container has printed.
func (c *container) logs() string {
	c.t.Helper()
	out, err := exec.Command("docker", "logs", c.name).CombinedOutput()
	if err != nil {
		c.t.Fatal(err)
	}
	return string(out)
}

// inspect asks docker for a field, by a template such as {{.State.ExitCode}}.
func (c *container) inspect(template string) string {
	c.t.Helper()
	return docker(c.t, "inspect", "--format", template, c.name)
}

// health is the answer of /api/health.
type health struct {
	Status   string
	Version  string
	Services []struct {
		Name     string
		State    string
		Restarts int
		Check    struct{ Error string }
		LastExit *struct{ Reason string } `json:"last_exit"`
	}
}

func (c *container) health() (health, error) {
	var h health
	client := http.Client{Timeout: 2 * time.Second}
	response, err := client.Get("http://" + c.addr + "/api/health")
	if err != nil {
		return h, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal(body, &h)
}

// waitLimit is how long anything may take that is waited for. It is long: tests share their machine.
const waitLimit = 30 * time.Second

// becomes waits for a status of the health.
func (c *container) becomes(status string) {
	c.t.Helper()
	eventually(c.t, waitLimit, func() error {
		h, err := c.health()
		if err != nil {
			return err
		}
		if h.Status != status {
			return fmt.Errorf("it is %s: %+v", h.Status, h.Services)
		}
		return nil
	})
}

// stop is docker stop: it must take less than the 10 s after which docker kills, and PostgreSQL must have ended cleanly.
func (c *container) stop() time.Duration {
	c.t.Helper()
	began := time.Now()
	docker(c.t, "stop", c.name)
	took := time.Since(began)
	if code := c.inspect("{{.State.ExitCode}}"); code != "0" {
		c.t.Errorf("docker stop: the container ended with code %s", code)
	}
	if log := c.logs(); strings.Contains(log, "was not properly shut down") {
		c.t.Errorf("PostgreSQL was not shut down properly:\n%s", log)
	}
	return took
}
