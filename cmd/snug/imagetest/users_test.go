//go:build image

package imagetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// place is one way of running the image that people use.
type place struct {
	name    string
	options func(t *testing.T) []string
	user    string // that all runs as, and that the data belongs to
}

func options(o ...string) func(*testing.T) []string { return func(*testing.T) []string { return o } }

// onVolume mounts a new named volume, onFolder a new folder of the host with that owner and mode.
func onVolume(o ...string) func(*testing.T) []string {
	return func(t *testing.T) []string { return append([]string{"-v", volume(t) + ":/data"}, o...) }
}

func onFolder(owner int, o ...string) func(*testing.T) []string {
	return func(t *testing.T) []string { return append([]string{"-v", hostFolder(t, owner) + ":/data"}, o...) }
}

// hostFolder is a folder of the host, of that owner. The container's files in it go at the end.
func hostFolder(t testing.TB, owner int) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, owner, owner); err != nil {
		t.Skipf("a folder of somebody else's cannot be made: %v; run this as root", err)
	}
	return folder
}

// confined are the options that people who know Docker well give to every container.
var confined = []string{
	"--read-only", "--tmpfs", "/run/snug:uid=10001,gid=10001", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
}

var places = []place{
	{"as it comes", options(), "10001"},
	{"on a named volume", onVolume(), "10001"},
	{"on a folder of its user's", onFolder(10001), "10001"},
	{"as a user who is not in passwd", options("--user", "4321:4321"), "4321"},
	{"as a user who is not in passwd, on a named volume", onVolume("--user", "4321:4321"), "4321"},
	{"as a user who is not in passwd, on his folder", onFolder(4321, "--user", "4321:4321"), "4321"},
	{"as root", onVolume("--user", "0"), "10001"},
	{"as root, on a folder of root's", onFolder(0, "--user", "0"), "10001"},
	{"as root, on somebody's folder", onFolder(2345, "--user", "0"), "2345"},
	{"as root with PUID and PGID", onVolume("--user", "0", "-e", "PUID=1234", "-e", "PGID=1234"), "1234"},
	{"as root with PUID and PGID, on a folder of root's", onFolder(0, "--user", "0", "-e", "PUID=1234", "-e", "PGID=1234"), "1234"},
	{"as root without more privileges than it needs", onVolume("--user", "0", "--cap-drop", "ALL",
		"--cap-add", "SETUID", "--cap-add", "SETGID", "--cap-add", "CHOWN", "--cap-add", "DAC_OVERRIDE", "--security-opt", "no-new-privileges"), "10001"},
	{"read-only", onVolume("--read-only"), "10001"},
	{"read-only, with tmpfs", onVolume("--read-only", "--tmpfs", "/run/snug:uid=10001,gid=10001", "--tmpfs", "/tmp"), "10001"},
	{"without capabilities", options("--cap-drop", "ALL", "--security-opt", "no-new-privileges"), "10001"},
	{"confined in every way", onVolume(confined...), "10001"},
	{"below Docker's own init", options("--init"), "10001"},
	{"among the processes of the host", options("--pid", "host"), "10001"}, // sees those of the others, in folders of the same name
}

// TestRunsInEveryPlace starts on empty data, is used, stops and starts again, in each place.
func TestRunsInEveryPlace(t *testing.T) {
	for _, p := range places {
		t.Run(strings.ReplaceAll(p.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			c := start(t, p.options(t))
			c.becomes("healthy")
			who := foundWorkspace(t, c.url())
			who.sayMany(c.url(), 5)
			c.wantUser(p.user)
			c.snug("healthcheck")
			c.stop()
			docker(t, "start", c.name)
			c.becomes("healthy")
			who.checkLog(c.url())
			c.stop()
		})
	}
}

// wantUser wants all processes to be of that user, and what Snug made in the data folder too.
func (c *container) wantUser(user string) {
	c.t.Helper()
	for _, line := range strings.Split(docker(c.t, "top", c.name, "-o", "pid,uid,args"), "\n")[1:] {
		if owner := strings.Fields(line)[1]; owner != user && !strings.Contains(line, "docker-init") {
			c.t.Errorf("want user %s: %s", user, line)
		}
	}
	found := c.dataSeenByRoot("find", "/data", "-mindepth", "1", "!", "-user", user)
	if found != "" {
		c.t.Errorf("not of user %s:\n%s", user, found)
	}
}

// dataSeenByRoot runs a program over the data from a container beside, where root may read all of it.
func (c *container) dataSeenByRoot(program string, args ...string) string {
	c.t.Helper()
	beside := []string{"run", "--rm", "--volumes-from", c.name, "--user", "0", "--network", "none", "--entrypoint", program, image()}
	return docker(c.t, append(beside, args...)...)
}

// TestRunsWithoutANetwork can be asked only from inside.
func TestRunsWithoutANetwork(t *testing.T) {
	c := &container{t: t, name: uniqueName()}
	docker(t, "run", "-d", "--name", c.name, "--network", "none", image())
	c.removeAtEnd()
	c.awaitDockersHealth()
	c.snug("restart", "chat")
	c.snug("healthcheck")
	c.stop()
}

// TestWrongOwnerIsToldInALine: the folder cannot be written, and the log says what to do.
func TestWrongOwnerIsToldInALine(t *testing.T) {
	for name, c := range map[string]struct {
		options []string
		say     []string
	}{
		"wrong owner": {[]string{"-v", hostFolder(t, 2345) + ":/data"}, []string{"/data", "chown -R 10001:10001"}},
		"read-only":   {[]string{"-v", hostFolder(t, 10001) + ":/data:ro"}, []string{"/data", "read-only"}},
		"root that may not become another": {
			[]string{"--user", "0", "--cap-drop", "ALL", "-v", hostFolder(t, 0) + ":/data"}, []string{"CAP_SETUID"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, say := start(t, c.options), c.say
			if code := docker(t, "wait", c.name); code != "1" {
				t.Errorf("the container ended with code %s, want 1", code)
			}
			log := strings.TrimSpace(c.logs())
			missing := slices.DeleteFunc(slices.Clone(say), func(s string) bool { return strings.Contains(log, s) })
			if len(missing) > 0 || strings.Contains(log, "\n") {
				t.Errorf("the log has to be one line with %q:\n%s", say, log)
			}
			t.Log(log)
		})
	}
}

func (c *container) url() string { return "http://" + c.addr }

// awaitDockersHealth waits until docker itself calls the container healthy.
func (c *container) awaitDockersHealth() {
	c.t.Helper()
	eventually(c.t, waitLimit, func() error {
		if status := c.inspect("{{.State.Health.Status}}"); status != "healthy" {
			return fmt.Errorf("docker says that it is %s", status)
		}
		return nil
	})
}
