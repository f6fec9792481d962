package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestSettingsHaveSaneDefaults(t *testing.T) {
	settings, warnings, err := loadSettings([]string{"SNUG_PUBLIC_URL=", "HOME=/nowhere"})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%v, %v", err, warnings)
	}
	here, _ := filepath.Abs("data")
	if settings.Listen != ":8080" || string(settings.Data) != here || settings.LogFormat != "auto" || settings.PUID != nil {
		t.Errorf("%+v", settings)
	}
}

func TestWrongSettingIsRefusedByName(t *testing.T) {
	for variable, want := range map[string]string{
		"SNUG_LISTEN=8080":                             `SNUG_LISTEN="8080": must be an address like :8080`,
		"SNUG_LISTEN=:99999":                           `SNUG_LISTEN=":99999": the port must be a number`,
		"SNUG_DATA=/":                                  `SNUG_DATA="/": must be a folder of its own`,
		"SNUG_LOG_FORMAT=xml":                          `SNUG_LOG_FORMAT="xml": must be auto, text or json`,
		"SNUG_LOG_LEVEL=loud":                          `SNUG_LOG_LEVEL="loud": allowed is debug, info, warn or error`,
		"SNUG_PUBLIC_URL=chat.example.org":             `SNUG_PUBLIC_URL="chat.example.org": must be like https://chat.example.org or https://example.org/chat`,
		"SNUG_PUBLIC_URL=https://h/api":                `SNUG_PUBLIC_URL="https://h/api": the path must not begin with /api`,
		"SNUG_TRUSTED_PROXIES=10.0.0.0/8,nginx":        `SNUG_TRUSTED_PROXIES="10.0.0.0/8,nginx": "nginx" is neither an address nor a network; allowed is a list like`,
		"SNUG_TRUSTED_PROXIES=0.0.0.0/0":               `SNUG_TRUSTED_PROXIES="0.0.0.0/0": "0.0.0.0/0" is everybody`,
		"SNUG_DATABASE_URL=mysql://u:secret@h/d":       `SNUG_DATABASE_URL="mysql://u:xxxxx@h/d": must be a URL`,
		"SNUG_REDIS_URL=h:6379":                        `must be a URL that begins with redis://`,
		"SNUG_METRICS=on":                              `SNUG_METRICS="on": must be off, token or public`,
		"SNUG_UPLOAD_MAX=big":                          `SNUG_UPLOAD_MAX="big": must be a size from 1 MB to 1024 GB, such as 25MB or 2GB`,
		"SNUG_UPLOAD_MAX=0":                            `SNUG_UPLOAD_MAX="0": must be a size from 1 MB`,
		"SNUG_UPLOAD_QUOTA=2000TB":                     `SNUG_UPLOAD_QUOTA="2000TB": must be a size`,
		"PUID=0":                                       `PUID="0": must be the number of a user`,
		"PGID=staff":                                   `PGID="staff": must be the number of a user`,
		"SNUG_LISTEN_FILE=/does/not/exist":             `SNUG_LISTEN_FILE: open /does/not/exist`,
		"SNUG_DATABASE_URL=postgres://u:12/secret@h/d": `SNUG_DATABASE_URL="(hidden)": cannot be read: in its user and password write`,
		"SNUG_DATABASE_URL=postgres://u:1#secret@h/d":  `"(hidden)": cannot be read`,
		"SNUG_DATABASE_URL=postgres://u:x/secret@h/d":  `"(hidden)": cannot be read`,
		"SNUG_DATABASE_URL=u:secret@h/d":               `"(hidden)": cannot be read`,
		"SNUG_DATABASE_URL=postgres:u:secret@h/d":      `"(hidden)": cannot be read`,
		"SNUG_REDIS_URL=redis:/x:secret@h/d":           `"(hidden)": cannot be read`,
	} {
		_, _, err := loadSettings([]string{variable})
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, new(usageError)) {
			t.Errorf("%s: error %v, want %q in it", variable, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells the password: %v", variable, err)
		}
	}
}

func TestAllWrongSettingsAreToldAtOnce(t *testing.T) {
	_, _, err := loadSettings([]string{"SNUG_LISTEN=x", "SNUG_LOG_FORMAT=y"})
	if err == nil || !strings.Contains(err.Error(), "SNUG_LISTEN") || !strings.Contains(err.Error(), "SNUG_LOG_FORMAT") {
		t.Errorf("error %v", err)
	}
}

func TestSettingsFromFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("postgres://u:p@h/d\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, variable := range []string{"SNUG_DATABASE_URL_FILE", "FILE__SNUG_DATABASE_URL"} {
		settings, warnings, err := loadSettings([]string{variable + "=" + path})
		if err != nil || settings.DatabaseURL != "postgres://u:p@h/d" || len(warnings) > 0 {
			t.Errorf("%s: %q, %v, %v", variable, settings.DatabaseURL, warnings, err)
		}
	}
	_, _, err := loadSettings([]string{"SNUG_DATABASE_URL=postgres://h/d", "SNUG_DATABASE_URL_FILE=" + path})
	if err == nil || !strings.Contains(err.Error(), "keep one") {
		t.Errorf("both given: %v", err)
	}
}

func TestUnknownSettingIsWarnedOf(t *testing.T) {
	_, warnings, err := loadSettings([]string{"SNUG_LISTN=:1", "SNUG_LOGLEVEL_FILE=/x", "SNUG_LISTEN_FD=3", "SNUGGLE=1"})
	want := []string{
		"SNUG_LISTN is no setting of Snug; did you mean SNUG_LISTEN?",
		"SNUG_LOGLEVEL_FILE is no setting of Snug; did you mean SNUG_LOG_LEVEL?",
	}
	if diff := cmp.Diff(want, warnings); diff != "" || err != nil {
		t.Error(err, diff)
	}
}

func TestEditDistance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringMatching("[a-c]{0,6}").Draw(t, "a"), rapid.StringMatching("[a-c]{0,6}").Draw(t, "b")
		distance := editDistance(a, b)
		if distance != editDistance(b, a) || (distance == 0) != (a == b) || distance > max(len(a), len(b)) {
			t.Errorf("distance of %q and %q is %d", a, b, distance)
		}
	})
}

func FuzzLoadSettings(f *testing.F) {
	for _, seed := range []string{"SNUG_LISTEN=:1", "SNUG_DATABASE_URL=postgres://a:b@c/d", "PUID=1000"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, variable string) {
		if strings.Contains(variable, "FILE") {
			return // would open whatever it names
		}
		_, _, err := loadSettings([]string{variable})
		if err != nil && !errors.As(err, new(usageError)) {
			t.Errorf("%q: %v is no usage error", variable, err)
		}
	})
}

var update = flag.Bool("update", false, "write .env.example anew")

// TestEnvExample keeps .env.example, which lists every setting, true to the code.
func TestEnvExample(t *testing.T) {
	var want strings.Builder
	want.WriteString("# Every setting of Snug, with its default. Each can also be given as NAME_FILE, the path of a file that holds it.\n")
	for _, field := range settingFields() {
		fmt.Fprintf(&want, "\n# %s\n#%s=%s\n", field.Tag.Get("help"), field.Tag.Get("env"), field.Tag.Get("envDefault"))
	}
	path := filepath.Join("..", "..", ".env.example")
	if *update {
		if err := os.WriteFile(path, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("run `go test ./cmd/snug -run EnvExample -update`:\n%s", diff)
	}
}
