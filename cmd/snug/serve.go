package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"snug/store"
	"snug/store/cache"
	"snug/store/postgres"
	"snug/supervisor"
	"snug/supervisor/metrics"
)

// services is the whole appliance: what runs, after what, how it is probed and how it stops.
func (a *appliance) services() []supervisor.Service {
	return []supervisor.Service{
		{
			Name:     "postgres-init",
			Kind:     supervisor.Task,
			Required: true,
			Command:  a.child("postgres-init", nothing),
			Probing:  supervisor.Probing{StartTimeout: 15 * time.Minute}, // it may fetch PostgreSQL over a slow line
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
			Command:     a.child("cache", nothing),
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
			Command:  a.child("migrate", databaseSecrets),
			Probing:  supervisor.Probing{StartTimeout: time.Hour}, // a migration of much data may take its time
		},
		{
			Name:        "chat",
			After:       []string{"migrate", "cache"},
			Required:    true,
			Command:     a.child("chat", databaseSecrets),
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

// appliance is what `snug serve` runs. Everything in it is open before the first service starts.
type appliance struct {
	settings Settings
	instance *instance
	log      *slog.Logger
	port     *supervisor.HeldPort
	memory   memoryPlan
	started  time.Time
	// background are the goroutines that answer signals.
	background sync.WaitGroup
	// The supervisor's own ways to ask the services whether they are well.
	postgres *postgres.Prober
	database *store.Store
	cache    *cache.Client
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
	for _, warning := range warnings {
		log.Warn(warning)
	}
	port, err := supervisor.HoldPort(listener)
	if err != nil {
		return err
	}
	if port.TLS, err = openTLS(settings); err != nil {
		return err
	}
	memory, limit, err := sharedMemory(settings)
	if err != nil {
		return err
	}
	debug.SetMemoryLimit(memory.Supervisor)
	log.Debug("memory is shared out", "limit", formatBytes(limit.Bytes), "source", limit.Source)
	a := &appliance{settings: settings, instance: instance, log: log, port: port, memory: memory, started: started}
	if err := a.openProbes(); err != nil {
		return err
	}
	defer a.closeProbes()
	return a.run(cmd.Context())
}

// run supervises until ctx ends. The port and the control socket answer until the last service has ended.
func (a *appliance) run(ctx context.Context) error {
	services := a.external(a.services())
	added, wrong := guests(a.instance.Data, services, guestEnviron(localURL(a.port.Addr())))
	services = append(services, added...)
	journal := supervisor.NewJournal(supervisor.JournalConfig{Services: namesOf(services)})
	a.log = slog.New(journal.Handler(a.log.Handler()))
	for _, err := range wrong {
		a.log.Error("left out a service: " + err.Error())
	}
	table, err := supervisor.New(supervisor.Config{
		Services:  services,
		Logger:    a.log,
		OnFailure: supervisor.OnFailure(a.settings.OnFailure),
	})
	if err != nil {
		return err
	}
	health := supervisor.HealthReporter{Supervisor: table, Version: version, Started: a.started}
	measures := metrics.Handler(metrics.Config{Supervisor: table, Namespace: "snug"})
	control := supervisor.Control{Health: health, Socket: a.socket("control.sock"), Logs: journal, Metrics: measures}
	front := newFront(health, guardMetrics(openMetrics(a.settings, a.log), measures))

	serving, stopServing := context.WithCancel(context.Background())
	var servers errgroup.Group
	servers.Go(func() error { return a.port.Serve(serving, front) })
	servers.Go(func() error { return control.Serve(serving) })
	a.background.Go(func() { a.obey(serving, table) })
	defer a.background.Wait()
	defer stopServing()

	servers.Go(func() error {
		for table.Snapshot().Condition != supervisor.ConditionHealthy && serving.Err() == nil {
			time.Sleep(50 * time.Millisecond)
		}
		giveBackMemory(a.log)
		return nil
	})

	a.log.Info("snug starts", "version", version, "url", a.url(), "data", a.instance.Data, "user", os.Geteuid())
	err = table.Run(ctx)
	journal.Close()
	stopServing()
	err = errors.Join(err, servers.Wait())
	a.log.Info("snug stopped")
	return err
}

func namesOf(services []supervisor.Service) []string {
	var names []string
	for _, service := range services {
		names = append(names, service.Name)
	}
	return names
}

// openProbes prepares the connections; none is made yet.
func (a *appliance) openProbes() (err error) {
	a.postgres = postgres.NewProber(a.postgresConfig())
	if a.settings.DatabaseURL != "" {
		a.database, err = store.Open(context.Background(), store.Config{URL: string(a.settings.DatabaseURL), MaxConns: 1})
		if err != nil {
			return usageError{fmt.Errorf("SNUG_DATABASE_URL: %w", err)}
		}
	}
	a.cache, err = cache.Open(cacheURL(a.settings, a.instance.Run))
	return err
}

func (a *appliance) closeProbes() {
	a.postgres.Close()
	if a.database != nil {
		a.database.Close()
	}
	_ = a.cache.Close()
}

func (a *appliance) postgresConfig() postgres.Config {
	return postgresConfig(a.settings, a.instance.Data, a.instance.Run, a.log)
}

func (a *appliance) postgresCommand() (supervisor.Command, error) {
	argv, err := postgres.Command(a.postgresConfig())
	if err != nil {
		return supervisor.Command{}, err
	}
	return supervisor.Command{Path: argv[0], Args: argv, Env: override(environ(nothing), postgresOOM()...)}, nil
}

// child makes the command of a service that is this binary itself, also if the file was replaced meanwhile.
func (a *appliance) child(name string, secrets []string) func() (supervisor.Command, error) {
	return func() (supervisor.Command, error) {
		return supervisor.Command{
			Path: "/proc/self/exe",
			Args: []string{"snug", "child", name},
			Env:  override(environ(secrets), append(a.memory.environ(name), "SNUG_DATA="+a.instance.Data, "SNUG_RUN="+a.instance.Run)...),
		}, nil
	}
}

// Settings that hold a password are given only to the services that need them.
var (
	databaseSecrets = []string{"SNUG_DATABASE_URL", "SNUG_REDIS_URL"}
	nothing         []string
)

// environ is our own environment without the secrets that a service does not need.
func environ(needed []string) []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(databaseSecrets, name) && !slices.Contains(needed, name)
	})
}

// override sets variables in an environment, in whatever way they were given before.
func override(environ []string, variables ...string) []string {
	var names []string
	for _, variable := range variables {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, name, name+"_FILE", "FILE__"+name)
	}
	environ = slices.DeleteFunc(environ, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(names, name)
	})
	return append(environ, variables...)
}

func (a *appliance) socket(name string) string { return filepath.Join(a.instance.Run, name) }

// url is where a person on this machine reaches the appliance.
func (a *appliance) url() string {
	if a.settings.PublicURL != "" {
		return string(a.settings.PublicURL)
	}
	addr := a.port.Addr()
	host := "localhost"
	if !addr.IP.IsUnspecified() && !addr.IP.IsLoopback() {
		host = addr.IP.String()
	}
	scheme := "http://"
	if a.port.TLS != nil {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}
