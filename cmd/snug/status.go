package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
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
			settings, _, err := commandSettings(cmd)
			if err != nil {
				return err
			}
			if watch {
				return watchStatus(cmd, settings, asJSON)
			}
			report, err := askStatus(settings)
			if err != nil {
				return err
			}
			return printStatus(cmd.OutOrStdout(), report, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&watch, "watch", false, "show it anew every second until Ctrl-C")
	return cmd
}

// clearScreen moves home and clears to the end, see console_codes(4).
const clearScreen = "\x1b[H\x1b[J"

// watchStatus shows an error in place of the table, and goes on: a restart of Snug is worth watching.
func watchStatus(cmd *cobra.Command, settings Settings, asJSON bool) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		report, err := askStatus(settings)
		if !asJSON {
			fmt.Fprint(cmd.OutOrStdout(), clearScreen)
		}
		if err != nil {
			fmt.Fprintln(cmd.OutOrStdout(), err)
		} else if err := printStatus(cmd.OutOrStdout(), report, asJSON); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-cmd.Context().Done():
			return nil
		}
	}
}

func printStatus(w io.Writer, report supervisor.StatusReport, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	fmt.Fprintf(w, "%s for %s, version %s\n\n", report.Status, roughly(time.Duration(report.UptimeSeconds)*time.Second), report.Version)
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tSTATE\tSINCE\tPID\tRESTARTS\tCHECK\tMEMORY\t")
	for _, service := range report.Services {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", service.Name, service.State,
			roughly(report.Timestamp.Sub(service.Since)), orDash(service.Pid, "%d"), service.Restarts,
			describeCheck(service.Check), orDash(service.MemoryBytes>>20, "%d MB"), service.Reason)
	}
	return table.Flush()
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
