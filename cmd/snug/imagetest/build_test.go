//go:build image

package imagetest

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// source is the folder of the module.
const source = "../../.."

// TestBinaryIsReproducible builds this source once more, in another folder than the image did, on another system and
// without its history, and compares the bytes.
func TestBinaryIsReproducible(t *testing.T) {
	version := docker(t, "image", "inspect", "--format", `{{index .Config.Labels "org.opencontainers.image.version"}}`, image())
	revision := docker(t, "image", "inspect", "--format", `{{index .Config.Labels "org.opencontainers.image.revision"}}`, image())
	inImage := filepath.Join(t.TempDir(), "snug")
	extract(t, "/usr/local/bin/snug", inImage)
	folder := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum", "Makefile", ".ci", "cmd", "chat", "store", "supervisor", "migrations"} {
		if out, err := exec.Command("cp", "-r", filepath.Join(source, name), folder).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	build := exec.Command("make", "build", "VERSION="+version, "REVISION="+revision)
	build.Dir = folder
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("make build: %v: %s", err, out)
	}
	if here, there := hash(t, filepath.Join(folder, "bin", "snug")), hash(t, inImage); here != there {
		t.Errorf("built once more it is another: %s, and %s in the image", here, there)
	}
}

func hash(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}

// TestBinaryIsCrossCompiled builds for ARM as the Dockerfile does. It is not run.
func TestBinaryIsCrossCompiled(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "snug")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/snug")
	build.Dir = source
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm64")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := exec.Command("go", "version", "-m", binary).CombinedOutput()
	if err != nil || !strings.Contains(string(info), "GOARCH=arm64") {
		t.Errorf("%v: %s", err, info)
	}
}
