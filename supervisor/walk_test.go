package supervisor

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestAnySequence drives random crashes, hangs, launch failures, commands and time through a random table. What may never
// happen is checked by the world (two processes of one service), by become (a transition that is not in the table
// panics) and here: order, stopped services that stay so, an answer to every command, and an end of every stop.
func TestAnySequence(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table, steps := anyTable().Draw(rt, "table"), rapid.SliceOfN(anyStep(), 0, 40).Draw(rt, "steps")
		wrong := &recorder{}
		synctest.Test(t, func(*testing.T) { runSteps(wrong, table, steps) })
		for _, failure := range wrong.failures {
			rt.Error(failure)
		}
	})
}

// recorder keeps failures for a test that must not be failed from where they are found.
type recorder struct {
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// row is a service of a random table.
type row struct {
	Task, Required, Overlap, Stubborn bool
	Policy                            Policy
	After                             []int // earlier rows
}

func anyTable() *rapid.Generator[[]row] {
	return rapid.Custom(func(t *rapid.T) []row {
		table := make([]row, rapid.IntRange(1, 5).Draw(t, "services"))
		for i := range table {
			table[i] = row{
				Task:     rapid.IntRange(0, 3).Draw(t, "kind") == 3,
				Required: rapid.Bool().Draw(t, "required"),
				Overlap:  rapid.Bool().Draw(t, "overlap"),
				Stubborn: rapid.Bool().Draw(t, "stubborn"),
				Policy:   rapid.SampledFrom([]Policy{RestartAlways, RestartOnFailure, RestartNever}).Draw(t, "policy"),
			}
			for j := range i {
				if rapid.Bool().Draw(t, "after") {
					table[i].After = append(table[i].After, j)
				}
			}
		}
		return table
	})
}

// step is one thing that happens to one service, chosen by a number.
type step struct {
	What    string
	Service int
	Code    int
	Time    time.Duration // that passes, or for which somebody waits for a command
}

func anyStep() *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		return step{
			What:    rapid.SampledFrom([]string{"pass", "exit", "sicken", "break", "start", "stop", "restart"}).Draw(t, "what"),
			Service: rapid.IntRange(0, 4).Draw(t, "service"),
			Code:    rapid.IntRange(0, 1).Draw(t, "code"),
			Time:    time.Duration(rapid.IntRange(1, 90_000).Draw(t, "ms")) * time.Millisecond,
		}
	})
}

func runSteps(t failer, table []row, steps []step) {
	w := newWorld(t)
	sick := map[string]bool{}
	services := tableOf(w, table, sick)
	s, end := begin(t, w, services...)
	operator := &operator{s: s, frozen: map[string]bool{}, latest: map[string]int{}}
	for _, step := range steps {
		name := services[step.Service%len(services)].Name
		switch step.What {
		case "pass":
			time.Sleep(step.Time)
		case "exit":
			w.end(name, Exit{Code: step.Code, At: time.Now()})
		case "sicken":
			w.locked(func() { sick[name] = !sick[name] })
		case "break":
			w.locked(func() {
				if w.broken[name] == nil {
					w.broken[name] = errors.New("broken")
				} else {
					delete(w.broken, name)
				}
			})
		default:
			operator.order(Action(step.What), name, step.Time)
		}
		synctest.Wait()
		checkOrder(t, s, services)
		operator.check(t)
	}
	begun := time.Now()
	end()
	operator.wait.Wait() // every command is answered
	if took := time.Since(begun); took > time.Duration(len(services))*(DefaultProbing.StartTimeout+20*time.Second) {
		t.Errorf("stop took %s", took)
	}
	for _, status := range s.Snapshot().Services {
		if status.State != StateStopped && status.State != StateDone {
			t.Errorf("%s is %s after the stop", status.Name, status.State)
		}
	}
}

// tableOf makes services that fail their probes while they are sick.
func tableOf(w *world, table []row, sick map[string]bool) []Service {
	var services []Service
	for i, row := range table {
		name := fmt.Sprintf("s%d", i)
		w.stubborn[name] = row.Stubborn
		check := func(context.Context, Process) error {
			var err error
			w.locked(func() {
				if sick[name] {
					err = errors.New("sick")
				}
			})
			return err
		}
		service := Service{Name: name, Ready: check, Live: check, Required: row.Required, Overlap: row.Overlap, Restart: Restart{Policy: row.Policy}}
		if row.Task {
			service = Service{Name: name, Kind: Task, Required: row.Required, Restart: Restart{Policy: row.Policy}}
		}
		for _, j := range row.After {
			service.After = append(service.After, fmt.Sprintf("s%d", j))
		}
		services = append(services, service)
	}
	return services
}

// operator gives commands, and knows which services must not run: those whose stop was the last thing asked for.
type operator struct {
	s      *Supervisor
	wait   sync.WaitGroup
	mu     sync.Mutex
	frozen map[string]bool
	latest map[string]int // how many commands a service was given
}

func (o *operator) order(action Action, name string, patience time.Duration) {
	o.mu.Lock()
	o.frozen[name] = false
	o.latest[name]++
	number := o.latest[name]
	o.mu.Unlock()
	o.wait.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		err := o.s.Do(ctx, action, name)
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.latest[name] == number {
			o.frozen[name] = action == ActionStop && err == nil
		}
	})
}

func (o *operator) check(t failer) {
	t.Helper()
	snapshot := o.s.Snapshot()
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, frozen := range o.frozen {
		if status, _ := snapshot.Find(name); frozen && (status.State != StateStopped && status.State != StateDone || status.Pid != 0) {
			t.Errorf("%s was stopped, and is %s (%s)", name, status.State, status.Reason)
		}
	}
}

// checkOrder: what has been started found that everything required before it had been started.
func checkOrder(t failer, s *Supervisor, services []Service) {
	t.Helper()
	snapshot := s.Snapshot()
	for _, service := range services {
		status, _ := snapshot.Find(service.Name)
		if status.State != StateStarting && status.State != StateReady {
			continue
		}
		for _, before := range service.After {
			b, _ := snapshot.Find(before)
			if b.Required && b.State == StateWaiting && b.LastExit == nil {
				t.Errorf("%s is %s though %s is still waiting", service.Name, status.State, before)
			}
		}
	}
}
