package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"snug/chat"
	"snug/migrations"
	"snug/store"
	"snug/store/cache"
	"snug/store/postgres"
)

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
					level := slog.LevelError
					if cmd.Context().Err() != nil {
						level = slog.LevelWarn // it was told to stop
					}
					log.Log(context.Background(), level, err.Error())
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
	if err := migrations.Up(ctx, url, log); err != nil {
		return err
	}
	noteSchema(settings, log)
	return nil
}

// chatSettles is after which time chat has long started, and the parts of the program that only the start needs are given back.
const chatSettles = 5 * time.Second

func runChat(ctx context.Context, settings Settings, log *slog.Logger) error {
	memory := chatMemory(os.Getenv("GOGC"), log)
	// The private sockets come first: whoever asks early waits there, and hears at once when chat is ready.
	sockets, err := openChatSockets(string(settings.Run))
	if err != nil {
		return err
	}
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
	defer closeDatabase(database)
	quick, err := cache.Open(cacheURL(settings, string(settings.Run)))
	if err != nil {
		return err
	}
	defer quick.Close()
	security, err := openTLS(settings, log)
	if err != nil {
		return err
	}
	server, err := chat.New(chat.Config{
		Store:         database,
		Cache:         quick,
		Room:          diskRoom(settings, log),
		Listener:      sockets.public,
		TLS:           security,
		ReadyListener: sockets.ready,
		Handover:      sockets.handover,
		Successor:     sockets.successor,
		ControlSocket: filepath.Join(string(settings.Run), "control.sock"),
		Files: chat.Files{
			Dir: filepath.Join(string(settings.Data), "files"), Max: int64(settings.UploadMax), Quota: int64(settings.UploadQuota),
			PictureMemory: plan.Chat / 2,
		},
		Memory:    memory,
		Metrics:   openMetrics(settings, log),
		PublicURL: string(settings.PublicURL),
		Proxies:   string(settings.Proxies),
		Version:   version,
		Logger:    log,
	})
	if err != nil {
		return err
	}
	settled := time.AfterFunc(chatSettles, func() { giveBackProgram(log) })
	defer settled.Stop()
	return server.Serve(ctx)
}

// closeDatabase takes leave of the database. One that hangs is not waited for: the end of the process does it too.
func closeDatabase(database *store.Store) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		database.Close()
	}()
	select {
	case <-closed:
	case <-time.After(200 * time.Millisecond):
	}
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
