//go:build image

package imagetest

import (
	"context"
	"path/filepath"
	"testing"
)

// standIns are the public images of the compose files, and the folders of what stands in for them where they cannot be
// had: Debian's packages, with as much of the public image's behaviour as the compose files use.
var standIns = map[string]string{
	"postgres:17":     "postgres",
	"valkey/valkey:8": "valkey",
	"nginx:1":         "nginx",
}

// haveImages makes those of the images that are not on this machine, and removes them after the test.
func haveImages(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := try(t.Context(), "image", "inspect", name); err == nil {
			continue
		}
		t.Logf("%s is not on this machine: Debian's packages stand in for it", name)
		docker(t, "build", "--quiet", "--network", "host", "--tag", name, filepath.Join("testdata", standIns[name]))
		t.Cleanup(func() { _, _ = try(context.Background(), "rmi", name) })
	}
}
