//go:build image

package imagetest

import (
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnraidTemplate runs the image as Unraid does with the template: as root, who may do little but give a folder away.
func TestUnraidTemplate(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "install", "unraid.xml"))
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		ExtraParams string
		Config      []struct {
			Target string `xml:",attr"`
			Type   string `xml:",attr"`
			Value  string `xml:",chardata"`
		}
	}
	if err := xml.Unmarshal(content, &template); err != nil {
		t.Fatal(err)
	}
	options := strings.Fields(template.ExtraParams)
	parent := t.TempDir()
	data := filepath.Join(parent, "appdata") // Docker makes it, as root's
	t.Cleanup(func() {
		docker(t, "run", "--rm", "--user", "0", "-v", parent+":/parent", "--entrypoint", "rm", image(), "-rf", "/parent/appdata")
	})
	for _, config := range template.Config {
		switch config.Type {
		case "Path":
			options = append(options, "-v", data+":"+config.Target)
		case "Variable":
			options = append(options, "-e", config.Target+"="+config.Value)
		}
	}
	c := start(t, options)
	c.becomes("healthy")
	c.belongsTo("99:100")
	if caps := docker(t, "exec", c.name, "grep", "CapEff", "/proc/1/status"); !strings.HasSuffix(caps, "0000000000000000") {
		t.Errorf("Snug keeps capabilities: %s", caps)
	}
	c.stop()

	other := start(t, append(options, "-e", "PUID=1234")) // what counts is the last
	other.becomes("healthy")
	other.belongsTo("1234:100")
	other.stop()
}

// belongsTo wants Snug to run as a user and group, and the data to be theirs.
func (c *container) belongsTo(want string) {
	c.t.Helper()
	for _, id := range strings.Fields(docker(c.t, "exec", c.name, "stat", "--format", "%u:%g", "/proc/1", "/data", "/data/postgres")) {
		if id != want {
			c.t.Errorf("Snug or its data belongs to %s, want %s", id, want)
		}
	}
}

// TestVolumeOfAGroup has a volume as Kubernetes gives one with an fsGroup: root's, and open to a group.
func TestVolumeOfAGroup(t *testing.T) {
	name := volume(t)
	docker(t, "run", "--rm", "--user", "0", "-v", name+":/data", "--entrypoint", "sh", image(), "-c", "chown 0:10001 /data && chmod 2775 /data")
	c := start(t, []string{"--user", "10001:10001", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
		"--security-opt", "no-new-privileges", "-v", name + ":/data"})
	c.becomes("healthy")
	c.snug("status") // the probe of the manifest
	c.stop()
	docker(t, "start", c.name)
	c.becomes("healthy")
	c.stop()
}

// TestCopyOfTheDataIsABackup copies the data while Snug is stopped, into an empty volume of a new container.
func TestCopyOfTheDataIsABackup(t *testing.T) {
	c := start(t, []string{"-v", volume(t) + ":/data"})
	c.becomes("healthy")
	who := foundWorkspace(t, "http://"+c.addr)
	who.sayMany("http://"+c.addr, 10)
	c.stop()

	restored := create(t, []string{"--read-only", "--tmpfs", "/run/snug:uid=10001,gid=10001", "-v", volume(t) + ":/data"})
	copying := exec.CommandContext(t.Context(), "bash", "-c", `set -o pipefail; docker cp "$0":/data/. - | gzip | gunzip | docker cp - "$1":/data`, c.name, restored.name)
	if _, err := run(copying); err != nil {
		t.Fatal(err)
	}
	docker(t, "start", restored.name)
	restored.becomes("healthy")
	if err := who.enter("http://"+restored.addr, "/api/auth/login"); err != nil {
		t.Error(err)
	}
	who.checkLog("http://" + restored.addr)
	restored.stop()
}
