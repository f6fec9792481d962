package main

import (
	"os"
	"slices"
	"strings"

	"snug/store/postgres"
	"snug/supervisor"
)

func (a *appliance) postgresCommand() (supervisor.Command, error) {
	argv, err := postgres.Command(a.postgresConfig())
	if err != nil {
		return supervisor.Command{}, err
	}
	return supervisor.Command{Path: argv[0], Args: argv, Env: override(environ(nothing), postgresOOM()...)}, nil
}

// child makes the command of a service that is this binary itself, also if the file was replaced meanwhile.
func (a *appliance) child(name string, secrets []string) func() (supervisor.Command, error) {
	return func() (supervisor.Command, error) {
		return supervisor.Command{
			Path: "/proc/self/exe",
			Args: []string{"snug", "child", name},
			Env:  override(environ(secrets), append(a.memory.environ(name), "SNUG_DATA="+a.instance.Data, "SNUG_RUN="+a.instance.Run)...),
		}, nil
	}
}

// Settings that hold a password are given only to the services that need them.
var (
	databaseSecrets = []string{"SNUG_DATABASE_URL", "SNUG_REDIS_URL"}
	nothing         []string
)

// environ is our own environment without the secrets that a service does not need.
func environ(needed []string) []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(databaseSecrets, name) && !slices.Contains(needed, name)
	})
}

// override sets variables in an environment, in whatever way they were given before.
func override(environ []string, variables ...string) []string {
	var names []string
	for _, variable := range variables {
		name, _, _ := strings.Cut(variable, "=")
		names = append(names, name, name+"_FILE", "FILE__"+name)
	}
	environ = slices.DeleteFunc(environ, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return slices.Contains(names, name)
	})
	return append(environ, variables...)
}
