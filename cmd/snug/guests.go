package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"snug/supervisor"
	"snug/supervisor/servicefile"
)

// guestFolder is where users put services of their own, in the data folder: a bot, a tunnel. See docs/services.md.
const guestFolder = "services.d"

// guests are the services that the user has added, and what is wrong with those that are left out.
func guests(data string, builtIn []supervisor.Service, environ []string) ([]supervisor.Service, []error) {
	return servicefile.Load(servicefile.Config{
		Dir:      filepath.Join(data, guestFolder),
		Services: builtIn,
		Env:      environ,
		OOMScore: guestScore,
	})
}

// guestEnviron is our environment without our settings, of which some are secrets, and with the address of chat.
func guestEnviron(address string) []string {
	environ := slices.DeleteFunc(os.Environ(), func(variable string) bool {
		setting := settingOf(variableName(variable))
		return strings.HasPrefix(setting, "SNUG_") || slices.Contains([]string{"PUID", "PGID", "GOMEMLIMIT"}, setting)
	})
	return append(environ, "SNUG_URL="+address)
}
