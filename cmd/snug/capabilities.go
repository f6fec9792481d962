package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Root needs these to give the data to another user and to become that one (capabilities(7)). A container may lack them.
var (
	becomeCapabilities = map[string]uint{"SETUID": unix.CAP_SETUID, "SETGID": unix.CAP_SETGID}
	giveCapabilities   = map[string]uint{"CHOWN": unix.CAP_CHOWN, "DAC_OVERRIDE": unix.CAP_DAC_OVERRIDE}
)

// missingCapabilities are the names of those that this process lacks, in order.
func missingCapabilities(needed map[string]uint) ([]string, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return nil, fmt.Errorf("look which capabilities there are: %w", err)
	}
	var missing []string
	for name, number := range needed {
		if data[number/32].Effective&(1<<(number%32)) == 0 {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing, nil
}

// checkCapabilities refuses before anything was changed, what would fail in the middle.
func checkCapabilities(who identity, needed map[string]uint) error {
	missing, err := missingCapabilities(needed)
	if err != nil || len(missing) == 0 {
		return err
	}
	return fmt.Errorf("started as root, Snug becomes user %d, for which it lacks CAP_%s: start it as that user instead (docker run --user %d:%d), or allow it these (--cap-add %s)",
		who.uid, strings.Join(missing, ", CAP_"), who.uid, who.gid, strings.Join(missing, " --cap-add "))
}

// explainGive says why root could not give a folder of ours away.
func explainGive(who identity, folder string, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if lacking := checkCapabilities(who, giveCapabilities); lacking != nil {
		return lacking
	}
	return fmt.Errorf("root may not give %s to user %d (%w), as on some network file systems: set PUID and PGID to whom it belongs", folder, who.uid, err)
}
