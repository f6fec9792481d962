package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"snug/chat"
	"snug/migrations"
	"snug/store"
	"snug/store/cache"
	"snug/store/postgres"
	"snug/supervisor"
)

// publicPortFD is where chat inherits the public port from the supervisor.
const publicPortFD = 3

// newChildCommand holds the services that are this binary itself. The supervisor starts them, people do not.
func newChildCommand() *cobra.Command {
	parent := &cobra.Command{Use: "child", Hidden: true, Args: noArguments, Short: "Services of the appliance, started by the supervisor"}
	services := []struct {
		name, short string
		run         func(context.Context, Settings, *slog.Logger) error
	}{
		{"postgres-init", "Find or fetch PostgreSQL, and initialise its cluster", runPostgresInit},
		{"cache", "Run the cache", runCache},
		{"migrate", "Bring the database's schema up to date", runMigrate},
		{"chat", "Run the chat server", runChat},
	}
	for _, service := range services {
		parent.AddCommand(&cobra.Command{
			Use:   service.name,
			Short: service.short,
			Args:  noArguments,
			RunE: func(cmd *cobra.Command, _ []string) error {
				settings, _, err := commandSettings(cmd)
				if err != nil {
					return err
				}
				log := newChildLogger(settings)
				if err := service.run(cmd.Context(), settings, log); err != nil {
					log.Error(err.Error())
					os.Exit(exitFailed) // told in the log, which the supervisor reads
				}
				return nil
			},
		})
	}
	return parent
}

func runPostgresInit(ctx context.Context, settings Settings, log *slog.Logger) error {
	plan, _, err := sharedMemory(settings)
	if err != nil {
		return err
	}
	cfg := postgresConfig(settings, string(settings.Data), string(settings.Run), log)
	cfg.Memory = plan.Postgres
	return postgres.Provision(ctx, cfg)
}

func runCache(ctx context.Context, settings Settings, log *slog.Logger) error {
	plan, _, err := sharedMemory(settings)
	if err != nil {
		return err
	}
	return cache.Serve(ctx, cache.ServerConfig{
		Socket:    filepath.Join(string(settings.Run), "cache.sock"),
		MaxMemory: plan.CacheContents,
		Logger:    log,
	})
}

func runMigrate(ctx context.Context, settings Settings, log *slog.Logger) error {
	url, err := openDatabaseURL(settings, log)
	if err != nil {
		return err
	}
	return migrations.Up(ctx, url, log)
}

func runChat(ctx context.Context, settings Settings, log *slog.Logger) error {
	url, err := openDatabaseURL(settings, log)
	if err != nil {
		return err
	}
	plan, _, err := sharedMemory(settings)
	if err != nil {
		return err
	}
	database, err := store.Open(ctx, store.Config{URL: url, MaxConns: poolSize(settings, plan), Logger: log})
	if err != nil {
		return err
	}
	defer database.Close()
	quick, err := cache.Open(cacheURL(settings, string(settings.Run)))
	if err != nil {
		return err
	}
	defer quick.Close()
	public, err := net.FileListener(os.NewFile(publicPortFD, "public port"))
	if err != nil {
		return fmt.Errorf("take over the public port: %w", err)
	}
	ready, err := supervisor.ListenPrivately(filepath.Join(string(settings.Run), "chat."+cmp.Or(os.Getenv(supervisor.SlotVariable), "0")+".sock"))
	if err != nil {
		return err
	}
	server, err := chat.New(chat.Config{
		Store:         database,
		Cache:         quick,
		Listener:      public,
		ReadyListener: ready,
		ControlSocket: filepath.Join(string(settings.Run), "control.sock"),
		PublicURL:     string(settings.PublicURL),
		Version:       version,
		Logger:        log,
	})
	if err != nil {
		return err
	}
	return server.Serve(ctx)
}

// poolSize is how many connections chat may have to our own database. To one that somebody else runs, the URL says so.
func poolSize(settings Settings, plan memoryPlan) int32 {
	if settings.DatabaseURL != "" {
		return 0
	}
	return int32(plan.Pool)
}

func postgresConfig(settings Settings, data, run string, log *slog.Logger) postgres.Config {
	return postgres.Config{
		Dir:        filepath.Join(data, "postgres"),
		BinDir:     string(settings.PostgresBin),
		FetchedDir: filepath.Join(data, "postgresql"),
		SocketDir:  run,
		SecretsDir: filepath.Join(data, "secrets"),
		Logger:     log,
	}
}

// openDatabaseURL is the database that was named, or else our own.
func openDatabaseURL(settings Settings, log *slog.Logger) (string, error) {
	if settings.DatabaseURL != "" {
		return string(settings.DatabaseURL), nil
	}
	return postgres.URL(postgresConfig(settings, string(settings.Data), string(settings.Run), log))
}

func cacheURL(settings Settings, run string) string {
	if settings.RedisURL != "" {
		return string(settings.RedisURL)
	}
	return "unix://" + filepath.Join(run, "cache.sock")
}
