package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"snug/supervisor"
)

func newStatusCommand() *cobra.Command {
	var asJSON, watch bool
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show how the services are",
		Example: "  snug status\n  snug status --watch\n  snug status --json | jq '.services[] | {name, state, pid}'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch {
				return watchStatus(cmd, asJSON)
			}
			asked, err := askSupervisor(cmd)
			if err != nil {
				return err
			}
			report, err := asked.status(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), report)
			}
			_, err = io.WriteString(cmd.OutOrStdout(), describeStatus(report, newPalette(cmd.OutOrStdout())))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&watch, "watch", false, "show it anew every second, with what happened lately, until Ctrl-C")
	return cmd
}

func printJSON(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// describeStatus is a row for each service under one line about all.
func describeStatus(report supervisor.StatusReport, paint palette) string {
	rows := [][]cell{{plain("SERVICE"), plain("STATE"), plain("SINCE"), plain("PID"), plain("RESTARTS"), plain("CHECK"), plain("CPU"), plain("MEMORY"), plain("")}}
	for _, service := range report.Services {
		rows = append(rows, []cell{
			plain(service.Name),
			{text: string(service.State), colour: colourOf(service.Status)},
			plain(roughly(report.Timestamp.Sub(service.Since))),
			plain(orDash(service.Pid, "%d")),
			plain(fmt.Sprint(service.Restarts)),
			plain(describeCheck(service.Check)),
			plain(describeCPU(service.CPUSeconds)),
			plain(orDash(service.MemoryBytes>>20, "%d MB")),
			plain(service.Reason),
		})
	}
	head := cell{text: string(report.Status), colour: conditionColour(report.Status)}
	return fmt.Sprintf("%s for %s, version %s\n\n%s", paint.show(head), roughly(time.Duration(report.UptimeSeconds)*time.Second),
		report.Version, paint.table(rows))
}

func describeCheck(check supervisor.Result) string {
	if !check.OK {
		return "fails"
	}
	if check.LatencyMS == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", check.LatencyMS)
}

func describeCPU(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1fs", seconds)
}

func orDash[T int | int64](n T, format string) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf(format, n)
}

// roughly is a duration as people say it: its one or two largest units.
func roughly(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh %dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd %dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}
