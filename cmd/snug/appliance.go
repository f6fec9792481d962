package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"snug/chat"
	"snug/store"
	"snug/store/cache"
	"snug/store/postgres"
	"snug/supervisor"
	"snug/supervisor/metrics"
)

// appliance is what `snug serve` runs. Everything in it is open before the first service starts.
type appliance struct {
	settings Settings
	instance *instance
	log      *slog.Logger
	port     *supervisor.HeldPort
	memory   memoryPlan
	started  time.Time
	secrets  secretFiles
	// The supervisor's own ways to ask the services whether they are well.
	postgres *postgres.Prober
	database *store.Store
	cache    *cache.Client
}

// run supervises until ctx ends. The port and the control socket answer until the last service has ended.
func (a *appliance) run(ctx context.Context) error {
	services, wrong := a.table()
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
	serving, stopServing := context.WithCancel(context.Background())
	defer stopServing()
	servers := a.answer(serving, table, journal)

	a.log.Info("snug starts", "version", version, "url", a.url(), "data", a.instance.Data, "user", os.Geteuid())
	err = table.Run(ctx)
	journal.Close()
	stopServing()
	err = errors.Join(err, servers.Wait())
	a.log.Info("snug stopped")
	return err
}

// table is all services, those of the user with them; what is wrong with one of these leaves only that one out. None starts
// on data that this Snug may not use.
func (a *appliance) table() (services []supervisor.Service, wrong []error) {
	services = a.external(a.services())
	added, wrong := guests(a.instance.Data, services, guestEnviron(a.localURL()))
	services = append(services, added...)
	if a.settings.DatabaseURL == "" {
		services = afterData(services)
	}
	return services, wrong
}

// answer begins all that is answered beside the services, until ctx ends: the port, the control socket and signals.
func (a *appliance) answer(ctx context.Context, table *supervisor.Supervisor, journal *supervisor.Journal) *errgroup.Group {
	health := supervisor.HealthReporter{Supervisor: table, Version: version, Started: a.started}
	measures := metrics.Handler(metrics.Config{Supervisor: table, Namespace: "snug"})
	control := supervisor.Control{Health: health, Socket: a.socket("control.sock"), Logs: journal, Metrics: measures}
	front := newFront(a.settings.PublicURL.parsed(), health, guardMetrics(func() chat.Metrics { return knownMetrics(a.settings) }, measures))

	servers := &errgroup.Group{}
	servers.Go(func() error { return a.port.Serve(ctx, front) })
	servers.Go(func() error { return control.Serve(ctx) })
	servers.Go(func() error { return a.obey(ctx, table) })
	servers.Go(func() error { return a.settle(ctx, table) })
	return servers
}

// settle gives back what only the start needed, once that is over.
func (a *appliance) settle(ctx context.Context, table *supervisor.Supervisor) error {
	for snapshot := range table.Watch(ctx) {
		if snapshot.Condition == supervisor.ConditionHealthy {
			settleMemory(a.log)
			break
		}
	}
	return nil
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

func (a *appliance) socket(name string) string { return filepath.Join(a.instance.Run, name) }

// url is where a person on this machine reaches the appliance.
func (a *appliance) url() string {
	if a.settings.PublicURL != "" {
		return string(a.settings.PublicURL)
	}
	host := "localhost"
	if ip := a.port.Addr().IP; !ip.IsUnspecified() && !ip.IsLoopback() {
		host = ip.String()
	}
	return a.urlOf(host)
}

// localURL is where a process on this machine reaches chat, whatever name people know it by.
func (a *appliance) localURL() string {
	host := a.port.Addr().IP.String()
	if a.port.Addr().IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return a.urlOf(host)
}

func (a *appliance) urlOf(host string) string {
	scheme := "http://"
	if a.port.TLS != nil {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(a.port.Addr().Port))
}
