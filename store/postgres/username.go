package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
)

// nssWrapper is where distributions put the library that shows programs another /etc/passwd (nss_wrapper(1)).
var nssWrapper = []string{"/usr/lib/*/libnss_wrapper.so", "/usr/lib64/libnss_wrapper.so", "/usr/lib/libnss_wrapper.so"}

// nameUser gives the user that we run as a name for the programs run from here, where it has none: initdb asks for one,
// and a container can be started as any number. Without the library, initdb decides: the name may come from a directory
// that only the C library knows.
func (w workspace) nameUser() error {
	uid, gid := os.Geteuid(), os.Getegid()
	if _, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return nil
	}
	library := findNSSWrapper()
	if library == "" {
		return nil
	}
	passwd, group := filepath.Join(w.temp(), "passwd"), filepath.Join(w.temp(), "group")
	return errors.Join(
		os.WriteFile(passwd, fmt.Appendf(nil, "snug:x:%d:%d:Snug:/:/bin/false\n", uid, gid), 0o600),
		os.WriteFile(group, fmt.Appendf(nil, "snug:x:%d:\n", gid), 0o600),
		os.Setenv("LD_PRELOAD", library),
		os.Setenv("NSS_WRAPPER_PASSWD", passwd),
		os.Setenv("NSS_WRAPPER_GROUP", group),
	)
}

func findNSSWrapper() string {
	for _, pattern := range nssWrapper {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	return ""
}

// explainNameless says what to do about initdb's complaint that the user has no name.
func explainNameless(err error) error {
	if err == nil || !strings.Contains(err.Error(), "could not look up effective user ID") {
		return err
	}
	return fmt.Errorf("%w; PostgreSQL wants its user to have a name: run Snug as one from /etc/passwd (PUID), or install libnss-wrapper", err)
}
