package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"snug/supervisor"
)

func newHealthcheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "healthcheck",
		Short:   "Exit 0 if the appliance is healthy or degraded, else 1",
		Example: "  snug healthcheck && echo fine\n  HEALTHCHECK CMD [\"snug\", \"healthcheck\"]",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			settings, _, err := commandSettings(cmd)
			if err != nil {
				return err
			}
			asked, err := findSupervisor(settings)
			if err != nil {
				return err
			}
			health, err := asked.health(cmd.Context())
			if err != nil {
				return err
			}
			return judge(cmd, health)
		},
	}
}

func judge(cmd *cobra.Command, health supervisor.Health) error {
	text := describeHealth(health)
	if health.Status != supervisor.ConditionHealthy && health.Status != supervisor.ConditionDegraded {
		return errors.New(text)
	}
	_, err := fmt.Fprintln(cmd.OutOrStdout(), text)
	return err
}

// describeHealth is the condition and what is wrong, in one line.
func describeHealth(health supervisor.Health) string {
	text := string(health.Status)
	for _, service := range health.Services {
		if service.Good() {
			continue
		}
		text += fmt.Sprintf("; %s is %s", service.Name, service.State)
		if service.Check.Error != "" {
			text += " (" + service.Check.Error + ")"
		}
	}
	return text
}
