//go:build image

package imagetest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestComposeDev runs snug on this machine, as compose.dev.yaml says, on the databases of that file.
func TestComposeDev(t *testing.T) {
	haveImages(t, "postgres:17", "valkey/valkey:8")
	binary := filepath.Join(t.TempDir(), "snug")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/snug")
	build.Dir, build.Env = filepath.Join("..", "..", ".."), append(os.Environ(), "CGO_ENABLED=0")
	if _, err := run(build); err != nil {
		t.Fatal(err)
	}
	eachCompose(t, func(t *testing.T, program []string) {
		p := openProject(t, program, "compose.dev.yaml", "", "POSTGRES_PORT", "VALKEY_PORT")
		p.up()
		c := serveOnHost(t, binary, devEnvironment(t, p))
		c.becomes("healthy")
		h, err := c.health()
		if err != nil {
			t.Fatal(err)
		}
		for _, service := range h.Services {
			if external := service.State == "external"; external != (service.Name == "postgres" || service.Name == "cache") {
				t.Errorf("%s is %s", service.Name, service.State)
			}
		}
		who := foundWorkspace(t, "http://"+c.addr)
		e := who.listen("http://" + c.addr)
		who.sayMany("http://"+c.addr, 10)
		e.hears(t, 10)
		for _, id := range p.containers() {
			if at := docker(t, "inspect", "--format", "{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}}{{end}}{{end}}", id); at != "127.0.0.1" {
				t.Errorf("a database listens on %q", at)
			}
		}
	})
}

// devEnvironment is the environment that compose.dev.yaml tells to use, with the project's ports.
func devEnvironment(t *testing.T, p *project) []string {
	t.Helper()
	content, err := os.ReadFile(p.files[0])
	if err != nil {
		t.Fatal(err)
	}
	var environ []string
	for _, line := range regexp.MustCompile(`(?m)^#\s+export (\w+)='(.*)'$`).FindAllStringSubmatch(string(content), -1) {
		service, port := "dev-postgres", "5432"
		if strings.Contains(line[1], "REDIS") {
			service, port = "dev-valkey", "6379"
		}
		environ = append(environ, line[1]+"="+strings.Replace(line[2], "127.0.0.1:"+port, p.compose("port", service, port), 1))
	}
	if len(environ) != 2 {
		t.Fatalf("the file tells to set %q", environ)
	}
	return environ
}

// serveOnHost runs snug on this machine until the test ends. What it returns has no container.
func serveOnHost(t *testing.T, binary string, environ []string) *container {
	t.Helper()
	c := &container{t: t, addr: freeAddress(t)}
	cmd := exec.Command(binary, "serve", "--listen", c.addr, "--data", filepath.Join(t.TempDir(), "data"))
	cmd.Env = append(os.Environ(), append(environ, "SNUG_RUN="+filepath.Join(t.TempDir(), "run"))...)
	var log strings.Builder
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		defer context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })()
		if err := cmd.Wait(); err != nil {
			t.Errorf("snug serve: %v", err)
		}
		if t.Failed() {
			t.Logf("log of snug serve:\n%s", log.String())
		}
	})
	return c
}
