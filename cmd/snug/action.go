package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"snug/supervisor"
)

// newActionCommands are start, stop and restart: they return when it is done.
func newActionCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, action := range []struct {
		supervisor.Action
		short, long, done string
	}{
		{supervisor.ActionStart, "Start a service and wait until it is ready",
			"Start a service that was stopped or has failed, and return when it is ready. A task, such as migrate, runs once more.", "ready"},
		{supervisor.ActionStop, "Stop a service until it is started again",
			"Stop a service and return when nothing of it runs. It stays stopped until `snug start`, or until Snug itself starts again.\n" +
				"The services that need it go on, and say what they miss.", "stopped"},
		{supervisor.ActionRestart, "Replace a service's process by a new one",
			"Restart a service and return when the new process is ready and the old one gone.\n" +
				"chat is restarted without a gap: the new process is ready before the old one says goodbye to its clients.", "ready again"},
	} {
		commands = append(commands, &cobra.Command{
			Use:     string(action.Action) + " SERVICE",
			Short:   action.short,
			Long:    action.long + "\n\nExit code 1 and the reason if that did not succeed. Ctrl-C stops waiting for it.",
			Example: fmt.Sprintf("  snug %s chat\n  snug %s postgres", action.Action, action.Action),
			Args:    oneService,
			RunE: func(cmd *cobra.Command, args []string) error {
				return act(cmd, action.Action, args[0], action.done)
			},
		})
	}
	return commands
}

func oneService(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s wants the name of one service, got %d; `snug status` lists them", cmd.CommandPath(), len(args))}
	}
	return nil
}

func act(cmd *cobra.Command, action supervisor.Action, service, done string) error {
	asked, err := askSupervisor(cmd)
	if err != nil {
		return err
	}
	begun := time.Now()
	err = asked.explain(asked.Do(cmd.Context(), action, service))
	if err != nil && strings.Contains(err.Error(), supervisor.ErrUnknownService.Error()) {
		return fmt.Errorf("%w; there are %s", err, strings.Join(asked.services(cmd.Context()), ", "))
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is %s, after %s\n", service, done, time.Since(begun).Round(time.Millisecond))
	return err
}

// services are the names of all.
func (a askedSupervisor) services(ctx context.Context) []string {
	health, err := a.health(ctx, 0)
	if err != nil {
		return nil
	}
	var names []string
	for _, service := range health.Services {
		names = append(names, service.Name)
	}
	return names
}
