//go:build image

package imagetest

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// composePrograms are the ways to run Compose that this machine has: the plugin of Docker, which is version 2, and
// Debian's docker-compose, which is 1.29.
func composePrograms(t testing.TB) [][]string {
	t.Helper()
	var found [][]string
	for _, program := range [][]string{{"docker", "compose"}, {"docker-compose"}} {
		version := append(slices.Clone(program), "version")
		if _, err := run(exec.CommandContext(t.Context(), version[0], version[1:]...)); err == nil {
			found = append(found, program)
		}
	}
	if len(found) == 0 {
		t.Skip("Compose is not on this machine: on Debian, `apt-get install docker-compose` brings it")
	}
	return found
}

// eachCompose runs a test with every Compose of this machine.
func eachCompose(t *testing.T, test func(t *testing.T, program []string)) {
	for _, program := range composePrograms(t) {
		t.Run(strings.Join(program, " "), func(t *testing.T) { test(t, program) })
	}
}

// project is a compose file of the repository, brought up under a name of its own.
type project struct {
	t       testing.TB
	program []string
	files   []string
	environ []string
	// name is the prefix of all that Compose makes; port is the one of the host that PORT gives the file.
	name, port string
}

// openProject prepares a compose file. Its Snug is the image under test, and it publishes free ports of this machine:
// variables are those that the file takes them from. What is in override is laid over the file. All that belongs to the
// project is removed after the test.
func openProject(t testing.TB, program []string, file, override string, variables ...string) *project {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "..", file))
	if err != nil {
		t.Fatal(err)
	}
	p := &project{t: t, program: program, files: []string{path}, environ: os.Environ(), name: fmt.Sprintf("snugtest%d", time.Now().UnixNano())}
	for _, variable := range append(variables, "PORT") {
		_, p.port, _ = net.SplitHostPort(freeAddress(t))
		p.environ = append(p.environ, variable+"="+p.port)
	}
	if override != "" {
		over := filepath.Join(t.TempDir(), "override.yaml")
		if err := os.WriteFile(over, []byte(override), 0o644); err != nil {
			t.Fatal(err)
		}
		p.files = append(p.files, over)
	}
	t.Cleanup(p.remove)
	return p
}

// remove takes down what is left, and shows the log of a test that failed.
func (p *project) remove() {
	if p.t.Failed() {
		log, err := p.try(context.Background(), "logs", "--tail", "40")
		p.t.Logf("logs: %v\n%s", err, log)
	}
	if _, err := p.try(context.Background(), "down", "--volumes", "--timeout", "5"); err != nil {
		p.t.Error(err)
	}
}

func (p *project) try(ctx context.Context, args ...string) (string, error) {
	all := append(slices.Clone(p.program[1:]), "-p", p.name)
	for _, file := range p.files {
		all = append(all, "-f", file)
	}
	cmd := exec.CommandContext(ctx, p.program[0], append(all, args...)...)
	cmd.Env = p.environ
	return run(cmd)
}

// compose runs Compose, which must succeed.
func (p *project) compose(args ...string) string {
	p.t.Helper()
	out, err := p.try(p.t.Context(), args...)
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSpace(out)
}

// up brings the project up, and waits until every container is healthy, or has ended well.
func (p *project) up() {
	p.t.Helper()
	p.compose("up", "-d", "--no-build")
	eventually(p.t, time.Minute, func() error {
		for _, id := range p.containers() {
			state := docker(p.t, "inspect", "--format", "{{.Name}} {{.State.Status}} {{.State.ExitCode}} {{with .State.Health}}{{.Status}}{{end}}", id)
			if !strings.HasSuffix(state, " running 0 healthy") && !strings.HasSuffix(state, " exited 0") {
				return fmt.Errorf("%s", cmp.Or(state, "no state"))
			}
		}
		return nil
	})
}

// containers are the ids of all containers of the project, those that have ended too.
func (p *project) containers() []string {
	p.t.Helper()
	ids := strings.Fields(docker(p.t, "ps", "-aq", "--filter", "label=com.docker.compose.project="+p.name))
	if len(ids) == 0 {
		p.t.Fatal("the project has no container")
	}
	return ids
}

// container is the id of a service's container.
func (p *project) container(service string) string {
	p.t.Helper()
	return docker(p.t, "ps", "-aq", "--filter", "label=com.docker.compose.project="+p.name,
		"--filter", "label=com.docker.compose.service="+service)
}

// url is the public address of the project.
func (p *project) url() string { return "http://127.0.0.1:" + p.port }

// direct is the address of a service's port 8080 in the network "front", past whatever is before it.
func (p *project) direct(service string) string {
	p.t.Helper()
	address := docker(p.t, "inspect", "--format",
		fmt.Sprintf("{{(index .NetworkSettings.Networks %q).IPAddress}}", p.name+"_front"), p.container(service))
	return "http://" + net.JoinHostPort(address, "8080")
}

func TestComposeFilesParse(t *testing.T) {
	eachCompose(t, func(t *testing.T, program []string) {
		for _, file := range []string{"compose.yaml", "compose.dev.yaml", "compose.scale.yaml"} {
			arguments := append(slices.Clone(program[1:]), "-f", filepath.Join("..", "..", "..", file), "config", "--quiet")
			if _, err := run(exec.CommandContext(t.Context(), program[0], arguments...)); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	})
}
