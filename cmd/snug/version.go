package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// What the build sets, by -ldflags "-X main.version=1.2.3 -X main.revision=…": the version, and the commit if it is known.
// The toolchain's own note of the commit is not used, since a build of the same source elsewhere would differ by it.
var (
	version  = "dev"
	revision = ""
)

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  snug version",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			commit := ""
			if revision != "" {
				commit = " (" + revision[:min(12, len(revision))] + ")"
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "snug %s%s %s %s/%s\n",
				version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
