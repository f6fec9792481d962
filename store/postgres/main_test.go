package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"

	"snug/store/postgres"
	"snug/store/postgres/postgrestest"
)

// provisionVariable makes this test binary run Provision and nothing else, with the configuration that it holds.
// Provision needs a process of its own, and must not be root.
const provisionVariable = "SNUG_TEST_PROVISION"

func TestMain(m *testing.M) {
	if config := os.Getenv(provisionVariable); config != "" {
		os.Exit(provisionMain(config))
	}
	postgrestest.Main(m)
}

// provisionMain runs Provision on one thread, since strace(1) counts system calls per thread.
// It logs to standard output, and writes the error to standard error.
func provisionMain(config string) int {
	runtime.LockOSThread()
	var cfg postgres.Config
	if err := json.Unmarshal([]byte(config), &cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	cfg.Logger = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := postgres.Provision(ctx, cfg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
