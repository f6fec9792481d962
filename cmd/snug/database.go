package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"snug/migrations"
	"snug/store/postgres"
)

// operatorDatabase is the database of the Snug that runs on the data folder, or the one that was named.
func operatorDatabase(settings Settings) (string, error) {
	if settings.DatabaseURL != "" {
		return string(settings.DatabaseURL), nil
	}
	data := string(settings.Data)
	note, err := readLock(data)
	if err != nil {
		_, err = findSupervisor(settings) // which says what to do
		return "", err
	}
	address, err := postgres.URL(postgresConfig(settings, data, note.Run, slog.New(slog.DiscardHandler)))
	if errors.Is(err, fs.ErrPermission) {
		return "", fmt.Errorf("the Snug on %s belongs to another user: ask as that user, or as root", data)
	}
	return address, err
}

func newMigrateCommand() *cobra.Command {
	parent := &cobra.Command{
		Use:     "migrate",
		Short:   "Show or bring up to date the database's schema",
		Long:    "Show or bring up to date the database's schema. `snug serve` does that by itself at each start.",
		Example: "  snug migrate status\n  snug migrate up",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	parent.AddCommand(
		&cobra.Command{
			Use:     "status",
			Short:   "List the migrations and when they ran",
			Example: "  snug migrate status",
			Args:    noArguments,
			RunE:    withDatabase(printMigrations),
		},
		&cobra.Command{
			Use:     "up",
			Short:   "Run the migrations that have not run",
			Example: "  snug migrate up",
			Args:    noArguments,
			RunE: withDatabase(func(cmd *cobra.Command, database string) error {
				log := slog.New(newTextHandler(cmd.ErrOrStderr(), slog.LevelInfo, false))
				if err := migrations.Up(cmd.Context(), database, log); err != nil {
					return err
				}
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "the schema is at version %d\n", migrations.Latest())
				return err
			}),
		},
	)
	return parent
}

func withDatabase(run func(*cobra.Command, string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		settings, _, err := commandSettings(cmd)
		if err != nil {
			return err
		}
		database, err := operatorDatabase(settings)
		if err != nil {
			return err
		}
		return run(cmd, database)
	}
}

func printMigrations(cmd *cobra.Command, database string) error {
	all, err := migrations.Status(cmd.Context(), database)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "VERSION\tNAME\tRAN")
	for _, m := range all {
		ran := "not yet; `snug migrate up` runs it"
		if m.Applied {
			ran = m.AppliedAt.Local().Format(time.DateTime)
		}
		fmt.Fprintf(table, "%d\t%s\t%s\n", m.Version, m.Name, ran)
	}
	return table.Flush()
}

func newPsqlCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "psql [-- ARGUMENTS]",
		Short:   "Open PostgreSQL's own shell on the database",
		Long:    "Open psql on the database, as the role that owns it. What follows -- is given to psql.",
		Example: "  snug psql\n  snug psql -- -c 'SELECT count(*) FROM messages'",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, arguments []string) error {
			settings, _, err := commandSettings(cmd)
			if err != nil {
				return err
			}
			database, err := operatorDatabase(settings)
			if err != nil {
				return err
			}
			return becomePsql(settings, database, arguments)
		},
	}
}

// becomePsql replaces this process by psql. The password goes by its environment, which only the same user may read, and
// not by its arguments, which everybody may.
func becomePsql(settings Settings, database string, arguments []string) error {
	program, err := findPsql(settings)
	if err != nil {
		return err
	}
	address, password, err := splitPassword(database)
	if err != nil {
		return err
	}
	environ := without(os.Environ(), databaseSecret, redisSecret)
	if password != "" {
		environ = override(environ, "PGPASSWORD="+password)
	}
	argv := append([]string{program, address}, arguments...) // psql looks for itself by its first argument, if need be in PATH
	if err := syscall.Exec(program, argv, environ); err != nil {
		return fmt.Errorf("run %s: %w", program, err)
	}
	return nil
}

// splitPassword takes the password out of a URL, and what psql does not know: the settings of our pool of connections.
func splitPassword(database string) (address, password string, err error) {
	u, query, err := parseURL(database)
	if err != nil {
		return "", "", fmt.Errorf("the database's URL %w", err)
	}
	if u.User != nil {
		password, _ = u.User.Password()
		u.User = url.User(u.User.Username())
	}
	if given := query.Get("password"); given != "" {
		password = given
	}
	if query.Has("sslpassword") {
		return "", "", errors.New("the database's URL has an sslpassword, which everybody could read among the arguments of psql: run psql by hand")
	}
	for name := range query {
		if name == "password" || strings.HasPrefix(name, "pool_") {
			query.Del(name)
		}
	}
	// Clients of PostgreSQL take a plus sign as itself, not as a space (PostgreSQL docs, "Connection URIs").
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u.String(), password, nil
}

// findPsql looks where PostgreSQL's other programs are looked for, and then in PATH.
func findPsql(settings Settings) (string, error) {
	folders := append([]string{string(settings.PostgresBin)}, postgres.SystemDirs()...)
	for _, folder := range folders {
		program := filepath.Join(folder, "psql")
		if info, err := os.Stat(program); folder != "" && err == nil && info.Mode().IsRegular() {
			return program, nil
		}
	}
	program, err := exec.LookPath("psql")
	if err != nil {
		return "", errors.New("psql is not on this machine: install it, on Debian with `apt-get install postgresql-client`")
	}
	return program, nil
}
