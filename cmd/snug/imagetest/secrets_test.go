//go:build image

package imagetest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The passwords of a database and a cache beside the container.
const (
	databasePassword = "geheimnis-of-the-database"
	cachePassword    = "geheimnis-of-the-cache"
)

// databasesBeside runs PostgreSQL and Valkey, each with a password, and returns where they are.
func databasesBeside(t *testing.T) (database, cache string) {
	t.Helper()
	haveImages(t, "postgres:17", "valkey/valkey:8")
	at := func() (address, port string) {
		address = freeAddress(t)
		_, port, _ = net.SplitHostPort(address)
		return address, port
	}
	database, port := at()
	runBeside(t, "-e", "POSTGRES_USER=snug", "-e", "POSTGRES_PASSWORD="+databasePassword, "postgres:17", "postgres", "-c", "port="+port)
	cache, port = at()
	runBeside(t, "valkey/valkey:8", "valkey-server", "--port", port, "--requirepass", cachePassword)
	return "postgres://snug:" + databasePassword + "@" + database + "/snug?sslmode=disable", "redis://:" + cachePassword + "@" + cache + "/0"
}

func runBeside(t *testing.T, args ...string) {
	t.Helper()
	name := uniqueName()
	docker(t, append([]string{"run", "-d", "--name", name, "--network", "host"}, args...)...)
	t.Cleanup(func() { _, _ = try(context.Background(), "rm", "-f", "-v", name) })
}

// TestSecretsByFile gives the passwords by file, to the image's own user and, in files of root's alone, to root. Nobody
// who looks at the container sees them.
func TestSecretsByFile(t *testing.T) {
	database, cache := databasesBeside(t)
	for name, as := range map[string]struct {
		owner   int
		options []string
	}{
		"as it comes":                {10001, nil},
		"as root, of root's files":   {0, []string{"--user", "0"}},
		"as root with PUID and PGID": {0, []string{"--user", "0", "-e", "PUID=1234", "-e", "PGID=1234"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			folder := hostFolder(t, as.owner)
			for name, secret := range map[string]string{"database": database, "cache": cache} {
				path := filepath.Join(folder, name)
				if err := os.WriteFile(path, []byte(secret+"\n"), 0o400); err != nil {
					t.Fatal(err)
				}
				if err := os.Chown(path, as.owner, as.owner); err != nil {
					t.Fatal(err)
				}
			}
			c := start(t, append([]string{"-v", folder + ":/run/secrets:ro", "-e", "SNUG_LOG_LEVEL=debug",
				"-e", "SNUG_DATABASE_URL_FILE=/run/secrets/database", "-e", "SNUG_REDIS_URL_FILE=/run/secrets/cache"}, as.options...))
			c.becomes("healthy")
			c.snug("restart", "chat")
			c.becomes("healthy")
			shown := map[string]string{"docker inspect": docker(t, "inspect", c.name), "docker logs": c.logs()}
			for where, text := range c.proc() {
				shown[where] = text
			}
			for where, text := range shown {
				if strings.Contains(text, "geheimnis") {
					t.Errorf("%s shows a password:\n%s", where, strings.ReplaceAll(text, "\x00", "\n"))
				}
			}
			c.stop()
		})
	}
}

// proc is what /proc tells of the arguments and the environment of every process of the container.
func (c *container) proc() map[string]string {
	c.t.Helper()
	told := map[string]string{}
	for _, line := range strings.Split(docker(c.t, "top", c.name, "-o", "pid,args"), "\n")[1:] {
		pid := strings.Fields(line)[0]
		for _, file := range []string{"cmdline", "environ"} {
			path := filepath.Join("/proc", pid, file)
			content, err := os.ReadFile(path)
			if err != nil {
				c.t.Skipf("the processes of containers cannot be looked at from here: %v; run this as root", err)
			}
			told[fmt.Sprintf("%s of %q", path, line)] = string(content)
		}
	}
	if len(told) < 4 {
		c.t.Errorf("the container has not even two processes: %v", told)
	}
	return told
}
