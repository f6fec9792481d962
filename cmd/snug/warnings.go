package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// environmentWarnings are about what was asked for in the environment and cannot be had. It is no reason not to start.
func environmentWarnings(settings Settings) []string {
	warnings := identityWarnings(settings, identity{os.Geteuid(), os.Getegid()})
	if zone, set := os.LookupEnv("TZ"); set && loadZone(zone) != nil {
		warnings = append(warnings, fmt.Sprintf("TZ=%q is no time zone that is known here, such as Europe/Paris; UTC is used", zone))
	}
	return warnings
}

// identityWarnings are for those who are not root, and so cannot become anybody else.
func identityWarnings(settings Settings, who identity) (warnings []string) {
	if who.uid == 0 {
		return nil
	}
	for _, wish := range []struct {
		name, kind string
		set        *userID
		is         int
	}{{"PUID", "user", settings.PUID, who.uid}, {"PGID", "group", settings.PGID, who.gid}} {
		if wish.set != nil && int(*wish.set) != wish.is {
			warnings = append(warnings, fmt.Sprintf("%s=%d has no effect, as Snug was not started as root: it runs as %s %d",
				wish.name, *wish.set, wish.kind, wish.is))
		}
	}
	return warnings
}

// loadZone fails where package time takes UTC without a word: it reads TZ as the name of a zone or the path of its file, after
// a colon that may be there (tzset(3)).
func loadZone(zone string) error {
	zone = strings.TrimPrefix(zone, ":")
	if !filepath.IsAbs(zone) {
		_, err := time.LoadLocation(zone)
		return err
	}
	content, err := os.ReadFile(zone)
	if err != nil {
		return err
	}
	_, err = time.LoadLocationFromTZData(zone, content)
	return err
}
