package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to become others and to mount")
	}
}

// serveAs runs `snug serve`, which is expected to refuse, with the attributes of a process.
func serveAs(data string, attributes *syscall.SysProcAttr, environ ...string) (string, int) {
	cmd := snugCommand(data, append([]string{"SNUG_LISTEN=127.0.0.1:0"}, environ...), "serve")
	cmd.SysProcAttr = attributes
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// asUser are the attributes of an unprivileged process, which is the first of a container if so wanted.
func asUser(flags uintptr) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Cloneflags: flags, Credential: &syscall.Credential{Uid: 4711, Gid: 4712}}
}

// TestDataThatCannotBeUsedIsOneClearLine: what is wrong, and the command that mends it, on a machine and in a container.
func TestDataThatCannotBeUsedIsOneClearLine(t *testing.T) {
	requireRoot(t)
	mustNot := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name    string
		prepare func(data string)
		host    string
		inside  string
	}{
		{"of another user", func(data string) { mustNot(os.Mkdir(data, 0o755)) },
			"user 4711 cannot write to the data folder @, which belongs to user 0: run `chown -R 4711:4712 @` as root, or choose another folder with SNUG_DATA",
			"user 4711 cannot write to the data folder @, which belongs to user 0: on the host, run `chown -R 4711:4712 FOLDER` as root, where FOLDER is what is mounted at @"},
		{"with something of another user", func(data string) {
			mustNot(os.Mkdir(data, 0o755))
			mustNot(os.WriteFile(filepath.Join(data, lockName), nil, 0o600))
			mustNot(os.Chown(data, 4711, 4712))
		},
			"user 4711 cannot write to @/snug.lock in the data folder, which belongs to user 0: run `chown -R 4711:4712 @` as root, or choose another folder with SNUG_DATA",
			"user 4711 cannot write to @/snug.lock in the data folder, which belongs to user 0: on the host, run `chown -R 4711:4712 FOLDER` as root, where FOLDER is what is mounted at @"},
		{"a file", func(data string) { mustNot(os.WriteFile(data, []byte("precious"), 0o644)) },
			"the data folder @ is not a folder: choose another with SNUG_DATA",
			"the data folder @ is not a folder: on the host, mount a folder or a volume at @, not a file"},
		{"read-only", func(data string) {
			mustNot(os.Mkdir(data, 0o755))
			if err := unix.Mount("tmpfs", data, "tmpfs", unix.MS_RDONLY, "size=64k,mode=0777,uid=4711,gid=4712"); err != nil {
				t.Skipf("cannot mount: %v", err)
			}
			t.Cleanup(func() { _ = unix.Unmount(data, 0) })
		},
			"the data folder @ is on a read-only file system: mount a volume there, or choose another folder with SNUG_DATA",
			"the data folder @ is read-only: on the host, mount the volume or folder at @ without `ro`, or make what it is on writable"},
		{"not there", func(string) {},
			"user 4711 cannot make the data folder @: run `install -d -o 4711 -g 4712 @` as root, or choose another folder with SNUG_DATA", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			data := dataIn(t)
			test.prepare(data)
			for flags, want := range map[uintptr]string{0: test.host, syscall.CLONE_NEWPID: test.inside} {
				if want == "" {
					continue
				}
				want = "snug: " + strings.ReplaceAll(want, "@", data) + "\n"
				out, code := serveAs(data, asUser(flags))
				if diff := cmp.Diff(want, out); diff != "" || code != exitFailed {
					t.Errorf("exit code %d: %s", code, diff)
				}
			}
		})
	}
}

// TestRootWithReadOnlyData: root would give it to the user first.
func TestRootWithReadOnlyData(t *testing.T) {
	requireRoot(t)
	data := dataIn(t)
	if err := os.Mkdir(data, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", data, "tmpfs", unix.MS_RDONLY, "size=64k"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(data, 0) })
	out, code := serveAs(data, nil, "PUID=4711")
	if want := fmt.Sprintf("snug: the data folder %s is on a read-only file system: mount a volume there, or choose another folder with SNUG_DATA\n", data); out != want || code != exitFailed {
		t.Errorf("exit code %d, output %swant %s", code, out, want)
	}
}

// TestRootWithoutCapabilities is --cap-drop ALL, and too few of them given back.
func TestRootWithoutCapabilities(t *testing.T) {
	requireRoot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for kept, want := range map[string]string{
		"":              "lacks CAP_SETGID, CAP_SETUID: start it as that user instead (docker run --user 4711:4712), or allow it these (--cap-add SETGID --cap-add SETUID)",
		"setuid,setgid": "lacks CAP_CHOWN, CAP_DAC_OVERRIDE: start it as that user instead (docker run --user 4711:4712), or allow it these (--cap-add CHOWN --cap-add DAC_OVERRIDE)",
	} {
		data := dataIn(t)
		if err := os.Mkdir(data, 0o750); err != nil {
			t.Fatal(err)
		}
		bounding := "-all"
		for name := range strings.SplitSeq(kept, ",") {
			if name != "" {
				bounding += ",+" + name
			}
		}
		cmd := snugCommand(data, []string{"SNUG_LISTEN=127.0.0.1:0", "PUID=4711", "PGID=4712"})
		cmd.Path, cmd.Args = "/usr/bin/setpriv", []string{"setpriv", "--bounding-set", bounding, "--inh-caps", bounding, self, "serve"}
		out, _ := cmd.CombinedOutput()
		want = "snug: started as root, Snug becomes user 4711, for which it " + want + "\n"
		if string(out) != want || cmd.ProcessState.ExitCode() != exitFailed {
			t.Errorf("exit code %d, output\n%swant\n%s", cmd.ProcessState.ExitCode(), out, want)
		}
		if entries, _ := os.ReadDir(data); len(entries) > 0 {
			t.Errorf("it has made %v", entries)
		}
	}
}

func TestWishesThatCannotBeHadAreWarnedOf(t *testing.T) {
	id := func(n userID) *userID { return &n }
	got := identityWarnings(Settings{PUID: id(1000), PGID: id(1001)}, identity{10001, 1001})
	if diff := cmp.Diff([]string{"PUID=1000 has no effect, as Snug was not started as root: it runs as user 10001"}, got); diff != "" {
		t.Error(diff)
	}
	if got := identityWarnings(Settings{PUID: id(1000)}, identity{0, 0}); len(got) > 0 {
		t.Errorf("root is warned: %v", got)
	}
	for zone, known := range map[string]bool{
		"": true, "UTC": true, "Europe/Paris": true, ":Europe/Paris": true, "/usr/share/zoneinfo/Europe/Paris": true,
		"Europe/Pariss": false, "CET-1CEST,M3.5.0,M10.5.0/3": false, "/etc/passwd": false, "/nowhere": false, "../../etc/passwd": false,
	} {
		t.Setenv("TZ", zone)
		if warnings := environmentWarnings(Settings{}); (len(warnings) == 0) != known {
			t.Errorf("TZ=%s: %v", zone, warnings)
		}
	}
	out, code := runSnug(t, t.TempDir(), []string{"TZ=Europe/Pariss"}, "config")
	if code != exitDone || !strings.Contains(out, `warning: TZ="Europe/Pariss" is no time zone`) {
		t.Errorf("snug config: %d\n%s", code, out)
	}
}
