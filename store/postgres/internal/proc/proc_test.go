package proc

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// run starts a shell script in dir, and returns when it has said that it is ready.
func run(t *testing.T, dir, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func pids(t *testing.T, dir string) (pids []int) {
	t.Helper()
	found, err := Using(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		pids = append(pids, p.Pid)
	}
	slices.Sort(pids)
	return pids
}

func TestUsing(t *testing.T) {
	dir := t.TempDir()
	inside, beside := filepath.Join(dir, "a", "b"), filepath.Join(dir, "a-side")
	for _, folder := range []string{inside, beside} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	worker := run(t, inside, "echo; exec sleep 600").Process.Pid
	reader := run(t, "/", "exec 3>'"+filepath.Join(inside, "file")+"'; echo; exec sleep 600").Process.Pid
	run(t, beside, "echo; exec sleep 600")
	want := []int{worker, reader}
	slices.Sort(want)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "a"), link); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{filepath.Join(dir, "a"), inside, link} {
		if got := pids(t, folder); !slices.Equal(got, want) {
			t.Errorf("Using(%s) = %v, want %v", folder, got, want)
		}
	}
	if _, err := Using(filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Using an absent folder: %v", err)
	}
}

// To a process of a container the same name may mean another folder, and to one whose mounts are its own the same.
func TestUsingInOtherMountNamespaces(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a mount namespace")
	}
	dir, other := t.TempDir(), t.TempDir()
	run(t, "/", "exec unshare --mount sh -c 'mount --bind "+other+" "+dir+" && cd "+dir+" && exec 3>file && echo && exec sleep 600'")
	if got := pids(t, dir); len(got) > 0 {
		t.Errorf("%v are taken for users of a folder of which they only know the name", got)
	}
	ours := run(t, "/", "exec unshare --mount sh -c 'mount --bind "+dir+" "+dir+" && cd "+dir+" && echo && exec sleep 600'").Process.Pid
	if got := pids(t, dir); !slices.Equal(got, []int{ours}) {
		t.Errorf("Using = %v, want %d", got, ours)
	}
}

// What was removed meanwhile is still used.
func TestUsingWhatWasRemoved(t *testing.T) {
	dir := t.TempDir()
	reader := run(t, "/", "exec 3>'"+filepath.Join(dir, "file")+"'; echo; exec sleep 600").Process.Pid
	if err := os.Remove(filepath.Join(dir, "file")); err != nil {
		t.Fatal(err)
	}
	if got := pids(t, dir); !slices.Equal(got, []int{reader}) {
		t.Errorf("Using = %v, want %d", got, reader)
	}
}

func TestEndAllEndsOnlyWhatMatches(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "trap '' QUIT; echo; exec sleep 600") // it ignores what is polite
	bystander := run(t, dir, "echo; exec tail -f /dev/null")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	isSleep := func(exe string) bool { return exe == "sleep" || exe == "coreutils" || exe == "busybox" }
	if err := EndAll(ctx, dir, isSleep, syscall.SIGQUIT, 100*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if got := pids(t, dir); !slices.Equal(got, []int{bystander.Process.Pid}) {
		t.Errorf("left are %v, want the bystander %d", got, bystander.Process.Pid)
	}
}

func TestEndAllGivesUpInTime(t *testing.T) {
	dir := t.TempDir()
	run(t, dir, "trap '' QUIT; echo; exec sleep 600")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := EndAll(ctx, dir, func(string) bool { return true }, syscall.SIGQUIT, time.Minute)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("EndAll: %v, want the deadline", err)
	}
}
