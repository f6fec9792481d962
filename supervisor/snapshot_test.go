package supervisor

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestNewsIsToldAtOnceAndTheRestIsHeldBack asks again and again, as a health check of Docker's does.
func TestNewsIsToldAtOnceAndTheRestIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const hold = 30 * time.Second
		started := time.Now()
		var ill atomic.Bool
		check := FuncCheck(func(context.Context) error {
			switch {
			case time.Since(started) < 10*time.Second:
				return errors.New("not yet")
			case ill.Load():
				return Unwell(errors.New("no room"))
			default:
				return nil
			}
		})
		s, end := begin(t, newWorld(t), Service{
			Name: "app", Required: true, Ready: check, Live: check, Probing: Probing{StartTimeout: time.Minute, LiveInterval: time.Second},
		})
		defer end()
		ask := func() (Condition, time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), hold)
			defer cancel()
			asked := time.Now()
			s.awaitNews(ctx)
			return s.Snapshot().Condition, time.Since(asked)
		}
		expect := func(when string, want Condition, least, most time.Duration) {
			t.Helper()
			if got, took := ask(); got != want || took < least || took > most {
				t.Errorf("%s: told %s after %v, want %s after %v to %v", when, got, took, want, least, most)
			}
		}
		expect("while it starts", ConditionHealthy, 9*time.Second, 11*time.Second)
		expect("new", ConditionHealthy, 0, 0)
		time.Sleep(newsLasts)
		expect("not new", ConditionHealthy, hold, hold)
		time.AfterFunc(7*time.Second, func() { ill.Store(true) })
		expect("when it falls ill", ConditionUnhealthy, 7*time.Second, 12*time.Second)
		expect("newly ill", ConditionUnhealthy, 0, 0)
		time.Sleep(newsLasts)
		expect("still ill", ConditionUnhealthy, hold, hold)
		time.AfterFunc(time.Second, func() { ill.Store(false) })
		expect("when it is well again", ConditionHealthy, time.Second, 5*time.Second)
	})
}

func TestNewsEndsWithTheSupervisor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, end := begin(t, newWorld(t), Service{Name: "app", Ready: well})
		time.Sleep(time.Minute)
		time.AfterFunc(time.Second, end)
		asked := time.Now()
		s.awaitNews(t.Context())
		if took := time.Since(asked); took != time.Second {
			t.Errorf("told after %v that all stops", took)
		}
	})
}
