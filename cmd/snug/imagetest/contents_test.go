//go:build image

package imagetest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The largest that the image may be: to store, and to fetch.
const (
	maxSize       = 200_000_000
	maxCompressed = 80_000_000
)

func TestImageIsSmall(t *testing.T) {
	size, err := strconv.ParseInt(docker(t, "image", "inspect", "--format", "{{.Size}}", image()), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	save := exec.Command("docker", "save", image())
	out, err := save.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := save.Start(); err != nil {
		t.Fatal(err)
	}
	var compressed counter
	zip, err := gzip.NewWriterLevel(&compressed, gzip.DefaultCompression) // as registries store it
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(zip, out); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if err := save.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f MB, %.1f MB compressed", float64(size)/1e6, float64(compressed)/1e6)
	if size > maxSize || compressed > maxCompressed {
		t.Errorf("%d bytes, %d compressed: more than %d and %d", size, compressed, maxSize, maxCompressed)
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

func TestImageSaysWhatItIs(t *testing.T) {
	var config struct {
		User, StopSignal string
		Labels           map[string]string
		Entrypoint       []string
		ExposedPorts     map[string]any
		Volumes          map[string]any
		Healthcheck      struct{ Test []string }
	}
	if err := json.Unmarshal([]byte(docker(t, "image", "inspect", "--format", "{{json .Config}}", image())), &config); err != nil {
		t.Fatal(err)
	}
	if _, err := strconv.Atoi(strings.Split(config.User, ":")[0]); err != nil || strings.HasPrefix(config.User, "0") {
		t.Errorf("the user is %q; Kubernetes wants the number of one that is not root", config.User)
	}
	if config.StopSignal != "SIGTERM" || !slices.Equal(config.Entrypoint, []string{"snug"}) || config.ExposedPorts["8080/tcp"] == nil || config.Volumes["/data"] == nil {
		t.Errorf("%+v", config)
	}
	if want := []string{"CMD", "snug", "healthcheck"}; len(config.Healthcheck.Test) < 3 || !slices.Equal(config.Healthcheck.Test[:3], want) {
		t.Errorf("the health check is %q", config.Healthcheck.Test)
	}
	told := docker(t, "run", "--rm", image(), "version")
	version, revision := config.Labels["org.opencontainers.image.version"], config.Labels["org.opencontainers.image.revision"]
	if version == "" || !strings.HasPrefix(told, "snug "+version+" ") {
		t.Errorf("the label says version %q, snug says %q", version, told)
	}
	if len(revision) != 40 || !strings.Contains(told, "("+revision[:12]+")") {
		t.Errorf("the label says revision %q, snug says %q", revision, told)
	}
}

// inside runs a shell command in the image, as root, without starting Snug.
func inside(t testing.TB, script string) string {
	t.Helper()
	return docker(t, "run", "--rm", "--user", "0", "--network", "none", "--entrypoint", "sh", image(), "-c", script)
}

func TestImageHoldsNothingNeedless(t *testing.T) {
	for what, find := range map[string]string{
		"setuid programs":         `find / -xdev -type f -perm /6000`,
		"compilers":               `ls /usr/bin/*gcc* /usr/bin/*cc /usr/bin/as /usr/bin/ld /usr/bin/go /usr/local/go 2>/dev/null`,
		"LLVM, Perl's modules":    `find / -xdev -path /proc -prune -o \( -name '*llvm*' -o -path '/usr/share/perl/*' -type f \) -print`,
		"package lists and cache": `find /var/lib/apt/lists /var/cache/apt -type f ! -name lock`,
		"manuals of PostgreSQL":   `find / -xdev -path '*postgres*' \( -name 'man?' -o -name '*.mo' \)`,
		"scripts of our own":      `find /usr/local -type f ! -name snug`,
		"logs":                    `find /var/log -type f -size +0 ! -name '*.log.*'`,
		"left in /tmp":            `find /tmp /var/tmp -mindepth 1`,
		"missing libraries":       `ldd /usr/lib/postgresql/17/bin/* | grep 'not found'`,
		"complaints of dpkg":      `dpkg --audit; dpkg --verify postgresql-17 postgresql-client-17 2>&1 | grep -v /usr/share/doc`,
	} {
		if found := inside(t, find+"; true"); found != "" {
			t.Errorf("%s:\n%s", what, found)
		}
	}
}

// TestBillOfMaterialsIsComplete compares the bill in the image with what dpkg and the binary themselves say.
func TestBillOfMaterialsIsComplete(t *testing.T) {
	var bill struct {
		Metadata struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version, Purl string }
	}
	if err := json.Unmarshal([]byte(inside(t, "cat /usr/share/doc/snug/sbom.cdx.json")), &bill); err != nil {
		t.Fatal(err)
	}
	if version := docker(t, "run", "--rm", image(), "version"); !strings.HasPrefix(version, "snug "+bill.Metadata.Component.Version+" ") {
		t.Errorf("the bill is of version %q, snug says %q", bill.Metadata.Component.Version, version)
	}
	listed := map[string]bool{}
	for _, c := range bill.Components {
		listed[c.Name+" "+c.Version] = true
	}
	var wanted []string
	wanted = append(wanted, strings.Split(inside(t, `dpkg-query -W -f '${Package} ${Version}\n'`), "\n")...)
	binary := filepath.Join(t.TempDir(), "snug")
	extract(t, "/usr/local/bin/snug", binary)
	modules, err := exec.Command("go", "version", "-m", binary).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(modules) {
		if fields := strings.Fields(string(line)); len(fields) >= 3 && fields[0] == "dep" {
			wanted = append(wanted, fields[1]+" "+fields[2])
		}
	}
	for _, name := range wanted {
		if !listed[name] {
			t.Errorf("%s is in the image, and not in its bill of materials", name)
		}
	}
	t.Logf("%d packages and modules", len(wanted))
}

// extract copies a file out of the image.
func extract(t testing.TB, path, to string) {
	t.Helper()
	id := docker(t, "create", image())
	defer func() { _, _ = try(context.Background(), "rm", "-v", id) }()
	docker(t, "cp", id+":"+path, to)
}
