package postgres

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// The roles of the cluster: PostgreSQL's superuser, and the one that owns the database and that the chat server uses.
const (
	superuser   = "postgres"
	application = "snug"
	database    = "snug"
)

// wellFormed is what a password may be: it is written into connection strings that know no quoting.
var wellFormed = regexp.MustCompile(`^[A-Za-z0-9_-]{8,128}$`)

func (c Config) passwordFile(role string) string {
	return filepath.Join(c.SecretsDir, "postgres-password-"+role)
}

// password reads the password of a role. The error wraps fs.ErrNotExist when there is none yet.
func (c Config) password(role string) (string, error) {
	path := c.passwordFile(role)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the database password: %w", err)
	}
	password := strings.TrimSuffix(string(text), "\n")
	if !wellFormed.MatchString(password) {
		return "", fmt.Errorf("%s holds no usable password (8 to 128 letters, digits, - and _): put the file back "+
			"from a backup, or remove it if there is no database yet", path)
	}
	return password, nil
}

// ensurePasswords generates what is missing of the passwords. They are durable before anything uses them, and one
// that exists is never replaced: a cluster may have been made with it.
func (c Config) ensurePasswords() error {
	if err := makeDir(c.SecretsDir); err != nil {
		return fmt.Errorf("make the folder of secrets: %w", err)
	}
	for _, role := range []string{superuser, application} {
		_, err := c.password(role)
		if errors.Is(err, fs.ErrNotExist) {
			err = writeFile(c.passwordFile(role), []byte(rand.Text()+"\n"))
		}
		if err != nil {
			return fmt.Errorf("prepare the database password of %s: %w", role, err)
		}
	}
	return nil
}

// checkPasswords makes sure that an existing cluster can be logged in to.
func (c Config) checkPasswords() error {
	for _, role := range []string{superuser, application} {
		_, err := c.password(role)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the cluster %s exists, but its password file %s does not: put the file back from a backup. "+
				"Nothing was changed", c.Dir, c.passwordFile(role))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
