package main

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// installed reads a file of docs/install.
func installed(t *testing.T, name string) string {
	t.Helper()
	return readText(t, filepath.Join(repository, "docs", "install", name))
}

// tool runs a program, or skips the test where that is not on this machine.
func tool(t *testing.T, why, program string, args ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not on this machine, so %s", program, why)
	}
	out, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput()
	return string(out), err
}

func TestSystemdUnit(t *testing.T) {
	unit := installed(t, "snug.service")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const program = "ExecStart=/usr/local/bin/snug "
	if !strings.Contains(unit, program) {
		t.Fatalf("the unit has no %q", program)
	}
	unit = strings.ReplaceAll(unit, program, "ExecStart="+self+" ") // verify wants it to be there
	path := filepath.Join(t.TempDir(), "snug.service")
	if err := os.WriteFile(path, []byte(unit), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := tool(t, "the unit was not verified", "systemd-analyze", "verify", path)
	if err != nil || strings.Contains(out, "snug.service") {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err = tool(t, "the unit was not rated", "systemd-analyze", "security", "--offline=yes", "--threshold=15", path)
	if err != nil {
		t.Errorf("the unit is less closed than it was: %v\n%s", err, out)
	}
}

func TestQuadlet(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join(repository, "docs", "install"))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("QUADLET_UNIT_DIRS", folder)
	out, err := tool(t, "the quadlet was not tried", "/usr/libexec/podman/quadlet", "-dryrun")
	if err != nil || !strings.Contains(out, "--health-cmd") || strings.Contains(out, "unsupported") {
		t.Errorf("quadlet: %v\n%s", err, out)
	}
}

// TestKubernetesManifests checks against Kubernetes' own schemas, which kubeconform fetches, or takes from where
// KUBECONFORM_SCHEMAS says.
func TestKubernetesManifests(t *testing.T) {
	var manifests bytes.Buffer
	manifests.WriteString(installed(t, "kubernetes.yaml"))
	for _, block := range yamlBlock.FindAllStringSubmatch(installed(t, "kubernetes.md"), -1) {
		if strings.HasPrefix(block[1], "apiVersion:") { // the others are parts
			manifests.WriteString("---\n" + block[1])
		}
	}
	path := filepath.Join(t.TempDir(), "manifests.yaml")
	if err := os.WriteFile(path, manifests.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	schemas := "default"
	if named := os.Getenv("KUBECONFORM_SCHEMAS"); named != "" {
		schemas = named
	}
	out, err := tool(t, "the manifests were only parsed", "kubeconform", "-strict", "-summary", "-schema-location", schemas, path)
	if strings.Contains(out, "failed downloading schema") {
		t.Skipf("kubeconform cannot fetch Kubernetes' schemas, so the manifests were only parsed:\n%s", out)
	}
	if err != nil || !strings.Contains(out, "Valid: 4, Invalid: 0, Errors: 0, Skipped: 0") {
		t.Errorf("kubeconform: %v\n%s", err, out)
	}
}

// unraidTemplate is as much of a template of Unraid, version 2, as Snug's has to have.
type unraidTemplate struct {
	XMLName    xml.Name `xml:"Container"`
	Version    string   `xml:"version,attr"`
	Name       string
	Repository string
	WebUI      string
	Config     []struct {
		Target  string `xml:",attr"`
		Default string `xml:",attr"`
		Type    string `xml:",attr"`
		Value   string `xml:",chardata"`
	}
}

func TestUnraidTemplate(t *testing.T) {
	var template unraidTemplate
	if err := xml.Unmarshal([]byte(installed(t, "unraid.xml")), &template); err != nil {
		t.Fatal(err)
	}
	if template.Version != "2" || template.Name != "snug" || template.Repository == "" || !strings.Contains(template.WebUI, "[PORT:8080]") {
		t.Errorf("%+v", template)
	}
	got := map[string]string{}
	for _, config := range template.Config {
		if config.Type == "Variable" && !slices.Contains(settingNames(), config.Target) {
			t.Errorf("%s is no setting", config.Target)
		}
		if config.Default != config.Value {
			t.Errorf("%s is %q, and %q by default", config.Target, config.Value, config.Default)
		}
		got[config.Type+" "+config.Target] = config.Default
	}
	for target, want := range map[string]string{
		"Port 8080": "8080", "Path /data": "/mnt/user/appdata/snug", "Variable PUID": "99", "Variable PGID": "100",
	} {
		if got[target] != want {
			t.Errorf("%s is %q by default, want %q", target, got[target], want)
		}
	}
}
