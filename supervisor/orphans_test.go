package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// orphans are how many processes breedMany leaves to the supervisor.
const orphans = 10_000

// breedMany is a child: it makes processes whose parent is gone at once, one after the other, and then says what number
// the next process has.
func breedMany() {
	script := fmt.Sprintf(`i=0; while [ $i -lt %d ]; do ( : & ); i=$((i+1)); done; echo bred, now at $(sh -c 'echo $$')`, orphans)
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.Stdout = os.Stdout
	_ = cmd.Run()
	time.Sleep(time.Hour)
}

// TestTenThousandOrphansAreReaped counts on the numbers of a PID namespace, which begin at 1: they show how many
// processes there have been.
func TestTenThousandOrphansAreReaped(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a PID namespace needs root")
	}
	t.Parallel()
	r := begun(t, "breed-many", "unshare", "--fork", "--pid", "--mount-proc", "--kill-child", os.Args[0])
	var told []string
	r.within(2*time.Minute, func() error {
		if told = regexp.MustCompile(`bred, now at (\d+)`).FindStringSubmatch(r.output.String()); told == nil {
			return fmt.Errorf("still breeding")
		}
		return nil
	})
	if number, _ := strconv.Atoi(told[1]); number < 2*orphans {
		t.Errorf("there have been only %d processes", number)
	}
	supervisor := r.supervisorPid()
	r.within(time.Second, func() error {
		for _, p := range processes() {
			if p.ppid == supervisor && p.zombie {
				return fmt.Errorf("zombie %d", p.pid)
			}
		}
		return nil
	})
	r.stop(10 * time.Second)
}

// TestSecondStopHurries has a service that ignores SIGTERM and is given a minute for it.
func TestSecondStopHurries(t *testing.T) {
	everyWay(t, "patient", func(r *real) {
		r.within(10*time.Second, r.have("patient", 1))
		supervisor := r.supervisorPid()
		_ = syscall.Kill(supervisor, syscall.SIGTERM)
		r.within(5*time.Second, func() error {
			if !regexp.MustCompile(`"msg":"stopping"`).MatchString(r.output.String()) {
				return fmt.Errorf("it is not stopping")
			}
			return nil
		})
		r.stop(5 * time.Second)
	})
}
