package main

import (
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"snug/supervisor"
)

// configReport is all that `snug config` tells. It shows what `snug serve` would do in the same environment.
type configReport struct {
	Settings []settingReport `json:"settings"`
	Memory   struct {
		Limit memoryLimit `json:"limit"`
		Plan  memoryPlan  `json:"plan"`
	} `json:"memory"`
	// OpenFiles is how many files each process may have open.
	OpenFiles uint64        `json:"open_files"`
	User      userReport    `json:"user"`
	Services  []guestReport `json:"services"`
	// Wrong is what is wrong with files of services that are left out; Warnings are about settings.
	Wrong    []string `json:"wrong_services"`
	Warnings []string `json:"warnings"`
}

type settingReport struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

type userReport struct {
	UID  int    `json:"uid"`
	GID  int    `json:"gid"`
	Name string `json:"name"`
}

type guestReport struct {
	Name  string   `json:"name"`
	After []string `json:"after"`
}

func newConfigCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show every setting and where it came from, and what was sized by it",
		Long: "Show every setting, its value and where that came from, and what Snug makes of this machine: memory, files, user,\n" +
			"and the services that were added. Passwords are hidden. It shows what `snug serve` would do in the same environment.",
		Example: "  snug config\n  docker exec snug snug config\n  SNUG_MEMORY=512MB snug config --json | jq .memory.plan",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := reportConfig(cmd)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd.OutOrStdout(), report)
			}
			return report.print(cmd.OutOrStdout())
		},
	}
	addServeFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func reportConfig(cmd *cobra.Command) (configReport, error) {
	report := configReport{Services: []guestReport{}, Wrong: []string{}, Warnings: []string{}}
	settings, warnings, err := commandSettings(cmd)
	if err != nil {
		return report, err
	}
	report.Settings = reportSettings(cmd, settings)
	report.Warnings = slices.Concat(report.Warnings, warnings, environmentWarnings(settings))
	report.Memory.Plan, report.Memory.Limit, err = sharedMemory(settings)
	if err != nil {
		return report, err
	}
	if report.OpenFiles, err = supervisor.FileLimit(); err != nil {
		return report, err
	}
	if report.User, err = reportUser(settings); err != nil {
		return report, err
	}
	a := &appliance{settings: settings, instance: &instance{Data: string(settings.Data), Run: string(settings.Run)}}
	added, wrong := guests(string(settings.Data), a.external(a.services()), nil)
	for _, service := range added {
		report.Services = append(report.Services, guestReport{service.Name, append([]string{}, service.After...)})
	}
	for _, err := range wrong {
		report.Wrong = append(report.Wrong, err.Error())
	}
	return report, nil
}

func reportSettings(cmd *cobra.Command, settings Settings) []settingReport {
	var reports []settingReport
	for _, field := range settingFields() {
		name := field.Tag.Get("env")
		value := reflect.ValueOf(settings).FieldByIndex(field.Index)
		text := ""
		if value.Kind() != reflect.Pointer {
			text = fmt.Sprint(value.Interface())
		} else if !value.IsNil() {
			text = fmt.Sprint(value.Elem().Interface())
		}
		if text != "" {
			text = hideSecret(name, text)
		}
		reports = append(reports, settingReport{name, text, settingSource(cmd, name)})
	}
	return reports
}

// settingSource says who set a setting, in the order in which commandSettings and loadSettings look.
func settingSource(cmd *cobra.Command, name string) string {
	for flag, variable := range settingFlags {
		if f := cmd.Flags().Lookup(flag); variable == name && f != nil && f.Changed && f.Value.String() != "" {
			return "flag --" + flag
		}
	}
	for _, variant := range fileVariables(name) {
		if path := os.Getenv(variant); path != "" {
			return "file " + path
		}
	}
	if os.Getenv(name) != "" {
		return "environment"
	}
	return "default"
}

// reportUser is who the appliance runs as, which is somebody else when it is started by root.
func reportUser(settings Settings) (userReport, error) {
	who := identity{os.Geteuid(), os.Getegid()}
	if who.uid == 0 {
		var err error
		if who, err = chooseIdentity(settings); err != nil {
			return userReport{}, err
		}
	}
	report := userReport{UID: who.uid, GID: who.gid}
	if account, err := user.LookupId(strconv.Itoa(who.uid)); err == nil {
		report.Name = account.Username
	}
	return report, nil
}

func (r configReport) print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "SETTING\tVALUE\tFROM")
	for _, s := range r.Settings {
		value := s.Value
		if value == "" {
			value = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, value, s.Source)
	}
	for _, section := range []func(io.Writer){r.printMemory, r.printProcesses, r.printServices} {
		if err := table.Flush(); err != nil { // each section is aligned by itself
			return err
		}
		fmt.Fprintln(w)
		section(table)
	}
	return table.Flush()
}

func (r configReport) printMemory(w io.Writer) {
	plan := r.Memory.Plan
	fmt.Fprintf(w, "MEMORY\t%s\t%s\n", formatBytes(r.Memory.Limit.Bytes), r.Memory.Limit.Source)
	for _, part := range []struct {
		name  string
		bytes int64
		what  string
	}{
		{"postgres", plan.postgres(), fmt.Sprintf("shared_buffers %s, work_mem %s, maintenance_work_mem %s, %d connections",
			formatBytes(plan.Postgres.SharedBuffers), formatBytes(plan.Postgres.WorkMem),
			formatBytes(plan.Postgres.MaintenanceWorkMem), plan.Postgres.MaxConnections)},
		{"chat", plan.Chat, fmt.Sprintf("%d connections to the database", plan.Pool)},
		{"cache", plan.Cache, "contents " + formatBytes(plan.CacheContents)},
		{"supervisor", plan.Supervisor, ""},
		{"reserve", plan.Reserve, "for the kernel and its page cache"},
	} {
		fmt.Fprintf(w, "%s\t%s\t%s\n", part.name, formatBytes(part.bytes), part.what)
	}
}

func (r configReport) printProcesses(w io.Writer) {
	fmt.Fprintln(w, "PROCESSES")
	fmt.Fprintf(w, "user\t%d:%d %s\n", r.User.UID, r.User.GID, r.User.Name)
	fmt.Fprintf(w, "open files\t%d each\n", r.OpenFiles)
	fmt.Fprintln(w, "core dumps\toff")
}

func (r configReport) printServices(w io.Writer) {
	fmt.Fprintln(w, "SERVICES OF YOUR OWN")
	for _, service := range r.Services {
		after := ""
		if len(service.After) > 0 {
			after = "after " + strings.Join(service.After, ", ")
		}
		fmt.Fprintf(w, "%s\t%s\n", service.Name, after)
	}
	if len(r.Services)+len(r.Wrong) == 0 {
		fmt.Fprintf(w, "none; see %s in the data folder\n", filepath.Join(guestFolder, "*.toml"))
	}
	for _, wrong := range r.Wrong {
		fmt.Fprintf(w, "left out: %s\n", wrong)
	}
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", warning)
	}
}
