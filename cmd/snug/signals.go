package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/pprof"
	"sync"
	"syscall"

	"snug/supervisor"
)

// signals are all that the appliance listens to, as PID 1 or not:
//
//	SIGTERM, SIGINT  stop; once more: stop now
//	SIGHUP           restart chat without a gap
//	SIGUSR1          log the state of all services
//	SIGQUIT          write all goroutines to standard error, and go on
var signals = []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGQUIT}

// obey does what signals ask for, until ctx ends. That the first SIGTERM stops the appliance is not done here: it ends
// the context of the command.
func (a *appliance) obey(ctx context.Context, table *supervisor.Supervisor) error {
	var restarts sync.WaitGroup
	defer restarts.Wait()
	received := make(chan os.Signal, 8)
	signal.Notify(received, signals...)
	defer signal.Stop(received)
	stops := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case sig := <-received:
			switch sig {
			case syscall.SIGTERM, syscall.SIGINT:
				if stops++; stops > 1 {
					table.Hurry()
				}
			case syscall.SIGHUP:
				restarts.Go(func() { a.restart(ctx, table, "chat") })
			case syscall.SIGUSR1:
				a.logState(table)
			case syscall.SIGQUIT:
				_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2) // who asked is not told of a closed stderr
			}
		}
	}
}

func (a *appliance) restart(ctx context.Context, table *supervisor.Supervisor, service string) {
	if err := table.Do(ctx, supervisor.ActionRestart, service); err != nil {
		a.log.Error("restart failed", "service", service, "error", err)
	}
}

func (a *appliance) logState(table *supervisor.Supervisor) {
	snapshot := table.Snapshot()
	a.log.Info("state of all services", "condition", snapshot.Condition)
	for _, status := range snapshot.Services {
		a.log.Info("state", "service", status.Name, "state", status.State, "since", status.Since, "pid", status.Pid,
			"restarts", status.Restarts, "check_ok", status.Check.OK, "reason", status.Reason)
	}
}
