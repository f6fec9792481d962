//go:build image

package imagetest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestStaysInItsMemory: with 256 MB, Snug sizes itself, and serves a hundred clients without anything being killed.
func TestStaysInItsMemory(t *testing.T) {
	c := start(t, []string{"--memory", "256m", "--memory-swap", "256m"})
	c.becomes("healthy")
	if config := c.snug("config"); !strings.Contains(config, "256") {
		t.Errorf("it does not know of its 256 MB:\n%s", config)
	}
	who := foundWorkspace(t, c.url())
	var ears []*ear
	for range 100 {
		ears = append(ears, who.listen(c.url()))
	}
	eventually(t, waitLimit, func() error {
		for i, e := range ears {
			if e.connections() == 0 {
				return fmt.Errorf("client %d has no connection", i)
			}
		}
		return nil
	})
	for range 8 {
		who.keepTalking(c.url())
	}
	for range 50 { // 20 messages each
		who.goesOn(waitLimit)
	}
	t.Logf("%d messages to 100 clients; %s", who.said(), docker(t, "stats", "--no-stream", "--format", "{{.MemUsage}}", c.name))
	if killed := c.inspect("{{.State.OOMKilled}}"); killed != "false" {
		t.Error("the kernel killed something for its memory")
	}
	for _, service := range []string{"postgres", "cache", "chat"} {
		if n := c.restarts(service); n > 0 {
			t.Errorf("%s was restarted %d times", service, n)
		}
	}
	for i, e := range ears {
		if n := e.connections(); n != 1 {
			t.Errorf("client %d has had %d connections", i, n)
		}
	}
}

// What all processes together may take at rest, by the proportional share of memory (proc(5), smaps_rollup) and of one core.
const (
	maxRest    = 100 << 20
	maxRestCPU = 0.01
)

// TestTakesLittleAtRest measures. Processor time is not judged, since a loaded machine would fail it; `make image-test` shows it.
func TestTakesLittleAtRest(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.awaitDockersHealth()
	foundWorkspace(t, c.url()).sayMany(c.url(), 10)
	time.Sleep(20 * time.Second) // until what the start took has been given back
	var shares int64
	for _, pid := range c.processes() {
		rollup, err := os.ReadFile("/proc/" + pid + "/smaps_rollup")
		if err != nil {
			t.Skipf("the memory of the container's processes cannot be read: %v; run this as root", err)
		}
		shares += field(t, string(rollup), "Pss:") << 10
	}
	before, began := c.processorTime(), time.Now()
	time.Sleep(40 * time.Second)
	cpu := float64(c.processorTime()-before) / float64(time.Since(began))
	t.Logf("%.1f MB of memory (goal %d), %.2f %% of a core (goal %.0f %%)", float64(shares)/(1<<20), maxRest>>20, 100*cpu, 100*maxRestCPU)
	if shares > maxRest {
		t.Errorf("%d bytes", shares)
	}
}

// processes are the numbers of all, as the host has them.
func (c *container) processes() []string {
	c.t.Helper()
	return strings.Fields(docker(c.t, "top", c.name, "-o", "pid"))[1:]
}

// processorTime is what all processes of the container have taken, those that have ended too.
func (c *container) processorTime() time.Duration {
	c.t.Helper()
	for script, unit := range map[string]time.Duration{
		"cat /sys/fs/cgroup/cpuacct/cpuacct.usage":                    time.Nanosecond,
		"sed -n 's/^usage_usec //p' /sys/fs/cgroup/cpu.stat | grep .": time.Microsecond,
	} {
		if out, err := try(c.t.Context(), "exec", c.name, "sh", "-c", script); err == nil {
			n, err := strconv.ParseInt(strings.TrimSpace(out), 10, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			return time.Duration(n) * unit
		}
	}
	c.t.Fatal("neither version of control groups tells the processor time")
	return 0
}

// field is the number behind a name in a file of /proc.
func field(t testing.TB, text, name string) int64 {
	t.Helper()
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, name); found {
			n, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("no %s in %q", name, text)
	return 0
}

// TestIsHealthySoon measures from docker run to what docker calls healthy, on empty data and on what that left.
func TestIsHealthySoon(t *testing.T) {
	data := volume(t)
	for _, on := range []string{"an empty volume", "a used one"} {
		began := time.Now()
		c := start(t, []string{"-v", data + ":/data"})
		c.awaitDockersHealth()
		healthy := time.Since(began)
		t.Logf("on %s: healthy after %v, stopped within %v", on, healthy.Round(time.Millisecond), c.stop().Round(time.Millisecond))
	}
}
