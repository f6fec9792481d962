package chat_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"snug/store"
)

// Random clients on two nodes send, edit, delete, react, pin, join, leave, go and come back, over HTTP and the WebSocket,
// while the nodes, the cache and PostgreSQL are killed or hang. At the end what each has been told equals what there is,
// every acknowledgement is kept, and every channel is a log.
//
// SNUG_TEST_STEPS says how many steps are done. A failure names the seed that draws the same steps and faults again; when
// they meet is up to the machine, so it may take some runs (-count) to see the same.
func TestWhateverBreaksEveryViewIsWhatIsStored(t *testing.T) {
	setChecks(t, stepsFromEnvironment(t, 2400)/stepsPerScene)
	w := newDeployment(t)
	failure := "" // the first; rapid would do it all again to make that smaller, which is up to chance here
	rapid.Check(t, func(rt *rapid.T) {
		p := plans.Draw(rt, "plan")
		if failure == "" {
			failure = w.play(p)
		}
		if failure != "" {
			rt.Fatal(failure)
		}
	})
	t.Log(w.history.summary())
}

// play plays a scene, and says what was wrong.
func (w *deployment) play(p plan) string {
	s := w.newScene()
	s.run(p)
	s.settle()
	s.check()
	if problems := w.takeProblems(); len(problems) > 0 {
		return fmt.Sprintf("with the faults %+v:\n%s", p.faults, strings.Join(problems, "\n"))
	}
	return ""
}

// setChecks says how many plans are drawn, unless the command line does.
func setChecks(t *testing.T, checks int) {
	t.Helper()
	values := map[string]string{"rapid.checks": strconv.Itoa(max(1, checks)), "rapid.shrinktime": "0s"} // it never happens twice the same
	flag.Visit(func(f *flag.Flag) { delete(values, f.Name) })
	for name, value := range values {
		f := flag.Lookup(name)
		before := f.Value.String()
		if err := f.Value.Set(value); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Value.Set(before) })
	}
}

func stepsFromEnvironment(t *testing.T, usual int) int {
	t.Helper()
	v := os.Getenv("SNUG_TEST_STEPS")
	if v == "" {
		return usual
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("SNUG_TEST_STEPS=%q: %v", v, err)
	}
	return n
}

// scene is some channels and those who use them.
type scene struct {
	*deployment
	channels []uuid.UUID // two public ones, a private one, a direct conversation
	devices  []*device
}

func (s *scene) has(channel uuid.UUID) bool { return slices.Contains(s.channels, channel) }

// newScene has all users in the first public and the private channel. The first users have two devices each.
func (w *deployment) newScene() *scene {
	w.scenes++
	s := &scene{deployment: w}
	first := w.users[0] // made the channels, and stays in them
	var everybody, some []uuid.UUID
	for i, u := range w.users[1:] {
		everybody = append(everybody, u.ID)
		if w.scenes>>i&1 == 1 {
			some = append(some, u.ID) // others in each scene: the same people have the same conversation
		}
	}
	for i, private := range []bool{false, false, true} {
		c := first.create(fmt.Sprintf("scene%d-%d", w.scenes, i), private)
		s.channels = append(s.channels, c.ID)
		if i != 1 {
			first.call("POST", channelPath(c.ID, "/members"), object{"user_ids": everybody}).want(200)
		}
	}
	var direct store.Membership
	first.call("POST", "/api/dms", object{"user_ids": append(some, first.ID)}).into(&direct)
	s.channels = append(s.channels, direct.ID)
	for i := range sceneDevices {
		u := w.users[i%len(w.users)]
		s.devices = append(s.devices, &device{
			scene: s, user: u, name: fmt.Sprintf("%s%c", u.Username, 'A'+i/len(w.users)),
			replicas: map[uuid.UUID]*replica{}, waiting: map[string]chan frame{},
		})
	}
	return s
}

// run has all devices do their programs, and breaks what is to break meanwhile.
func (s *scene) run(p plan) {
	var done atomic.Int64
	var programs sync.WaitGroup
	for i, d := range s.devices {
		programs.Go(func() {
			for _, step := range p.programs[i] {
				d.do(step)
				done.Add(1)
			}
		})
	}
	for _, f := range p.faults {
		for done.Load() < int64(f.after) {
			time.Sleep(time.Millisecond)
		}
		s.breakAndMend(f)
	}
	programs.Wait()
}
