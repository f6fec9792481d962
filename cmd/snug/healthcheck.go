package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"snug/supervisor"
)

func newHealthcheckCommand() *cobra.Command {
	var hold time.Duration
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Exit 0 if the appliance is healthy or degraded, else 1",
		Long: "Exit 0 if the appliance is healthy or degraded, else 1.\n\n" +
			"With --hold the answer is held back while it is old news, for so long at most. Who asks again and again, as Docker does,\n" +
			"learns of a change at once that way, and yet asks rarely.",
		Example: "  snug healthcheck && echo fine\n  HEALTHCHECK --interval=500ms --timeout=35s CMD [\"snug\", \"healthcheck\", \"--hold\", \"30s\"]",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked, err := askSupervisor(cmd)
			if err != nil {
				return err
			}
			health, err := asked.health(cmd.Context(), hold)
			if err != nil {
				return err
			}
			return judge(cmd, health)
		},
	}
	cmd.Flags().DurationVar(&hold, "hold", 0, "hold the answer back for up to this `time` while nothing has changed, such as 30s")
	return cmd
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
