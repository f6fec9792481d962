package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"snug/supervisor"
)

func TestServicesOfTheUser(t *testing.T) {
	t.Parallel()
	data := dataIn(t)
	folder := filepath.Join(data, guestFolder)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"bot.sh": "echo \"bot at $SNUG_URL for $GREETS, settings: $SNUG_DATA$SNUG_DATABASE_URL_FILE$SNUG_TEST_TOKEN.\"\n" +
			"touch up\nexec sleep 1000\n",
		"bot.toml": "command = [\"sh\", \"bot.sh\"]\nafter = [\"chat\"]\nenv = { GREETS = \"all\" }\n" +
			"ready = { command = [\"test\", \"-e\", \"up\"] }\n",
		"plain.toml":  "command = [\"sleep\", \"1000\"]\n",
		"broken.toml": "command = [\"true\"]\n[restart]\npolicy = \"sometimes\"\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := start(t, data, "SNUG_TEST_TOKEN=secret")
	r.within(30*time.Second, func() error {
		health, err := r.health()
		if err == nil && strings.Count(fmt.Sprint(health.Services), "ready") != 5 {
			err = fmt.Errorf("not all are ready: %+v", health.Services)
		}
		return err
	})
	for _, want := range []string{
		"services.d/broken.toml:3: restart.policy: must be always, on-failure or never",
		"bot at " + r.url[:5] + "//127.0.0.1:",
		"for all, settings: .",
	} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log has no %q:\n%s", want, r.log)
		}
	}
	score, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", r.pid("bot")))
	if own, _ := os.ReadFile("/proc/self/oom_score_adj"); err != nil || string(own) == "0\n" && string(score) != "400\n" {
		t.Errorf("oom_score_adj is %s, %v", score, err)
	}
	out, code := r.snug("config")
	if code != exitDone || !strings.Contains(out, "bot     after chat\n") || !strings.Contains(out, "left out: services.d/broken.toml:3") {
		t.Errorf("snug config: %d\n%s", code, out)
	}
	r.stop()
}

func TestAddressForServicesOfTheUser(t *testing.T) {
	for address, want := range map[string]string{"0.0.0.0": "http://127.0.0.1:", "127.0.0.1": "http://127.0.0.1:", "::1": "http://[::1]:"} {
		listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.ParseIP(address)})
		if err != nil {
			t.Logf("%s: %v", address, err) // a machine without IPv6
			continue
		}
		defer listener.Close()
		port, err := supervisor.HoldPort(listener)
		if err != nil {
			t.Fatal(err)
		}
		a := &appliance{port: port}
		if got := a.localURL(); got != want+strconv.Itoa(port.Addr().Port) {
			t.Errorf("%s: %s, want %s and the port", address, got, want)
		}
	}
}
