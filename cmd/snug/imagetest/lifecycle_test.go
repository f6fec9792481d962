//go:build image

package imagetest

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// docker waits so long before it kills what it was told to stop.
const stopGrace = 10 * time.Second

// TestStopIsClean stops a container in use. PostgreSQL has ended by itself, and nothing that was acknowledged is missing.
func TestStopIsClean(t *testing.T) {
	c := start(t, onVolume()(t))
	c.becomes("healthy")
	who := foundWorkspace(t, c.url())
	heard := who.listen(c.url())
	for range 3 {
		silence := who.keepTalking(c.url())
		who.goesOn(waitLimit)
		t.Logf("docker stop took %v", c.stop().Round(time.Millisecond))
		docker(t, "start", c.name)
		who.goesOn(waitLimit)
		silence()
	}
	c.becomes("healthy")
	who.checkLog(c.url())
	heard.hears(t, int64(who.said()))
}

// TestStopInTheMiddleOfTheFirstStart stops at many moments of it. The start after that ends whole.
func TestStopInTheMiddleOfTheFirstStart(t *testing.T) {
	for _, after := range []time.Duration{50, 150, 300, 450, 600, 800, 1000} {
		c := start(t, onVolume()(t))
		time.Sleep(after * time.Millisecond)
		took := c.stop()
		t.Logf("after %d ms of the first start, docker stop took %v", after, took.Round(time.Millisecond))
		if took > stopGrace/2 {
			t.Error("that is too long")
		}
		docker(t, "start", c.name)
		c.becomes("healthy")
		foundWorkspace(t, c.url()).sayMany(c.url(), 1)
		c.stop()
	}
}

// TestKillLosesNothing kills all that runs in the container, again and again, while messages are sent.
func TestKillLosesNothing(t *testing.T) {
	c := start(t, onVolume()(t))
	c.becomes("healthy")
	who := foundWorkspace(t, c.url())
	heard := who.listen(c.url())
	silence := who.keepTalking(c.url())
	for range 5 {
		who.goesOn(waitLimit)
		docker(t, "kill", c.name)
		docker(t, "start", c.name)
	}
	who.goesOn(waitLimit)
	t.Logf("%d messages, the longest silence was %v", who.said(), silence().Round(time.Millisecond))
	who.checkLog(c.url())
	heard.hears(t, int64(who.said()))
}

// TestServicesAreRestartedInside kills every process of a service, and looks at the health meanwhile: it may not be
// green with a dead database, and must be green again soon.
func TestServicesAreRestartedInside(t *testing.T) {
	c := start(t, nil)
	c.becomes("healthy")
	who := foundWorkspace(t, c.url())
	silence := who.keepTalking(c.url())
	for _, service := range []string{"postgres", "chat", "cache"} {
		pid := c.pid(service)
		before := c.restarts(service)
		docker(t, "exec", c.name, "sh", "-c", fmt.Sprintf("kill -9 %d", pid))
		eventually(t, waitLimit, func() error {
			if c.restarts(service) == before {
				return fmt.Errorf("%s was not restarted", service)
			}
			return nil
		})
		c.becomes("healthy")
		who.goesOn(waitLimit)
	}
	t.Logf("the longest silence was %v", silence().Round(time.Millisecond))
	who.checkLog(c.url())
}

// pid is the process of a service, by its number in the container.
func (c *container) pid(service string) int {
	c.t.Helper()
	var status struct {
		Services []struct {
			Name string
			Pid  int
		}
	}
	if err := json.Unmarshal([]byte(c.snug("status", "--json")), &status); err != nil {
		c.t.Fatal(err)
	}
	for _, s := range status.Services {
		if s.Name == service && s.Pid != 0 {
			return s.Pid
		}
	}
	c.t.Fatalf("%s has no process: %+v", service, status)
	return 0
}

func (c *container) restarts(service string) int {
	c.t.Helper()
	h, err := c.health()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, s := range h.Services {
		if s.Name == service {
			return s.Restarts
		}
	}
	c.t.Fatalf("there is no service %s", service)
	return 0
}

// TestRestartAlways kills PID 1 from the host: Docker starts the container again, and the lock of the dead one is no obstacle.
func TestRestartAlways(t *testing.T) {
	c := start(t, append(onVolume()(t), "--restart", "always"))
	c.becomes("healthy")
	who := foundWorkspace(t, c.url())
	silence := who.keepTalking(c.url())
	who.goesOn(waitLimit)
	kill(t, c.inspect("{{.State.Pid}}"))
	eventually(t, waitLimit, func() error {
		if n := c.inspect("{{.RestartCount}}"); n != "1" {
			return fmt.Errorf("docker restarted it %s times", n)
		}
		return nil
	})
	who.goesOn(waitLimit)
	silence()
	who.checkLog(c.url())
}

// TestPause freezes all for a minute, as docker pause and a suspended laptop do. Nobody is restarted for it more than once,
// and the clients go on where they were.
func TestPause(t *testing.T) {
	t.Parallel()
	c := start(t, nil)
	c.becomes("healthy")
	who := foundWorkspace(t, c.url())
	heard := who.listen(c.url())
	silence := who.keepTalking(c.url())
	who.goesOn(waitLimit)
	docker(t, "pause", c.name)
	time.Sleep(time.Minute)
	docker(t, "unpause", c.name)
	c.becomes("healthy")
	who.goesOn(waitLimit)
	time.Sleep(15 * time.Second) // as long as a loop of restarts would take to show
	for _, service := range []string{"postgres", "cache", "chat"} {
		if n := c.restarts(service); n > 0 {
			t.Errorf("%s was restarted %d times", service, n)
		}
	}
	c.becomes("healthy")
	t.Logf("the longest silence was %v", silence().Round(time.Millisecond))
	who.checkLog(c.url())
	heard.hears(t, int64(who.said()))
}

func TestTimeZone(t *testing.T) {
	c := start(t, []string{"-e", "TZ=Asia/Kathmandu"})
	c.becomes("healthy")
	want := time.Now().In(time.FixedZone("", 5*3600+45*60)).Format("2006-01-02 15:")
	if log := c.logs(); !strings.Contains(log, want) {
		t.Errorf("no line of the log has the time %s…:\n%s", want, log)
	}
}

// TestEverySignalOfDocker sends what people send with docker kill.
func TestEverySignalOfDocker(t *testing.T) {
	c := start(t, nil)
	c.becomes("healthy")
	docker(t, "kill", "--signal", "HUP", c.name)
	eventually(t, waitLimit, func() error {
		if c.restarts("chat") != 1 {
			return fmt.Errorf("SIGHUP did not restart chat")
		}
		return nil
	})
	c.becomes("healthy")
	for signal, said := range map[string]string{"USR1": "chat", "QUIT": "goroutine"} {
		docker(t, "kill", "--signal", signal, c.name)
		eventually(t, waitLimit, func() error {
			if !strings.Contains(c.logs(), said) {
				return fmt.Errorf("SIG%s printed nothing of %q", signal, said)
			}
			return nil
		})
	}
	c.becomes("healthy")
	c.stop()
}

// kill is kill -9 of a process of the host.
func kill(t testing.TB, pid string) {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(n, syscall.SIGKILL); err != nil {
		t.Skipf("the processes of containers cannot be killed from here: %v; run this as root", err)
	}
}
