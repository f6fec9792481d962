package main

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"snug/store/postgres"
	"snug/supervisor"
)

// What a full or failing disk does to our own PostgreSQL is found out and mended here.

// postgresProbing finds a full disk within a second.
var postgresProbing = supervisor.Probing{LiveInterval: 800 * time.Millisecond}

// postgresRestart has PostgreSQL back within seconds of the disk having room again, however long that took.
var postgresRestart = supervisor.Restart{Max: 2 * time.Second, RetryFailed: 3 * time.Second}

func (a *appliance) disk() postgres.Disk { return postgres.NewDisk(a.postgresConfig()) }

// startPostgres looks after the reserve of space before each start.
func (a *appliance) startPostgres() (supervisor.Command, error) {
	a.disk().Prepare()
	return a.postgresCommand()
}

// postgresStarted reports whether PostgreSQL answers. When it does not, a full disk is most likely why. One that recovers
// from a crash may take its time: to restart it would only make it begin anew.
func (a *appliance) postgresStarted(ctx context.Context) error {
	err := a.postgres.Check(ctx)
	if err == nil {
		return nil
	}
	recovering := postgres.Recovering(err)
	if full := a.disk().Check(); full != nil {
		err = fmt.Errorf("%w (PostgreSQL: %v)", full, err)
	}
	if recovering {
		return supervisor.Unwell(err)
	}
	return err
}

// postgresWell reports whether PostgreSQL can do its work. A full or failing disk is no reason to restart it. Once there is
// room again, the reserve is made anew.
func (a *appliance) postgresWell(ctx context.Context) error {
	if err := a.postgresStarted(ctx); err != nil {
		return err
	}
	if full := a.disk().Check(); full != nil {
		return supervisor.Unwell(full)
	}
	if crashed := a.postgres.Crashes.Check(); crashed != nil {
		return supervisor.Unwell(crashed)
	}
	a.disk().Replenish()
	return nil
}

// hearPostgres lets the crash watch read PostgreSQL's log.
func (a *appliance) hearPostgres(process supervisor.Process, line supervisor.Line) {
	logged := postgres.LogLine{Postmaster: process.Pid, Time: line.Time, Failure: line.Level >= slog.LevelError, Message: line.Message}
	for _, attr := range line.Attrs {
		if attr.Key == "pid" {
			logged.Pid, _ = strconv.Atoi(attr.Value.String()) // 0 if it is none
		}
	}
	a.postgres.Crashes.Hear(logged)
}

// diskRoom tells chat whether there is room for messages. Of a database that somebody else runs it knows nothing.
func diskRoom(settings Settings, log *slog.Logger) func() error {
	if settings.DatabaseURL != "" {
		return nil
	}
	return postgres.NewDisk(postgresConfig(settings, string(settings.Data), string(settings.Run), log)).Check
}
