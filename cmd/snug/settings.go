package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/caarlos0/env/v11"
	"github.com/spf13/cobra"

	"snug/chat"
	"snug/supervisor"
)

// Settings are all that can be set, by environment. Every variable NAME can also be given as NAME_FILE or
// FILE__NAME, the path of a file that holds the value. The tags are the reference: `snug serve --help` and
// .env.example are made from them.
type Settings struct {
	Listen      listenAddress `env:"SNUG_LISTEN" envDefault:":8080" help:"address of the public port; :0 picks a free one"`
	Data        folder        `env:"SNUG_DATA" envDefault:"./data" help:"folder of all data"`
	Run         folder        `env:"SNUG_RUN" help:"folder of the sockets; default /run/snug, else under the data"`
	PublicURL   publicURL     `env:"SNUG_PUBLIC_URL" help:"where people reach it, such as https://chat.example.org or https://example.org/chat"`
	Proxies     proxyList     `env:"SNUG_TRUSTED_PROXIES" help:"proxies whose X-Forwarded headers count, such as 10.0.0.0/8,192.168.1.5; private is all loopback, private and link-local addresses; default: none"`
	DatabaseURL databaseURL   `env:"SNUG_DATABASE_URL" help:"use this PostgreSQL instead of the own one"`
	RedisURL    redisURL      `env:"SNUG_REDIS_URL" help:"use this Redis or Valkey instead of the own cache"`
	PostgresBin folder        `env:"SNUG_POSTGRES_BIN" help:"folder of PostgreSQL's programs; default: found, or fetched"`
	Memory      memorySize    `env:"SNUG_MEMORY" help:"memory to share out, such as 512MB; default: the container's limit"`
	UploadMax   uploadSize    `env:"SNUG_UPLOAD_MAX" envDefault:"100MB" help:"largest file that people may upload, such as 25MB or 2GB"`
	UploadQuota uploadSize    `env:"SNUG_UPLOAD_QUOTA" envDefault:"10GB" help:"how much the files of one person may take together"`
	LogFormat   logFormat     `env:"SNUG_LOG_FORMAT" envDefault:"auto" help:"auto (text, coloured on a terminal), text or json"`
	LogLevel    slog.Level    `env:"SNUG_LOG_LEVEL" envDefault:"info" help:"debug, info, warn or error"`
	TLSCert     folder        `env:"SNUG_TLS_CERT" help:"PEM file of the certificate for https; read again when it changes"`
	TLSKey      folder        `env:"SNUG_TLS_KEY" help:"PEM file of the certificate's key"`
	OnFailure   onFailure     `env:"SNUG_ON_FAILURE" envDefault:"keep" help:"when a needed service has failed for good: keep (retry slowly) or exit (with code 3)"`
	Metrics     metricsAccess `env:"SNUG_METRICS" envDefault:"token" help:"who may read /metrics: off (nobody), token (who has the one in the data's secrets/metrics-token) or public"`
	PUID        *userID       `env:"PUID" help:"user to run as when started as root; default: who owns the data"`
	PGID        *userID       `env:"PGID" help:"group to run as when started as root"`

	// fromFiles are the values that were given by a file, by name.
	fromFiles map[string]string
}

// loadSettings reads the environment. A wrong value is a usage error that names the setting; an unknown SNUG_*
// variable is warned of, in the second value.
func loadSettings(environ []string) (Settings, []string, error) {
	variables := env.ToMap(environ)
	fromFiles, err := readSettingFiles(variables)
	if err != nil {
		return Settings{}, nil, usageError{err}
	}
	for name, value := range variables {
		if value == "" {
			delete(variables, name) // set to nothing, as compose files do, means not set
		}
	}
	settings, err := env.ParseAsWithOptions[Settings](env.Options{Environment: variables})
	if err != nil {
		return Settings{}, nil, usageError{explainSettings(err, variables)}
	}
	settings.fromFiles = fromFiles
	return settings, unknownSettings(variables), nil
}

// settingFlags are the flags that set the most common settings.
var settingFlags = map[string]string{"data": "SNUG_DATA", "listen": "SNUG_LISTEN"}

// commandSettings are the settings of a command: the environment, and its flags over it.
func commandSettings(cmd *cobra.Command) (Settings, []string, error) {
	return loadSettings(commandEnviron(cmd))
}

// operatorSettings are those of a command that asks the Snug that runs. It needs no secret, which may be in a file that only
// root may read.
func operatorSettings(cmd *cobra.Command) (Settings, error) {
	settings, _, err := loadSettings(without(commandEnviron(cmd), databaseSecret, redisSecret))
	return settings, err
}

func commandEnviron(cmd *cobra.Command) []string {
	environ := os.Environ()
	for flag, name := range settingFlags {
		if f := cmd.Flags().Lookup(flag); f != nil && f.Changed {
			environ = append(environ, name+"="+f.Value.String())
		}
	}
	return environ
}

// describeSettings is the reference of all settings, a line each.
func describeSettings() string {
	var text strings.Builder
	for _, field := range settingFields() {
		fmt.Fprintf(&text, "  %-20s %s", field.Tag.Get("env"), field.Tag.Get("help"))
		if value := field.Tag.Get("envDefault"); value != "" {
			fmt.Fprintf(&text, " (default %s)", value)
		}
		text.WriteString("\n")
	}
	return text.String()
}

// settingFields are the fields of Settings that are set by a variable, in order.
func settingFields() []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(reflect.TypeFor[Settings]()), func(field reflect.StructField) bool {
		return !field.IsExported()
	})
}

func settingNames() []string {
	var names []string
	for _, field := range settingFields() {
		names = append(names, field.Tag.Get("env"))
	}
	return names
}

// explainSettings turns the parser's errors, which name fields, into ones that name variables and their values.
func explainSettings(err error, variables map[string]string) error {
	var all env.AggregateError
	if !errors.As(err, &all) {
		return err
	}
	var explained []string
	for _, one := range all.Errors {
		var parse env.ParseError
		if !errors.As(one, &parse) {
			explained = append(explained, one.Error())
			continue
		}
		for _, field := range settingFields() {
			if field.Name == parse.Name {
				name := field.Tag.Get("env")
				explained = append(explained, fmt.Sprintf("%s=%q: allowed is %s",
					name, hideSecret(name, variables[name]), field.Tag.Get("help")))
				if errors.As(parse.Err, new(settingError)) {
					explained[len(explained)-1] = fmt.Sprintf("%s=%q: %v", name, hideSecret(name, variables[name]), parse.Err)
				}
			}
		}
	}
	return errors.New(strings.Join(explained, "; "))
}

// hideSecret keeps passwords in URLs out of messages.
func hideSecret(name, value string) string {
	if !strings.HasSuffix(name, "_URL") {
		return value
	}
	u, query, err := parseURL(value)
	if err != nil {
		return "(hidden)"
	}
	for key := range query {
		if strings.Contains(key, "password") {
			query.Set(key, "xxxxx")
			u.RawQuery = query.Encode()
		}
	}
	return u.Redacted()
}

// settingError is what is wrong with a value, in words for people.
type settingError struct{ text string }

func (e settingError) Error() string { return e.text }

// inheritedSettings are variables with our prefix that are not the user's to set.
var inheritedSettings = []string{"SNUG_LISTEN_FD"}

func unknownSettings(variables map[string]string) []string {
	known := settingNames()
	var warnings []string
	for name := range variables {
		base := settingOf(name)
		if !strings.HasPrefix(base, "SNUG_") || slices.Contains(known, base) || slices.Contains(inheritedSettings, name) {
			continue
		}
		nearest := slices.MinFunc(known, func(a, b string) int { return editDistance(base, a) - editDistance(base, b) })
		warnings = append(warnings, fmt.Sprintf("%s is no setting of Snug; did you mean %s?", name, nearest))
	}
	slices.Sort(warnings)
	return warnings
}

// editDistance is Levenshtein's: how many letters must be put in, taken out or replaced.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

type listenAddress string

func (l *listenAddress) UnmarshalText(text []byte) error {
	_, port, err := net.SplitHostPort(string(text))
	if err != nil {
		return settingError{"must be an address like :8080 or 127.0.0.1:8080"}
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return settingError{"the port must be a number from 0 to 65535"}
	}
	*l = listenAddress(text)
	return nil
}

// folder is an absolute path; a relative one is taken from the working directory.
type folder string

func (f *folder) UnmarshalText(text []byte) error {
	path, err := filepath.Abs(string(text))
	if err != nil {
		return settingError{err.Error()}
	}
	if path == "/" {
		return settingError{"must be a folder of its own, such as /srv/snug"}
	}
	*f = folder(path)
	return nil
}

type publicURL string

func (p *publicURL) UnmarshalText(text []byte) error {
	u, err := chat.ParsePublicURL(string(text))
	if err != nil {
		return settingError{err.Error()}
	}
	*p = publicURL(u.String())
	return nil
}

func (p publicURL) parsed() chat.PublicURL {
	u, _ := chat.ParsePublicURL(string(p)) // which it was made from
	return u
}

type databaseURL string

func (d *databaseURL) UnmarshalText(text []byte) error {
	u, err := checkURL(text, "postgres", "postgresql")
	*d = databaseURL(u)
	return err
}

type redisURL string

func (r *redisURL) UnmarshalText(text []byte) error {
	u, err := checkURL(text, "redis", "rediss", "unix")
	*r = redisURL(u)
	return err
}

func checkURL(text []byte, schemes ...string) (string, error) {
	u, _, err := parseURL(string(text))
	if err != nil {
		return "", err
	}
	if !slices.Contains(schemes, u.Scheme) || u.Host == "" && u.Path == "" {
		return "", settingError{"must be a URL that begins with " + strings.Join(schemes, ":// or ") + "://"}
	}
	return string(text), nil
}

// parseURL is strict: a password with characters that end it too early would leave a rest that is taken for a host, a path or
// a parameter, and shown. An error does not quote it.
func parseURL(text string) (*url.URL, url.Values, error) {
	unreadable := settingError{"cannot be read: in its user and password write % as %25, @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and & as %26; nowhere else may be an @"}
	u, err := url.Parse(text)
	if err != nil {
		return nil, nil, unreadable
	}
	query, err := url.ParseQuery(u.RawQuery)
	misplaced := strings.Count(text, "@")
	if u.User != nil {
		misplaced--
	}
	if err != nil || u.Fragment != "" || misplaced > 0 {
		return nil, nil, unreadable
	}
	return u, query, nil
}

type logFormat string

func (f *logFormat) UnmarshalText(text []byte) error {
	if !slices.Contains([]string{"auto", "text", "json"}, string(text)) {
		return settingError{"must be auto, text or json"}
	}
	*f = logFormat(text)
	return nil
}

type onFailure supervisor.OnFailure

func (f *onFailure) UnmarshalText(text []byte) error {
	if !slices.Contains([]string{string(supervisor.KeepOnFailure), string(supervisor.ExitOnFailure)}, string(text)) {
		return settingError{"must be keep or exit"}
	}
	*f = onFailure(text)
	return nil
}

type userID uint32

func (u *userID) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil || n == 0 {
		return settingError{"must be the number of a user or group other than root's"}
	}
	*u = userID(n)
	return nil
}
