package servicefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"snug/supervisor"
)

var builtIn = []supervisor.Service{{Name: "cache"}, {Name: "chat"}}

// loadFiles writes files NAME → content and loads them. Of the errors it returns the texts.
func loadFiles(t *testing.T, files map[string]string) ([]supervisor.Service, []string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "services.d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	services, errs := Load(Config{Dir: dir, Services: builtIn, Env: []string{"PATH=" + os.Getenv("PATH"), "A=1"}, OOMScore: 400})
	var texts []string
	for _, err := range errs {
		texts = append(texts, err.Error())
	}
	return services, texts
}

const everyField = `
name = "helper"
kind = "daemon"
command = ["./run.sh", "--fast"]
dir = "sub"
after = ["chat", "tunnel"]
required = true
oom_score = 500
ready = { http = "http://127.0.0.1:9000/health", interval = "100ms", timeout = "2s", start_timeout = "1m" }
stop = [{ signal = "SIGINT", grace = "5s" }, { signal = "SIGTERM", grace = "1s" }]

[env]
A = "2"
B = "x=y"

[live]
tcp = "127.0.0.1:9000"
interval = "10s"
timeout = "3s"
threshold = 5

[restart]
policy = "on-failure"
min = "1s"
max = "1m"
healthy_after = "30s"
burst = 4
retry_failed = "5m"
`

func TestEveryField(t *testing.T) {
	services, errs := loadFiles(t, map[string]string{"bot.toml": everyField, "tunnel.toml": `command = ["true"]`, ".bot.toml.swp": "x", "README": "x", ".x.toml": "x"})
	if len(errs) > 0 || len(services) != 2 {
		t.Fatalf("%v, %v", services, errs)
	}
	want := supervisor.Service{
		Name: "helper", After: []string{"chat", "tunnel"}, Required: true, OOMScore: 500,
		Probing: supervisor.Probing{
			StartTimeout: time.Minute, ReadyInterval: 100 * time.Millisecond, LiveInterval: 10 * time.Second,
			Timeout: 3 * time.Second, FailureThreshold: 5,
		},
		Restart: supervisor.Restart{
			Policy: "on-failure", Min: time.Second, Max: time.Minute, HealthyAfter: 30 * time.Second, Burst: 4, RetryFailed: 5 * time.Minute,
		},
		Stop: []supervisor.StopStep{{Signal: syscall.SIGINT, Grace: 5 * time.Second}, {Signal: syscall.SIGTERM, Grace: time.Second}},
	}
	if diff := cmp.Diff(want, services[0], cmpopts.IgnoreFields(supervisor.Service{}, "Command", "Ready", "Live")); diff != "" {
		t.Error(diff)
	}
	if services[0].Ready == nil || services[0].Live == nil || services[1].Ready == nil || services[1].Live != nil {
		t.Error("a probe is missing, or there is one too many")
	}
	if services[1].OOMScore != 400 || services[1].Required {
		t.Errorf("without fields: %+v", services[1])
	}
}

func TestWhatIsRun(t *testing.T) {
	services, errs := loadFiles(t, map[string]string{"bot.toml": everyField, "tunnel.toml": `command = ["true", "1"]`})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if _, err := services[0].Command(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "services.d/sub/run.sh") {
		t.Errorf("a program that is not there: %v", err)
	}
	c, err := services[1].Command()
	if err != nil || !filepath.IsAbs(c.Path) || filepath.Base(c.Dir) != "services.d" {
		t.Errorf("%+v, %v", c, err)
	}
	if diff := cmp.Diff([]string{"true", "1"}, c.Args); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"A=1", "PATH=" + os.Getenv("PATH")}, c.Env); diff != "" {
		t.Error(diff)
	}
}

func TestWrongFiles(t *testing.T) {
	const command = "command = [\"true\"]\n"
	for content, want := range map[string]string{
		"":                                                          `bot.toml: command: names no program: must be a list of texts, such as ["python3", "bot.py"]`,
		"command = []":                                              `bot.toml:1: command: names no program`,
		"\ncommand = \"true\"":                                      `bot.toml:2: command: must be a list of texts`,
		"command = [\"a\", 1]":                                      `bot.toml:1: command: must be a list of texts`,
		"command = [\"a\\u0000\"]":                                  `bot.toml:1: command: must not have a NUL`,
		command + "name = \"Bot 1\"":                                `bot.toml:2: name: "Bot 1" must be 1 to 32 small letters`,
		command + "name = 1":                                        `bot.toml:2: name: must be text in quotes`,
		command + "kind = \"cron\"":                                 `bot.toml:2: kind: must be daemon or task`,
		command + "required = 1":                                    `bot.toml:2: required: must be true or false`,
		command + "oom_score = 1001":                                `bot.toml:2: oom_score: must be a whole number from 0 to 1000`,
		command + "oom_score = 1.5":                                 `bot.toml:2: oom_score: must be a whole number`,
		command + "colour = 1":                                      `bot.toml:2: colour: is no field of a service`,
		command + "[restart]\n\npolicy = \"x\"":                     `bot.toml:4: restart.policy: must be always, on-failure or never`,
		command + "[restart]\nmin = \"2s\"\nmax = \"1s\"":           `bot.toml:3: restart.min: must not be longer than restart.max`,
		command + "restart = { burst = 0 }":                         `bot.toml:2: restart.burst: must be a whole number from 1 to 1000`,
		command + "restart.retry_failed = \"-1s\"":                  `bot.toml:2: restart.retry_failed: must be a duration above zero`,
		command + "restart = 1":                                     `bot.toml:2: restart: must be a table`,
		command + "[restart]\nevery = \"1s\"":                       `bot.toml:3: restart.every: is no field`,
		command + "[nope]":                                          `bot.toml:2: nope: is no field`,
		command + "stop = [{signal = \"TERM\", grace = \"1s\"}]":    `bot.toml:2: stop.signal: must be a signal that ends a program`,
		command + "[[stop]]\nsignal = \"SIGINT\"":                   `bot.toml:2: stop.grace: must be a duration`,
		command + "stop = \"SIGTERM\"":                              `bot.toml:2: stop: must be a list of steps`,
		command + "env = []":                                        `bot.toml:2: env: must be a table`,
		command + "[env]\nA = 1":                                    `bot.toml:3: env.A: must be text in quotes`,
		command + "[env]\n\"A=B\" = \"1\"":                          `bot.toml:3: env.A=B: must be a name without =`,
		command + "[ready]":                                         `bot.toml:2: ready: must have one of http, tcp, unix and command`,
		command + "[ready]\ntcp = \"h:1\"\nunix = \"s\"":            `bot.toml:2: ready: must have one of`,
		command + "[ready]\nhttp = \"ftp://x\"":                     `bot.toml:3: ready.http: must be a URL`,
		command + "[ready]\ntcp = \"9000\"":                         `bot.toml:3: ready.tcp: must be an address`,
		command + "[ready]\ncommand = []":                           `bot.toml:3: ready.command: names no program`,
		command + "[ready]\ntcp = \"h:1\"\nthreshold = 3":           `bot.toml:4: ready.threshold: is for live`,
		command + "[ready]\ntcp = \"h:1\"\ntimeout = \"soon\"":      `bot.toml:4: ready.timeout: must be a duration above zero`,
		command + "[live]\ntcp = \"h:1\"\nstart_timeout = \"1s\"":   `bot.toml:4: live.start_timeout: is for ready`,
		command + "[live]\ntcp = \"h:1\"\nthreshold = \"3\"":        `bot.toml:4: live.threshold: must be a whole number`,
		command + "kind = \"task\"\n[ready]\ntcp = \"127.0.0.1:1\"": `bot.toml:3: ready: a task is done when it ends`,
		command + "after = [\"nobody\"]":                            `bot.toml:2: after: there is no service "nobody"`,
		command + "after = [\"bot\"]":                               `bot.toml:2: after: services wait for each other: bot → bot`,
		command + "command = [\"x\"]":                               `bot.toml:2: command: key command is already defined`,
		"command = [":                                               `bot.toml:1: `,
		"\xff":                                                      `bot.toml:1: `,
		strings.Repeat("#", maxSize+1):                              `bot.toml: is larger than 64 kB`,
	} {
		services, errs := loadFiles(t, map[string]string{"bot.toml": content, "good.toml": command})
		if len(errs) != 1 || !strings.HasPrefix(errs[0], "services.d/"+want) || strings.Contains(errs[0], "\n") {
			t.Errorf("%.60q: %q, want %q", content, errs, want)
		}
		if len(services) != 1 || services[0].Name != "good" {
			t.Errorf("%.60q: the services are %v, want the good one alone", content, services)
		}
	}
}

func TestFilesThatDoNotGoTogether(t *testing.T) {
	const command = "command = [\"true\"]\n"
	services, errs := loadFiles(t, map[string]string{
		"chat.toml": command,                            // is there already
		"a.toml":    command + "name = \"z\"",           // first of two
		"b.toml":    command + "name = \"z\"",           //
		"c.toml":    command + "after = [\"d\"]",        // a cycle of three
		"d.toml":    command + "after = [\"e\"]",        //
		"e.toml":    command + "after = [\"c\", \"z\"]", //
		"f.toml":    command + "after = [\"e\"]",        // hangs on the cycle
		"g.toml":    command + "after = [\"h\", \"z\"]", // is right
		"h.toml":    command + "after = [\"chat\"]",     // is right
		"i.toml":    "what",
		"j.toml":    command + "after = [\"i\"]", // hangs on what is not even a service
	})
	want := []string{
		"services.d/i.toml:1: expected '=' after key",
		`services.d/b.toml:2: name: "z" is the name of services.d/a.toml: choose another`,
		`services.d/chat.toml: name: "chat" is the name of a service that is always there: choose another`,
		`services.d/c.toml:2: after: services wait for each other: c → d → e → c`,
		`services.d/d.toml:2: after: services wait for each other: d → e → c → d`,
		`services.d/e.toml:2: after: services wait for each other: e → c → d → e`,
		`services.d/f.toml:2: after: "e" was refused`,
		`services.d/j.toml:2: after: there is no service "i"`,
	}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Error(diff)
	}
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
		s.Command = func() (supervisor.Command, error) { return supervisor.Command{}, nil }
	}
	if diff := cmp.Diff([]string{"z", "g", "h"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestFolderOfServices(t *testing.T) {
	if services, errs := Load(Config{Dir: "/does/not/exist"}); len(services)+len(errs) > 0 {
		t.Errorf("no folder: %v, %v", services, errs)
	}
	dir := filepath.Join(t.TempDir(), "services.d")
	if err := os.MkdirAll(filepath.Join(dir, "x.toml"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/does/not/exist", filepath.Join(dir, "y.toml")); err != nil {
		t.Fatal(err)
	}
	_, errs := Load(Config{Dir: dir})
	if len(errs) != 2 || errs[0].Error() != "services.d/x.toml: is not a file" ||
		errs[1].Error() != "services.d/y.toml: cannot be read: no such file or directory" {
		t.Errorf("%v", errs)
	}
}

// FuzzParse wants of every file a service that a supervisor takes, or errors in their one form.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", everyField, "command = [", "a.b = 1\n[[stop]]\nsignal = 1", "[ready]\ncommand = [\"x\"]"} {
		f.Add([]byte(seed))
	}
	config := Config{Dir: "/srv", Services: builtIn, Env: []string{"A=1"}}
	f.Fuzz(func(t *testing.T, content []byte) {
		parsed, errs := parse("bot.toml", content)
		var c candidate
		if len(errs) == 0 {
			c, errs = build(config, parsed, "bot")
		}
		for _, err := range errs {
			if !strings.HasPrefix(err.Error(), "bot.toml:") {
				t.Fatalf("%v", err)
			}
		}
		if len(errs) > 0 {
			return
		}
		c.After = nil
		if _, err := supervisor.New(supervisor.Config{Services: []supervisor.Service{c.Service}}); err != nil {
			t.Fatalf("%q: %v", content, err)
		}
	})
}
