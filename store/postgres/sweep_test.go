package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"snug/store/postgres"
	"snug/store/postgres/postgrestest"
)

// The sweeps kill a first start at its file operations, one after the other, and then expect the next start to end
// whole. They take samples that are spread evenly; with SNUG_TEST_SWEEP=full they leave out nothing.
var fullSweep = os.Getenv("SNUG_TEST_SWEEP") == "full"

// fileOperations are the system calls that change what a folder holds or make it durable. A question mark lets
// strace(1) pass over those that this architecture lacks.
const fileOperations = "?rename,renameat,renameat2,fsync,fdatasync,syncfs,?mkdir,mkdirat,?rmdir,?unlink,unlinkat," +
	"?symlink,symlinkat,?link,linkat,?chmod,fchmod,fchmodat,?creat,ftruncate"

// traced prepares a Provision under strace(1), whose options are given.
func traced(t testing.TB, binary string, cfg postgres.Config, options ...string) *exec.Cmd {
	t.Helper()
	plain := provisionCommand(t, cfg)
	cmd := exec.Command("strace", append(append([]string{"-f", "-o", filepath.Join(cfg.SocketDir, "trace")}, options...), binary)...)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = plain.Env, plain.Dir, plain.SysProcAttr
	return cmd
}

// ownOnly keeps strace to Provision's own process: its programs are let go when they begin.
const ownOnly = "--detach-on=execve"

// sweepBinary copies this test binary to where the user of PostgreSQL may run it, named "provision".
func sweepBinary(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a sweep takes up to a minute")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skipf("strace is needed to kill at a given system call: %v", err)
	}
	binary := filepath.Join(postgrestest.TempDir(t), "provision")
	copyFile(t, "/proc/self/exe", binary, 0o755)
	cfg := newConfig(t)
	if out, err := traced(t, binary, cfg, "-e", "trace=?rename").CombinedOutput(); err != nil {
		t.Skipf("strace cannot trace here: %v\n%s", err, out)
	}
	return binary
}

// killPoint is the nth of a system call in a thread: so strace counts.
type killPoint struct {
	call string
	n    int
}

func (p killPoint) String() string { return fmt.Sprintf("%s %d", p.call, p.n) }

// options make strace kill the process that comes to this point first.
func (p killPoint) options() []string {
	return []string{"-e", "trace=" + p.call, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", p.call, p.n)}
}

// countCalls traces a whole run and returns, for each of the calls, how often the thread that does most of them does it.
func countCalls(t *testing.T, binary, set string, options ...string) map[string]int {
	t.Helper()
	cfg := newConfig(t)
	options = append(options, "-e", "trace="+set)
	if out, err := traced(t, binary, cfg, options...).CombinedOutput(); err != nil {
		t.Fatalf("strace: %v\n%s", err, out)
	}
	trace, err := os.ReadFile(filepath.Join(cfg.SocketDir, "trace"))
	if err != nil {
		t.Fatal(err)
	}
	counts, most := map[string]int{}, map[string]int{}
	for line := range strings.Lines(string(trace)) {
		match := tracedCall.FindStringSubmatch(line)
		if match == nil {
			continue
		}
		thread, call := match[1], match[2]
		counts[thread+call]++
		most[call] = max(most[call], counts[thread+call])
	}
	return most
}

var tracedCall = regexp.MustCompile(`^(\d+) +([a-z0-9_]+)\(`)

// TestKillAtEachOwnFileOperation kills Provision's process. Of its programs, every other time, all are killed with
// it, as when a container ends, or they are left running, as when only that process is killed.
func TestKillAtEachOwnFileOperation(t *testing.T) {
	binary := sweepBinary(t)
	t.Cleanup(func() { removeSharedMemory(t) })
	set := fileOperations
	if fullSweep {
		set += ",openat,write" // files that were made and are empty still, and those half written
	}
	counts := countCalls(t, binary, set, ownOnly)
	t.Logf("operations: %v", counts)
	if counts["fsync"] < 10 || counts["renameat"] < 6 || counts["unlinkat"] < 10 {
		t.Fatal("a first start does so few file operations: the trace misses some")
	}
	for call, total := range counts {
		for n := 1; n <= total; n++ {
			for _, withPrograms := range []bool{false, true} {
				if fullSweep || withPrograms == (n%2 == 0) {
					killOwn(t, binary, killPoint{call, n}, withPrograms)
				}
			}
		}
	}
}

func killOwn(t *testing.T, binary string, point killPoint, withPrograms bool) {
	t.Run(fmt.Sprintf("%v, programs too %v", point, withPrograms), func(t *testing.T) {
		t.Parallel()
		cfg := newConfig(t)
		defer endPrograms(t, dataDir(cfg))
		out, err := traced(t, binary, cfg, append(point.options(), ownOnly)...).CombinedOutput()
		if err == nil && !fullSweep { // how often Go opens and writes is not the same each time
			t.Errorf("the run ended by itself:\n%s", out)
		}
		if withPrograms {
			endPrograms(t, dataDir(cfg))
		}
		expectWhole(t, cfg)
	})
}

// samples is how many of a system call's points are tried, when not all are.
const samples = 2

// TestKillAtFileOperationsOfPrograms kills whichever process is the first to come to a point: that is initdb or a
// server in most cases. Provision must tell, and leave nothing.
func TestKillAtFileOperationsOfPrograms(t *testing.T) {
	binary := sweepBinary(t)
	t.Cleanup(func() { removeSharedMemory(t) })
	counts := countCalls(t, binary, fileOperations)
	t.Logf("operations: %v", counts)
	for call, total := range counts {
		step := max(1, total/samples)
		if fullSweep {
			step = 1
		}
		for n := step; n <= total; n += step {
			killAny(t, binary, killPoint{call, n})
		}
	}
}

func killAny(t *testing.T, binary string, point killPoint) {
	t.Run(point.String(), func(t *testing.T) {
		t.Parallel()
		cfg := newConfig(t)
		defer endPrograms(t, dataDir(cfg))
		cmd := traced(t, binary, cfg, append(point.options(), "--seccomp-bpf")...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		err := cmd.Run()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 { // Provision itself lives
			if !strings.Contains(stderr.String(), "start Snug again") {
				t.Errorf("Provision's error does not say what to do: %s", stderr.String())
			}
			expectNoLeftovers(t, dataDir(cfg))
		}
		expectWhole(t, cfg)
	})
}

// TestKillAtMoments kills Provision's process at moments spread over its run, while its programs go on: the next
// start meets them at their work.
func TestKillAtMoments(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep takes up to a minute")
	}
	t.Cleanup(func() { removeSharedMemory(t) })
	moments := 10
	if fullSweep {
		moments = 200
	}
	begun := time.Now()
	mustProvision(t, newConfig(t))
	whole := time.Since(begun)
	for n := range moments {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			cfg := newConfig(t)
			defer endPrograms(t, dataDir(cfg))
			cmd := provisionCommand(t, cfg)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			moment := time.AfterFunc(whole*time.Duration(n+1)/time.Duration(moments), func() {
				_ = cmd.Process.Signal(syscall.SIGKILL)
			})
			defer moment.Stop()
			_ = cmd.Wait() // killed, or done before that
			expectWhole(t, cfg)
		})
	}
}

// expectWhole starts Snug's database as after any crash, and looks whether all of it is there.
func expectWhole(t *testing.T, cfg postgres.Config) {
	t.Helper()
	mustProvision(t, cfg)
	expectNoLeftovers(t, dataDir(cfg))
	s := start(t, cfg)
	if got := ask(t, connect(t, cfg, postgres.URL), "SHOW data_checksums"); got != "on" {
		t.Errorf("data checksums are %q", got)
	}
	if _, err := connect(t, cfg, postgres.URL).Exec(t.Context(), "CREATE TABLE works ()"); err != nil {
		t.Error(err)
	}
	s.stop(t)
}
