package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"snug/supervisor"
)

func newEventsCommand() *cobra.Command {
	var asJSON, follow bool
	cmd := &cobra.Command{
		Use:     "events",
		Short:   "Show what happened to the services, and why",
		Example: "  snug events\n  snug events -f\n  snug events --json | jq 'select(.cause == \"crash\")'",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			asked, err := askSupervisor(cmd)
			if err != nil {
				return err
			}
			paint := newPalette(cmd.OutOrStdout())
			err = asked.eachEvent(cmd.Context(), follow, func(line []byte, e supervisor.Event) error {
				if asJSON {
					_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s\n", line)
					return err
				}
				_, err := io.WriteString(cmd.OutOrStdout(), describeEvents([]supervisor.Event{e}, paint))
				return err
			})
			if cmd.Context().Err() != nil {
				return nil // Ctrl-C is how to end it
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, one event a line")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what happens, until Ctrl-C")
	return cmd
}

func (a askedSupervisor) events(ctx context.Context) (events []supervisor.Event, err error) {
	ctx, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	err = a.eachEvent(ctx, false, func(_ []byte, e supervisor.Event) error {
		events = append(events, e)
		return nil
	})
	return events, err
}

func (a askedSupervisor) eachEvent(ctx context.Context, follow bool, each func([]byte, supervisor.Event) error) error {
	path := "/v1/events"
	if follow {
		path += "?follow=1"
	}
	body, err := a.Stream(ctx, path)
	if err != nil {
		return a.explain(err)
	}
	defer body.Close()
	lines := bufio.NewScanner(body)
	for lines.Scan() {
		var e supervisor.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("read an event: %w", err)
		}
		if err := each(lines.Bytes(), e); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), io.ErrUnexpectedEOF) {
		return errors.New("the supervisor has ended")
	}
	return lines.Err()
}

// describeEvents is a line for each event, aligned for the names and states that there are.
func describeEvents(events []supervisor.Event, paint palette) string {
	var text strings.Builder
	for _, e := range events {
		because := string(e.Cause)
		if e.Reason != "" && e.To != supervisor.StateStarting { // which starts for the reason of the line before
			because = strings.TrimPrefix(because+": "+e.Reason, ": ")
		}
		state := cell{text: string(e.To), colour: colourOf(supervisor.Status{State: e.To, Check: supervisor.Result{OK: true}})}
		fmt.Fprintf(&text, "%s  %-14s %s%s %s\n", paint.show(cell{e.At.Local().Format(time.TimeOnly), faint}), e.Service,
			paint.show(state), strings.Repeat(" ", max(0, 10-len(state.text))), because)
	}
	return text.String()
}
