package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"snug/supervisor"
)

// logsOptions is what is to be shown, and how.
type logsOptions struct {
	service string
	lines   int
	follow  bool
	asJSON  bool
}

func newLogsCommand() *cobra.Command {
	var options logsOptions
	cmd := &cobra.Command{
		Use:   "logs [SERVICE]",
		Short: "Show what the services said last",
		Long: "Show the last lines of the log, of all services or of one.\n\n" +
			"The supervisor keeps the last 128 KiB of each service, its own lines under the name of supervisor, until it ends.",
		Example: "  snug logs\n  snug logs -f chat             # and what it says from now on, until Ctrl-C\n" +
			"  snug logs -n 1000 postgres\n  snug logs --json | jq 'select(.level == \"ERROR\")'",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError{fmt.Errorf("%s takes one service at most, got %q", cmd.CommandPath(), args)}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				options.service = args[0]
			}
			if options.lines < 0 {
				return usageError{fmt.Errorf("-n %d: must be a number of lines, 0 or more", options.lines)}
			}
			return showLogs(cmd, options)
		},
	}
	cmd.Flags().BoolVarP(&options.follow, "follow", "f", false, "go on with what comes, until Ctrl-C")
	cmd.Flags().IntVarP(&options.lines, "lines", "n", 100, "how many `lines` to begin with")
	cmd.Flags().BoolVar(&options.asJSON, "json", false, "print each line as JSON")
	return cmd
}

func showLogs(cmd *cobra.Command, options logsOptions) error {
	settings, err := operatorSettings(cmd)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if !options.follow {
		limited, cancel := context.WithTimeout(ctx, controlTimeout)
		defer cancel()
		ctx = limited
	}
	client, err := findSupervisor(settings)
	if err != nil {
		return err
	}
	stream, err := client.Stream(ctx, options.path())
	if cmd.Context().Err() != nil {
		return nil // by Ctrl-C, before there was an answer
	}
	if err != nil {
		return client.explain(err)
	}
	defer stream.Close()
	err = printLogs(cmd.OutOrStdout(), stream, settings, options.asJSON)
	switch {
	case cmd.Context().Err() != nil:
		return nil
	case errors.As(err, new(printError)):
		return err
	case options.follow: // however the stream ended, nobody is there any more
		fmt.Fprintf(cmd.ErrOrStderr(), "snug: the Snug on %s has stopped\n", settings.Data)
		return nil
	case err != nil:
		return client.explain(err)
	}
	return nil
}

func (o logsOptions) path() string {
	query := url.Values{"n": {strconv.Itoa(o.lines)}}
	if o.service != "" {
		query.Set("service", o.service)
	}
	if o.follow {
		query.Set("follow", "1")
	}
	return supervisor.LogsPath + "?" + query.Encode()
}

// printError is about the one who reads what we print, not about the supervisor.
type printError struct{ error }

// printLogs prints each line as soon as it comes, until the stream ends.
func printLogs(w io.Writer, stream io.Reader, settings Settings, asJSON bool) error {
	text := newTextHandler(w, math.MinInt, wantsColour(w, settings)) // whatever was kept is shown
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if asJSON {
			_, err = io.WriteString(w, line)
		} else {
			err = printLogLine(text, line)
		}
		if err != nil {
			return printError{fmt.Errorf("print the log: %w", err)}
		}
	}
}

// printLogLine shows a line as it stands in the appliance's own log.
func printLogLine(text slog.Handler, encoded string) error {
	service, line, err := supervisor.DecodeLogLine(encoded)
	if err != nil {
		return err
	}
	record := slog.NewRecord(line.Time.Local(), line.Level, line.Message, 0)
	record.AddAttrs(slog.String("service", service))
	record.AddAttrs(line.Attrs...)
	return text.Handle(context.Background(), record)
}
