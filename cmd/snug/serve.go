package main

import (
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"snug/supervisor"
)

// services is the whole appliance: what runs, after what, how it is probed and how it stops.
func (a *appliance) services() []supervisor.Service {
	return []supervisor.Service{
		{
			Name:     "postgres-init",
			Kind:     supervisor.Task,
			Required: true,
			Command:  a.initPostgres,
			Probing:  supervisor.Probing{StartTimeout: 15 * time.Minute}, // it may fetch PostgreSQL over a slow line
			Restart:  taskRestart,
		},
		{
			Name:        "postgres",
			After:       []string{"postgres-init"},
			Required:    true,
			Command:     a.startPostgres,
			Ready:       supervisor.FuncCheck(a.postgresStarted),
			Live:        supervisor.FuncCheck(a.postgresWell),
			Probing:     postgresProbing,
			Restart:     postgresRestart,
			OnLine:      a.hearPostgres,
			Stop:        fastShutdown,
			ParentDeath: syscall.SIGINT,
			OOMScore:    postgresScore,
		},
		{
			Name:        "cache",
			Command:     a.child("cache"),
			Ready:       supervisor.FuncCheck(a.cache.Check),
			Live:        supervisor.FuncCheck(a.cache.Check),
			ParentDeath: syscall.SIGTERM,
			OOMScore:    cacheScore,
		},
		{
			Name:     "migrate",
			Kind:     supervisor.Task,
			After:    []string{"postgres"},
			Required: true,
			Command:  a.child("migrate", databaseSecret),
			Probing:  supervisor.Probing{StartTimeout: time.Hour}, // a migration of much data may take its time
			Restart:  taskRestart,
		},
		{
			Name:        "chat",
			After:       []string{"migrate", "cache"},
			Required:    true,
			Command:     a.chat,
			Ready:       supervisor.HTTPCheck(a.socket("chat.{slot}.sock"), "/ready"),
			Live:        supervisor.HTTPCheck(a.socket("chat.{slot}.sock"), "/ready"),
			Port:        a.port,
			Overlap:     true,
			ParentDeath: syscall.SIGTERM,
			OOMScore:    chatScore,
		},
	}
}

// fastShutdown is how PostgreSQL is stopped: SIGINT disconnects the clients and ends cleanly, SIGQUIT ends without
// a checkpoint. SIGTERM would wait for all clients to leave.
// https://www.postgresql.org/docs/current/server-shutdown.html
var fastShutdown = []supervisor.StopStep{
	{Signal: syscall.SIGINT, Grace: 20 * time.Second},
	{Signal: syscall.SIGQUIT, Grace: 5 * time.Second},
}

// external turns the services that somebody else runs into ones that are only probed.
func (a *appliance) external(table []supervisor.Service) []supervisor.Service {
	var services []supervisor.Service
	for _, service := range table {
		switch {
		case service.Name == "postgres-init" && a.settings.DatabaseURL != "":
			continue
		case service.Name == "postgres" && a.settings.DatabaseURL != "":
			service = supervisor.Service{Name: "postgres", Kind: supervisor.External, Required: true, Live: supervisor.FuncCheck(a.database.Ping)}
		case service.Name == "cache" && a.settings.RedisURL != "":
			service = supervisor.Service{Name: "cache", Kind: supervisor.External, Live: supervisor.FuncCheck(a.cache.Check)}
		}
		services = append(services, service)
	}
	return services
}

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Run the appliance in the foreground",
		Long:    "Run the appliance in the foreground until SIGTERM or Ctrl-C.\n\nSettings, by environment:\n" + describeSettings(),
		Example: "  snug serve\n  snug serve --listen 127.0.0.1:9000 --data /srv/snug\n  SNUG_LOG_FORMAT=json snug serve",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return serve(cmd) },
	}
	addServeFlags(cmd)
	return cmd
}

func addServeFlags(cmd *cobra.Command) {
	cmd.Flags().String("listen", "", "address of the public port (`SNUG_LISTEN`, default :8080)")
}

// serve brings up everything that must be there before the services, in order; the public port comes first.
func serve(cmd *cobra.Command) error {
	started := time.Now()
	settings, warnings, err := commandSettings(cmd)
	if err != nil {
		return err
	}
	listener, err := openPort(settings)
	if err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return becomeUnprivileged(settings, listener)
	}
	instance, err := openInstance(settings)
	if err != nil {
		return err
	}
	defer instance.close()
	outliveLogReader()
	output := newLogQueue(os.Stdout, settings)
	defer output.Close(time.Second)
	log := newLogger(output, settings)
	for _, warning := range append(warnings, environmentWarnings(settings)...) {
		log.Warn(warning)
	}
	port, err := supervisor.HoldPort(listener)
	if err != nil {
		return err
	}
	if port.TLS, err = openTLS(settings, log); err != nil {
		return err
	}
	memory, limit, err := sharedMemory(settings)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(memory.Supervisor)
	log.Debug("memory is shared out", "limit", formatBytes(limit.Bytes), "source", limit.Source)
	a := &appliance{settings: settings, instance: instance, log: log, port: port, memory: memory, started: started}
	if a.secrets, err = newSecretFiles(settings); err != nil {
		return err
	}
	defer a.secrets.close()
	if err := a.openProbes(); err != nil {
		return err
	}
	defer a.closeProbes()
	return a.run(cmd.Context())
}
