// Snug is team chat in one container. This is its one binary: the appliance, its children and its commands.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"snug/supervisor"
)

// Exit codes, the same for every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	// exitService ends `snug serve` with SNUG_ON_FAILURE=exit when a service that is needed has failed for good.
	exitService = 3
)

// usageError is a wrong command line or setting; it exits with code 2.
type usageError struct{ error }

func main() {
	nameProcess(os.Args[1:])
	os.Exit(run(os.Args[1:]))
}

// nameProcess is for ps and top, which would show "exe" for what was begun through /proc/self/exe.
func nameProcess(args []string) {
	name := "snug"
	if len(args) == 2 && args[0] == "child" {
		name += "-" + args[1]
	}
	_ = os.WriteFile("/proc/self/comm", []byte(name), 0) // only for looks
}

func run(args []string) int {
	root := newRootCommand()
	root.SetArgs(args)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C has its usual effect, unless the command listens to it itself
	defer stop()
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	fmt.Fprintf(os.Stderr, "snug: %v\n", err)
	switch {
	case errors.As(err, new(usageError)):
		return exitUsage
	case errors.As(err, new(*supervisor.FailedError)):
		return exitService
	default:
		return exitFailed
	}
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "snug",
		Short: "Team chat in one container",
		Long: "Snug is team chat in one container: PostgreSQL, a cache and the chat server under one supervisor.\n" +
			"Without a command it runs the appliance, as `snug serve` does.",
		Example:                    "  snug                          # run it, with data in ./data, at http://localhost:8080\n  snug --listen :80 --data /srv/snug\n  snug status                   # how its services are",
		Args:                       noArguments,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		CompletionOptions:          cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	serve := newServeCommand()
	root.RunE = serve.RunE
	addServeFlags(root)
	root.PersistentFlags().String("data", "", "folder of all data (`SNUG_DATA`, default ./data)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.AddCommand(serve, newStatusCommand(), newLogsCommand(), newEventsCommand(), newHealthcheckCommand(), newConfigCommand(), newMigrateCommand(), newPsqlCommand(), newAdminCommand(), newVersionCommand(), newChildCommand())
	root.AddCommand(newActionCommands()...)
	return root
}

// noArguments refuses arguments; of the root command they are mistyped commands.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if cmd.HasParent() {
		return usageError{fmt.Errorf("%s takes no argument, got %q", cmd.CommandPath(), args[0])}
	}
	hint := ""
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		hint = fmt.Sprintf("; did you mean %s?", names[0])
	}
	return usageError{fmt.Errorf("unknown command %q%s; see snug --help", args[0], hint)}
}
