package main

import (
	"os"
	"slices"

	"snug/store/postgres"
	"snug/supervisor"
)

func (a *appliance) postgresCommand() (supervisor.Command, error) {
	argv, err := postgres.Command(a.postgresConfig())
	if err != nil {
		return supervisor.Command{}, err
	}
	return supervisor.Command{Path: argv[0], Args: argv, Env: override(a.settings.environ(), postgresOOM()...)}, nil
}

// child makes the command of a service that is this binary itself, also if the file was replaced meanwhile, with the
// secrets that it needs.
func (a *appliance) child(name string, secrets ...string) func() (supervisor.Command, error) {
	return func() (supervisor.Command, error) {
		files, variables := a.secrets.handOver(secrets)
		variables = append(variables, a.memory.environ(name)...)
		variables = append(variables, "SNUG_DATA="+a.instance.Data, "SNUG_RUN="+a.instance.Run)
		return supervisor.Command{
			Path:  "/proc/self/exe",
			Args:  []string{"snug", "child", name},
			Env:   override(a.settings.environ(), variables...),
			Files: files,
		}, nil
	}
}

// chat inherits the public port after its secrets.
func (a *appliance) chat() (supervisor.Command, error) {
	command, err := a.child("chat", databaseSecret, redisSecret)()
	command.Env = append(command.Env, portAt(firstInherited+len(command.Files)))
	return command, err
}

// environ is our own environment for a child: without the secrets, and with the values of what was given by a file, which
// a child may not be able to read.
func (s Settings) environ() []string {
	environ := os.Environ()
	for name, value := range s.fromFiles {
		environ = override(environ, name+"="+value)
	}
	return without(environ, databaseSecret, redisSecret)
}

// override sets variables in an environment, in whatever way they were given before.
func override(environ []string, variables ...string) []string {
	var names []string
	for _, variable := range variables {
		names = append(names, settingOf(variableName(variable)))
	}
	return append(without(environ, names...), variables...)
}

// without is an environment that does not give the named settings.
func without(environ []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
		return slices.Contains(names, settingOf(variableName(variable)))
	})
}
