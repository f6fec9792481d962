package postgres_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"snug/store/postgres"
	"snug/store/postgres/postgrestest"
)

// TestProgramsThatFail has programs in front of the real ones that fail as those can.
func TestProgramsThatFail(t *testing.T) {
	real, err := postgres.Locate(newConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{
		"initdb":       "echo 'creating directory ... ok'; echo 'initdb: error: no luck today' >&2; echo 'initdb: removing contents' >&2; exit 1",
		"pg_ctl":       "echo '2026-11-23 10:00:00.000 UTC [1] FATAL:  no luck today'; echo 'pg_ctl: stopped waiting' >&2; exit 1",
		"pg_checksums": "echo 'pg_checksums: error: no luck today' >&2; exit 1",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "pg_checksums" && real.Major >= 18 {
				t.Skip("since PostgreSQL 18 initdb itself makes checksums")
			}
			root := postgrestest.TempDir(t)
			cfg := configIn(t, root)
			cfg.BinDir = filepath.Join(root, "bin")
			makeFolder(t, cfg.BinDir)
			for _, program := range []string{"initdb", "pg_ctl", "pg_checksums", "postgres"} {
				text := fmt.Sprintf("#!/bin/sh\nexec %s/%s \"$@\"\n", real.Dir, program)
				if program == name {
					text = "#!/bin/sh\n" + script + "\n"
				}
				writeFile(t, filepath.Join(cfg.BinDir, program), text, 0o755)
			}
			_, err := provision(t, cfg)
			if err == nil {
				t.Fatal("Provision says nothing")
			}
			if text := err.Error(); !strings.Contains(text, "no luck today") || !strings.Contains(text, "start Snug again") ||
				strings.Contains(text, "\n") {
				t.Errorf("the error is not one line that says why and what to do:\n%s", text)
			}
			expectNoLeftovers(t, dataDir(cfg))
			cfg.BinDir = ""
			mustProvision(t, cfg)
		})
	}
}

func TestDiskFullAtTheFirstStart(t *testing.T) {
	cfg := newConfig(t)
	small := dataDir(cfg)
	mount(t, "tmpfs", small, "tmpfs", 0, "size=30m")
	own(t, small)
	_, err := provision(t, cfg)
	if err == nil || !strings.Contains(err.Error(), "No space left on device") {
		t.Errorf("Provision on a full disk: %v", err)
	}
	expectNoLeftovers(t, small)
	if _, err := os.Stat(cfg.Dir); err == nil {
		t.Error("there is a cluster")
	}
	if err := syscall.Mount("tmpfs", small, "tmpfs", syscall.MS_REMOUNT, "size=300m"); err != nil {
		t.Fatal(err)
	}
	mustProvision(t, cfg)
	start(t, cfg).stop(t)
}

func TestReadOnlyDisk(t *testing.T) {
	cfg := newConfig(t)
	mount(t, "tmpfs", dataDir(cfg), "tmpfs", syscall.MS_RDONLY, "size=30m")
	if _, err := provision(t, cfg); err == nil || !strings.Contains(err.Error(), "read-only file system") {
		t.Errorf("Provision on a read-only disk: %v", err)
	}
}
