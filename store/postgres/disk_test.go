package postgres_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"snug/store/postgres"
	"snug/store/postgres/postgrestest"
)

const megabyte = 1 << 20

// smallDisk is a disk in memory of that many megabytes, with an empty folder for the cluster.
func smallDisk(t *testing.T, size int) (postgres.Config, *strings.Builder) {
	t.Helper()
	cfg := newConfig(t)
	mount(t, "tmpfs", dataDir(cfg), "tmpfs", 0, fmt.Sprintf("size=%dm", size))
	own(t, dataDir(cfg))
	log := &strings.Builder{}
	cfg.Logger = slog.New(slog.NewTextHandler(log, nil))
	return cfg, log
}

// fill leaves that many megabytes free, and returns what frees the rest again.
func fill(t *testing.T, folder string, leave int64) (makeRoom func()) {
	t.Helper()
	path := filepath.Join(folder, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if amount := free(t, folder) - leave*megabyte; amount > 0 {
		if err := syscall.Fallocate(int(file.Fd()), 0, 0, amount); err != nil {
			t.Fatal(err)
		}
	}
	return func() { remove(t, path) }
}

func free(t *testing.T, folder string) int64 {
	t.Helper()
	var stat syscall.Statfs_t
	if err := syscall.Statfs(folder, &stat); err != nil {
		t.Fatal(err)
	}
	return int64(stat.Bavail) * stat.Bsize
}

// reserve is the size of the reserve in megabytes, -1 without one.
func reserve(cfg postgres.Config) int64 {
	info, err := os.Stat(filepath.Join(dataDir(cfg), postgres.ReserveName))
	if err != nil {
		return -1
	}
	return info.Size() / megabyte
}

func expectReserve(t *testing.T, cfg postgres.Config, want int64) {
	t.Helper()
	if got := reserve(cfg); got != want {
		t.Errorf("the reserve has %d MB, want %d", got, want)
	}
}

// expectFull wants the disk to be called full, and so that a person knows what to do; or not at all.
func expectFull(t *testing.T, disk postgres.Disk, parts ...string) {
	t.Helper()
	err := disk.Check()
	if err != nil && len(parts) == 0 {
		t.Errorf("the disk is not full: %v", err)
	}
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the check of the disk says %v, want %q in it", err, part)
		}
	}
}

// TestReserve follows it through its life: made, given up, missed, made again.
func TestReserve(t *testing.T) {
	cfg, log := smallDisk(t, 200)
	makeFolder(t, cfg.Dir)
	disk, data := postgres.NewDisk(cfg), dataDir(cfg)
	before := free(t, data)
	disk.Prepare()
	expectReserve(t, cfg, 48)
	if taken := before - free(t, data); taken < 48*megabyte {
		t.Errorf("the reserve takes no more than %d bytes of the disk", taken)
	}
	disk.Prepare()
	expectReserve(t, cfg, 48)
	expectFull(t, disk)

	makeRoom := fill(t, data, 25)
	expectFull(t, disk)
	disk.Prepare()
	expectReserve(t, cfg, 48) // there is enough for a start

	makeRoom()
	makeRoom = fill(t, data, 3)
	expectFull(t, disk, "the disk of "+cfg.Dir+" is full: 3 MB free, at least 24 MB are needed", "make room")
	disk.Prepare()
	expectReserve(t, cfg, 0)
	expectFull(t, disk, "51 MB free, at least 72 MB are needed") // or else it would never be had back
	disk.Prepare()
	disk.Replenish()
	expectReserve(t, cfg, 0)

	makeRoom()
	expectFull(t, disk)
	disk.Replenish()
	expectReserve(t, cfg, 48)
	expectFull(t, disk)
	if text := log.String(); strings.Count(text, "gave up") != 1 || strings.Count(text, "holds space") != 2 {
		t.Errorf("the log is\n%s", text)
	}
}

func TestReserveIsMadeAgainAtAStart(t *testing.T) {
	cfg, _ := smallDisk(t, 200)
	makeFolder(t, cfg.Dir)
	disk := postgres.NewDisk(cfg)
	for _, rest := range []int{0, 7} { // given up, and cut short while it was made
		writeFile(t, filepath.Join(dataDir(cfg), postgres.ReserveName), strings.Repeat("x", rest), 0o600)
		disk.Prepare()
		expectReserve(t, cfg, 48)
	}
}

// TestReserveIsNeverInTheWay: where it cannot be had, all else works.
func TestReserveIsNeverInTheWay(t *testing.T) {
	t.Run("no cluster yet", func(t *testing.T) {
		cfg, _ := smallDisk(t, 200)
		postgres.NewDisk(cfg).Prepare()
		expectReserve(t, cfg, -1)
		expectFull(t, postgres.NewDisk(cfg))
	})
	t.Run("small disk", func(t *testing.T) {
		cfg, log := smallDisk(t, 90)
		makeFolder(t, cfg.Dir)
		postgres.NewDisk(cfg).Prepare()
		expectReserve(t, cfg, -1)
		expectFull(t, postgres.NewDisk(cfg))
		if !strings.Contains(log.String(), "no room for a reserve") {
			t.Errorf("the log is\n%s", log)
		}
	})
	t.Run("a folder in its place", func(t *testing.T) {
		cfg, log := smallDisk(t, 200)
		makeFolder(t, cfg.Dir)
		makeFolder(t, filepath.Join(dataDir(cfg), postgres.ReserveName))
		postgres.NewDisk(cfg).Prepare()
		expectFull(t, postgres.NewDisk(cfg))
		if !strings.Contains(log.String(), "is not a file") {
			t.Errorf("the log is\n%s", log)
		}
	})
	t.Run("cluster on another disk", func(t *testing.T) {
		cfg, _ := smallDisk(t, 200)
		mounted(t, &cfg)
		postgres.NewDisk(cfg).Prepare()
		expectReserve(t, cfg, -1)
	})
}

// TestReserveWhereSpaceCannotBeSetAside has a file system without fallocate(2).
func TestReserveWhereSpaceCannotBeSetAside(t *testing.T) {
	cfg := newConfig(t)
	image := filepath.Join(postgrestest.TempDir(t), "image")
	for _, command := range [][]string{
		{"truncate", "-s", "200M", image}, {"mkfs.ext2", "-q", image}, {"mount", "-o", "loop", image, dataDir(cfg)},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no such file system here: %s: %v %s", command[0], err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dataDir(cfg)).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	makeFolder(t, cfg.Dir)
	before := free(t, dataDir(cfg))
	disk := postgres.NewDisk(cfg)
	disk.Prepare()
	expectReserve(t, cfg, 48)
	if taken := before - free(t, dataDir(cfg)); taken < 48*megabyte {
		t.Errorf("the reserve takes no more than %d bytes of the disk", taken)
	}
	writeFile(t, filepath.Join(dataDir(cfg), postgres.ReserveName), "", 0o600)
	disk.Replenish() // would take too long between two checks
	expectReserve(t, cfg, 0)
	expectFull(t, disk)
	disk.Prepare()
	expectReserve(t, cfg, 48)
}
