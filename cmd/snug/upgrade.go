package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"snug/migrations"
	"snug/store/postgres"
	"snug/supervisor"
)

// What keeps a Snug from data that a newer one has used, before anything is written there.

// taskRestart is for the tasks that prepare the data: what they refuse today they refuse again in a moment.
var taskRestart = supervisor.Restart{Min: time.Second, Burst: 4}

// initPostgres looks at who used the data last. Everything else waits for it.
func (a *appliance) initPostgres() (supervisor.Command, error) {
	if err := refuseNewer(a.postgresConfig(), a.log); err != nil {
		return supervisor.Command{}, err
	}
	return a.child("postgres-init")()
}

// refuseNewer is for data of our own PostgreSQL. Where nothing tells who used it, as with data from before that was
// noted, the database itself is asked when it runs, see [migrations.Up].
func refuseNewer(cfg postgres.Config, log *slog.Logger) error {
	note, err := postgres.ReadNote(cfg)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, postgres.ErrDamagedNote):
		log.Warn(err.Error() + "; the database itself is asked")
		return nil
	case err != nil:
		return err
	case note.Schema > migrations.Latest():
		return fmt.Errorf("this data was last used by Snug %s (schema %d); this is Snug %s (schema %d): run %s or newer, or restore a backup from before. Nothing was changed",
			note.Version, note.Schema, version, migrations.Latest(), note.Version)
	}
	return nil
}

// noteSchema tells those who come after which schema the data has. A database of somebody else's tells that by itself.
func noteSchema(settings Settings, log *slog.Logger) {
	if settings.DatabaseURL != "" {
		return
	}
	cfg := postgresConfig(settings, string(settings.Data), string(settings.Run), log)
	if err := postgres.WriteNote(cfg, postgres.Note{Schema: migrations.Latest(), Version: version}); err != nil {
		log.Warn("an older Snug will find out only from the database that it may not use it", "error", err)
	}
}

// afterData has services wait until the data was found usable, if they come after nothing else.
func afterData(services []supervisor.Service) []supervisor.Service {
	for i := range services {
		if len(services[i].After) == 0 && services[i].Name != "postgres-init" {
			services[i].After = []string{"postgres-init"}
		}
	}
	return services
}
