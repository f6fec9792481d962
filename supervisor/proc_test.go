package supervisor

import (
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A process that is about to end has no environment any more, and may still have children: until it is waited for, it is never
// taken for one that belongs to nobody.
func TestOwnerOfWhatIsEnding(t *testing.T) {
	of := owner{service: "test", slot: 7}
	reads, unnamed := 0, 0
	for deadline := time.Now().Add(10 * time.Second); unnamed < 20 && time.Now().Before(deadline); {
		cmd := exec.Command("/bin/true")
		cmd.Env = of.variables()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for !ended(t, cmd.Process.Pid) {
			got, named := ownerOf(cmd.Process.Pid)
			if reads++; !named {
				unnamed++
			} else if got != of {
				t.Errorf("it belongs to %+v", got)
			}
		}
		_ = cmd.Wait()
	}
	t.Logf("%d looks, %d without an answer", reads, unnamed)
}

// ended reports whether a child has ended, and leaves it to be waited for.
func ended(t *testing.T, pid int) bool {
	t.Helper()
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	return info.Signo != 0
}
